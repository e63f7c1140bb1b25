// SPDX-License-Identifier: MIT
//
// See memory_size.hpp.
#include "libparapet/memory_size.hpp"
#include "libparapet/error.hpp"
#include <charconv>
#include <string_view>

namespace parapet {

std::uint64_t parse_memory(const std::string& text)
{
    constexpr std::uint64_t most = 1ULL << 30; // KiB
    constexpr std::string_view units = "kmgt";
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc::result_out_of_range) fail("'{}' is more memory than any machine has", text);
    if (error != std::errc{} || end - stop > 1)
        fail("'{}' is no amount of memory: a number of MiB, or with k, m, g or t behind it", text);
    std::size_t unit = 1;
    if (stop != end) unit = units.find(static_cast<char>(*stop | 0x20));
    if (unit == std::string_view::npos) fail("'{}': the unit '{}' is none of k, m, g, t", text, *stop);
    if (number == 0) fail("'{}': a domain needs some memory", text);
    const unsigned shift = 10 * static_cast<unsigned>(unit);
    if (number > most >> shift) fail("'{}' is more than the {} GiB that a domain can have", text, most >> 20);
    return number << shift;
}

} // namespace parapet
