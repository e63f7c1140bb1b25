// SPDX-License-Identifier: MIT
//
// Structure offsets for assembly: compiled to text, whose "->NAME value" lines become asm_offsets.h. Never linked.
#include "arch/arch.hpp"
#include <cstddef>

namespace hv::arch {
#define EMIT(name, value) asm volatile("->" #name " %c0" : : "i"(static_cast<long>(value)))

// fast.S tests or changes two or three of these bytes at once; the last one and the zeros after it are a number.
static_assert(offsetof(VcpuHot, zero) == offsetof(VcpuHot, fast_faults) + 4 && sizeof(VcpuHot::zero) == 7);

void emit_offsets();
void emit_offsets()
{
    EMIT(REGS_ERROR, offsetof(GuestRegs, error_code));
    EMIT(REGS_RIP, offsetof(GuestRegs, rip));
    EMIT(REGS_CS, offsetof(GuestRegs, cs));
    EMIT(REGS_RFLAGS, offsetof(GuestRegs, rflags));
    EMIT(REGS_RSP, offsetof(GuestRegs, rsp));
    EMIT(REGS_END, offsetof(GuestRegs, es)); // one past ss: what the CPU's own frame ends at
    EMIT(INFO_SIZE, sizeof(CpuInfo));
    EMIT(INFO_CURRENT, offsetof(CpuInfo, current));
    EMIT(INFO_PERCPU, offsetof(CpuInfo, percpu));
    EMIT(INFO_SPEC_CTRL, offsetof(CpuInfo, spec_ctrl));
    EMIT(INFO_FULL_ROOT, offsetof(CpuInfo, full_root));
    EMIT(INFO_ISOLATED_ROOT, offsetof(CpuInfo, isolated_root));
    EMIT(INFO_GUEST_INFO, offsetof(CpuInfo, guest_info));
    EMIT(HOT_KERNEL_ROOT, offsetof(VcpuHot, kernel_root));
    EMIT(HOT_USER_ROOT, offsetof(VcpuHot, user_root));
    EMIT(HOT_FRAME_TOP, offsetof(VcpuHot, frame_top));
    EMIT(HOT_SYSCALL_ENTRY, offsetof(VcpuHot, syscall_entry));
    EMIT(HOT_INFO, offsetof(VcpuHot, info));
    EMIT(HOT_KERNEL_MODE, offsetof(VcpuHot, kernel_mode));
    EMIT(KERNEL_MODE, 1 | hypercall_numbers << 16); // in kernel_mode and call_limit
    EMIT(HOT_CALL_LIMIT, offsetof(VcpuHot, call_limit));
    EMIT(HOT_FAST_FAULTS, offsetof(VcpuHot, fast_faults));
    EMIT(HOT_LAST_CALL, offsetof(VcpuHot, last_call));
    EMIT(HOT_CALLS, offsetof(VcpuHot, calls));
    EMIT(HOT_EVENT_ENTRY, offsetof(VcpuHot, event_entry));
    EMIT(HOT_EVENTS, offsetof(VcpuHot, events));
    EMIT(HOT_FAULT_ENTRY, offsetof(VcpuHot, fault_entry));
    EMIT(VCPU_INFO_PENDING, offsetof(pv_vcpu_info, evtchn_upcall_pending));
    EMIT(VCPU_INFO_MASK, offsetof(pv_vcpu_info, evtchn_upcall_mask));
    EMIT(VCPU_INFO_CR2, offsetof(pv_vcpu_info, arch.cr2));
    EMIT(IRET_RAX, offsetof(pv_iret_context, rax));
    EMIT(IRET_R11, offsetof(pv_iret_context, r11));
    EMIT(IRET_RCX, offsetof(pv_iret_context, rcx));
    EMIT(IRET_FLAGS, offsetof(pv_iret_context, flags));
    EMIT(IRET_RIP, offsetof(pv_iret_context, rip));
    EMIT(IRET_CS, offsetof(pv_iret_context, cs));
    EMIT(IRET_RFLAGS, offsetof(pv_iret_context, rflags));
    EMIT(IRET_RSP, offsetof(pv_iret_context, rsp));
    EMIT(IRET_SS, offsetof(pv_iret_context, ss));
}
} // namespace hv::arch
