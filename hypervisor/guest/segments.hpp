// SPDX-License-Identifier: MIT
//
// Which descriptors a guest may have. Pure function; the tables themselves are frames of type segment_descriptors.
#pragma once
#include <cstdint>
#include <optional>

namespace hv::guest {

/// The descriptor as it may be stored: code and data with DPL forced to 3, anything not present or of system type 0
/// unchanged; nothing for gates, TSSs and LDTs.
constexpr std::optional<std::uint64_t> usable_descriptor(std::uint64_t d)
{
    constexpr std::uint64_t present = 1ULL << 47, code_or_data = 1ULL << 44, dpl3 = 3ULL << 45, type = 0xfULL << 40;
    if ((d & present) == 0) return d;
    if ((d & code_or_data) != 0) return d | dpl3;
    if ((d & type) == 0) return d;
    return std::nullopt;
}

} // namespace hv::guest
