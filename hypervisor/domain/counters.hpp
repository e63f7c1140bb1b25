// SPDX-License-Identifier: MIT
//
// Figures that must come back to where they were when a domain has gone: Parapet's own sysctl, for leak tests.
#pragma once
#include <array>
#include <cstdint>

namespace hv::domain {

inline constexpr std::uint32_t sysctl_counters = 0x70617261; ///< "para": a command number of ours.

/// Free frames; bytes of hypervisor memory in use; open event ports; grants in use; domains; foreign frames mapped by
/// the hardware domain (not tracked: 0); frames held by dying domains; 0.
using Counters = std::array<std::uint64_t, 8>;
Counters read_counters();

} // namespace hv::domain
