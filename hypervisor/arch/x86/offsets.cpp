// SPDX-License-Identifier: MIT
//
// Structure offsets for assembly: compiled to text, whose "->NAME value" lines become asm_offsets.h. Never linked.
#include "arch/arch.hpp"
#include <cstddef>

namespace hv::arch {
#define EMIT(name, value) asm volatile("->" #name " %c0" : : "i"(static_cast<long>(value)))

void emit_offsets();
void emit_offsets()
{
    EMIT(REGS_SIZE, sizeof(GuestRegs));
    EMIT(REGS_RAX, offsetof(GuestRegs, rax));
    EMIT(REGS_RCX, offsetof(GuestRegs, rcx));
    EMIT(REGS_R11, offsetof(GuestRegs, r11));
    EMIT(REGS_ERROR, offsetof(GuestRegs, error_code));
    EMIT(REGS_VECTOR, offsetof(GuestRegs, entry_vector));
    EMIT(REGS_RIP, offsetof(GuestRegs, rip));
    EMIT(REGS_CS, offsetof(GuestRegs, cs));
    EMIT(REGS_RFLAGS, offsetof(GuestRegs, rflags));
    EMIT(REGS_RSP, offsetof(GuestRegs, rsp));
    EMIT(REGS_SS, offsetof(GuestRegs, ss));
    EMIT(REGS_END, offsetof(GuestRegs, es)); // one past ss: what the CPU's own frame ends at
    EMIT(INFO_SIZE, sizeof(CpuInfo));
    EMIT(INFO_HOT, offsetof(CpuInfo, hot));
    EMIT(INFO_CURRENT, offsetof(CpuInfo, current));
    EMIT(HOT_KERNEL_ROOT, offsetof(VcpuHot, kernel_root));
    EMIT(HOT_USER_ROOT, offsetof(VcpuHot, user_root));
    EMIT(HOT_KERNEL_SP, offsetof(VcpuHot, kernel_sp));
    EMIT(HOT_SYSCALL_ENTRY, offsetof(VcpuHot, syscall_entry));
    EMIT(HOT_INFO, offsetof(VcpuHot, info));
    EMIT(HOT_KERNEL_MODE, offsetof(VcpuHot, kernel_mode));
    EMIT(HOT_SYSCALL_MASKS, offsetof(VcpuHot, syscall_masks));
    EMIT(HOT_FAST_PATHS, offsetof(VcpuHot, fast_paths));
    EMIT(HOT_TRAPS, offsetof(VcpuHot, traps));
}
} // namespace hv::arch
