// SPDX-License-Identifier: MIT
//
// Sets of CPUs as people write them: "0,2-3", or "all".
#pragma once
#include <bitset>
#include <string>

namespace parapet {

inline constexpr std::size_t most_cpus = 256;
using CpuList = std::bitset<most_cpus>;

/// Fails, naming the part that is wrong, for anything but numbers and ranges below @p cpus, and for an empty list.
CpuList parse_cpus(const std::string& text, std::size_t cpus);
/// The shortest list; "all" for 0..cpus-1, "none" for nothing.
std::string format_cpus(const CpuList& list, std::size_t cpus);

} // namespace parapet
