// SPDX-License-Identifier: MIT
//
// The control interface: domctl works on one domain, sysctl on the machine. The hypercall layer has checked that the
// caller is the hardware domain and that it speaks our version; records are copies, written back on success.
#pragma once
#include "domain/domain.hpp"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"

namespace hv::domain {

/// enosys for commands there are not. May return restart.
Result<std::uint64_t> control_domain(Vcpu& caller, pv_domctl& op);
Result<std::uint64_t> control_system(Vcpu& caller, pv_sysctl& op);

// ---- the parts of control_domain ----
Result<> create_domain(pv_domctl& op);
/// What getdomaininfo and getdomaininfolist tell of @p d.
void describe(Domain& d, pv_domctl_getdomaininfo& info);
Result<> control_vcpu(Vcpu& caller, Domain& d, pv_domctl& op);

/// The scheduler's number that toolstacks know and whose knobs, weight and cap, are ours.
inline constexpr std::uint32_t scheduler_id = PV_SCHEDULER_CREDIT;

/// Sets of CPUs (or of nodes, of which there is one: 0) as the ABI passes them. Bits past the last CPU are ignored.
Result<CpuSet> read_set(const pv_xenctl_bitmap& map);
/// As much of @p set as @p map has room for, zeroes behind it. einval for a map of absurd size.
Result<> write_set(const pv_xenctl_bitmap& map, const CpuSet& set);

} // namespace hv::domain
