// SPDX-License-Identifier: MIT
//
// The ABI's whole-vCPU context (VCPUOP_initialise, domctl set/getvcpucontext, the domain builder) to and from a
// VcpuState that is not loaded. Nothing in the context is trusted.
#pragma once
#include "guest/vcpu_state.hpp"

namespace hv::guest {

/// Checks and applies @p c. May return restart (root validation); nothing but references taken has changed then.
/// vm_assist is applied to the domain. Selectors, flags and bases are forced to values a guest may run with.
Result<> set_context(VcpuState& v, const pv_vcpu_guest_context& c);
void get_context(VcpuState& v, pv_vcpu_guest_context& out);

} // namespace hv::guest
