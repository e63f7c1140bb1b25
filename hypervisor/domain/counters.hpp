// SPDX-License-Identifier: MIT
//
// Figures that must come back to where they were when a domain has gone: Parapet's own sysctl, for leak tests.
#pragma once
#include <array>
#include <cstdint>

namespace hv::domain {

inline constexpr std::uint32_t sysctl_counters = 0x70617261; ///< "para": a command number of ours.

/// Free frames; bytes of hypervisor memory in use; open event ports; grants in use; domains; page-table entries that
/// map another domain's frame; frames held by dying domains; 0. words[0] is an index in; a lock rank, how often one of
/// its locks was waited for and for how many rounds, out. Enoent past the last.
inline constexpr std::uint32_t sysctl_locks = 0x70617262;
/// words[0] a domain and words[1] a vCPU in; state, nanoseconds running, runnable, blocked and offline, CPU or ~0,
/// events delivered and page-table updates out. Esrch, enoent.
inline constexpr std::uint32_t sysctl_vcpu_times = 0x70617263;

using Counters = std::array<std::uint64_t, 8>;
Counters read_counters();

} // namespace hv::domain
