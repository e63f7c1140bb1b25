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

/// What getdomaininfo and getdomaininfolist tell of @p d.
void describe(Domain& d, pv_domctl_getdomaininfo& info);

} // namespace hv::domain
