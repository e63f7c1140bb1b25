// SPDX-License-Identifier: MIT
//
// Entering and leaving the guest kernel: builds the ABI's frames on the guest's stack and takes them back (iret).
// All functions work on the vCPU loaded on this CPU, whose registers are in cpu_info().regs.
#pragma once
#include "guest/vcpu_state.hpp"
#include <optional>

namespace hv::guest {

/// crash: a report has been printed, the caller ends the domain and the vCPU must not resume.
enum class Outcome : std::uint8_t { resume, crash };

Outcome deliver_trap(VcpuState& v, unsigned vector, std::optional<std::uint32_t> error_code);
/// @p error is the hardware's; the U bit becomes what the guest's own mode says. Also stores vcpu_info.arch.cr2.
Outcome deliver_page_fault(VcpuState& v, std::uint64_t address, std::uint32_t error);
/// The event callback. The caller has seen a pending, unmasked upcall.
Outcome deliver_event(VcpuState& v);
/// System calls of guest user mode.
Outcome deliver_syscall(VcpuState& v);
Outcome deliver_compat_syscall(VcpuState& v, arch::CompatEntry how);
/// The iret into the guest faulted: the fault is the context's it leads to.
Outcome deliver_return_fault(VcpuState& v, unsigned vector, std::uint32_t error_code);
/// Hypercall 23. Leaves every register as the frame says, rax included.
Outcome iret(VcpuState& v);

/// What is printed when a guest dies of its own doing: registers, the top of its stack, its last hypercalls.
void print_crash_report(VcpuState& v, const char* why);
/// Prints and says crash: `return crash(v, "...")`.
[[gnu::cold]] Outcome crash(VcpuState& v, const char* why);

/// Has the guest an event to take now?
inline bool event_deliverable(const VcpuState& v)
{
    const pv_vcpu_info& info = *v.hot.info;
    return shared::load(&info.evtchn_upcall_mask) == 0 && shared::load(&info.evtchn_upcall_pending) != 0;
}

} // namespace hv::guest
