// SPDX-License-Identifier: MIT
//
// See cpu_list.hpp.
#include "libparapet/cpu_list.hpp"
#include "libparapet/error.hpp"
#include <charconv>

namespace parapet {
namespace {

std::size_t cpu_number(std::string_view text, std::string_view part, std::size_t cpus)
{
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        fail("'{}' is no CPU, nor a range of them; write for example 0,2-3 or all", part);
    if (n >= cpus) fail("there is no CPU {}: this machine's are 0 to {}", n, cpus - 1);
    return n;
}

void add_part(CpuList& list, std::string_view part, std::size_t cpus)
{
    const std::size_t dash = part.find('-');
    const std::size_t first = cpu_number(part.substr(0, dash), part, cpus);
    const std::size_t last = dash == part.npos ? first : cpu_number(part.substr(dash + 1), part, cpus);
    if (last < first) fail("'{}' runs backwards", part);
    for (std::size_t n = first; n <= last; ++n)
        list.set(n);
}

} // namespace

CpuList parse_cpus(const std::string& text, std::size_t cpus)
{
    CpuList list;
    if (text == "all") {
        for (std::size_t n = 0; n < cpus; ++n)
            list.set(n);
        return list;
    }
    std::string_view rest = text;
    for (;;) {
        const std::size_t comma = rest.find(',');
        add_part(list, rest.substr(0, comma), cpus);
        if (comma == rest.npos) return list;
        rest.remove_prefix(comma + 1);
    }
}

std::string format_cpus(const CpuList& list, std::size_t cpus)
{
    std::string text;
    for (std::size_t n = 0; n < cpus; ++n) {
        if (!list.test(n)) continue;
        const std::size_t first = n;
        while (n + 1 < cpus && list.test(n + 1))
            ++n;
        if (first == 0 && n + 1 == cpus) return "all";
        text += fmt::format("{}{}", text.empty() ? "" : ",", first);
        if (n != first) text += fmt::format("-{}", n);
    }
    return text.empty() ? "none" : text;
}

} // namespace parapet
