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

/// The schedulers' number that toolstacks know and that has a weight and no other knob Parapet lacks.
inline constexpr std::uint32_t scheduler_id = PV_SCHEDULER_CREDIT2;

/// Sets of CPUs or nodes as the ABI passes them; there is one of each, so bit 0 is all that counts.
Result<bool> read_first_bit(const pv_xenctl_bitmap& map);
/// Writes @p first as bit 0 and zeroes for the rest of the map. einval for a map of absurd size.
Result<> write_first_bit(const pv_xenctl_bitmap& map, bool first);

} // namespace hv::domain
