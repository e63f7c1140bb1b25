// SPDX-License-Identifier: MIT
//
// The control interface: domctl works on one domain, sysctl on the machine. The hypercall layer has checked that the
// caller is the hardware domain and that it speaks our version; records are copies, written back on success.
#pragma once
#include "domain/domain.hpp"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"
#include <array>

namespace hv::domain {

/// enosys for commands there are not. May return restart.
Result<> control_domain(Vcpu& caller, pv_domctl& op);
Result<> control_system(pv_sysctl& op);

/// What getdomaininfo and getdomaininfolist tell of @p d.
void describe(Domain& d, pv_domctl_getdomaininfo& info);

/// The scheduler's number that toolstacks know and whose knobs, weight and cap, are ours.
inline constexpr std::uint32_t scheduler_id = PV_SCHEDULER_CREDIT;

/// Sets of CPUs (or of nodes, of which there is one: 0) as the ABI passes them. Bits past the last CPU are ignored.
Result<CpuSet> read_set(const pv_xenctl_bitmap& map);
/// As much of @p set as @p map has room for, zeroes behind it. einval for a map of absurd size.
Result<> write_set(const pv_xenctl_bitmap& map, const CpuSet& set);

// ---- the CPUID policy as lists of leaves and feature words (cpu_policy.cpp) ----
// There is one for all guests (guest/cpuid_policy.hpp); what a toolstack sets is checked but changes nothing.

enum class PolicyKind : std::uint8_t { hardware, guest };
/// PV_SYSCTL_CPU_POLICY_ and _FEATURESET_ numbers agree up to 3. eopnotsupp for HVM's, einval for what there is not.
Result<PolicyKind> policy_kind(std::uint32_t index, std::uint32_t guest_default);

/// Writes the leaves to guest array @p leaves with room for @p count, which becomes their number; a null array only
/// counts. enobufs if they do not fit.
Result<> write_policy(PolicyKind kind, GuestVa leaves, std::uint32_t& count);
/// Is @p leaves a readable list of @p count leaves that could have come from write_policy?
Result<> check_policy(GuestVa leaves, std::uint32_t count);

/// Feature words in the order of the ABI's feature sets. @p count becomes how many were written; null array: how many
/// there are.
Result<> write_featureset(PolicyKind kind, GuestVa words, std::uint32_t& count);
inline constexpr std::uint32_t featureset_words = 19;
std::uint32_t feature_word(PolicyKind kind, std::uint32_t index);

// ---- commands of our own, for leak tests and `vmctl top` ----
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
