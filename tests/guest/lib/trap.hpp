// SPDX-License-Identifier: MIT
// Traps, callbacks and contexts: one TrapFrame for everything that enters the kernel, resumption after an expected
// fault, and excursions into user mode or into another kernel context that end at the first entry. One vCPU.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

struct TrapFrame {
    u64 r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdi, rsi, rdx, rax, rcx, r11;
    u64 vector, error, rip, cs, rflags, rsp, ss;
    u16 selector() const { return static_cast<u16>(cs); }
    u8 saved_mask() const { return static_cast<u8>(cs >> 32); }
};

enum Vector : u64 {
    kDivide = 0,
    kDebug = 1,
    kBreakpoint = 3,
    kOverflow = 4,
    kBound = 5,
    kInvalidOpcode = 6,
    kNoDevice = 7,
    kInvalidTss = 10,
    kNotPresent = 11,
    kStack = 12,
    kProtection = 13,
    kPageFault = 14,
    kFpu = 16,
    kAlignment = 17,
    kSimd = 19,
    kInt80 = 128,
    kInt81 = 129,
    kSyscall = 256,
    kEvent = 257,
    kFailsafe = 258,
    kSyscall32 = 259,
    kSysenter = 260,
    kNone = 999,
};

constexpr u16 kKernelCs = 0xe033, kKernelSs = 0xe02b, kKernelCsShown = 0xe030;
constexpr u64 kFlagCf = 1, kFlagReserved = 2, kFlagZf = 0x40, kFlagTf = 0x100, kFlagIf = 0x200, kFlagDf = 0x400,
              kFlagIopl = 0x3000, kFlagNt = 0x4000, kFlagRf = 0x10000, kFlagVm = 0x20000, kFlagAc = 0x40000,
              kFlagVif = 0x80000, kFlagVip = 0x100000, kFlagId = 0x200000;

// Registers all traps (mask_events set), the event, failsafe and syscall callbacks, and the kernel entry stack.
void install_traps();
// The trap table entry for one vector; flags: DPL in bits 0-1, bit 2 masks events.
long set_trap(u8 vector, u8 flags, u16 cs, u64 address);
long set_callback(u16 type, u16 flags, u64 address);
u64 stub_of(Vector vector);

// Called for every entry from kernel mode that no expectation waits for. Return true when handled.
using Handler = bool (*)(TrapFrame& frame);
void set_handler(Handler handler);

// The last trap, wherever it came from, and the stack address of its bounce frame's rip word.
extern TrapFrame last_trap;
extern u64 last_rip_slot;
extern u64 last_cr2;

// Runs the context (user or kernel) until it enters the kernel again; returns that entry.
const TrapFrame& run(const TrapFrame& context);

extern "C" {
extern u64 resume_at;
extern u64 handler_rflags;
extern u64 failsafe_selectors[4]; // ds es fs gs
extern u64 iret_flags;
extern u16 handler_cs, handler_ss;
extern char boot_stack[], boot_stack_top[];
}

inline constexpr unsigned kEntryStackSize = 16384;
extern u8 entry_stack[kEntryStackSize];
inline u64 entry_stack_top() { return addr(entry_stack) + kEntryStackSize; }

// Executes an instruction that may fault: expands to a statement that leaves the vector in last_trap.vector, or kNone.
#define GUARDED(instruction, ...)                                                                                      \
    do {                                                                                                               \
        ::guest::last_trap.vector = ::guest::kNone;                                                                    \
        asm volatile("" ::: "memory");                                                                                 \
        asm volatile("movq $91f, resume_at\n\t" instruction "\n91:\tmovq $0, resume_at" __VA_ARGS__);                  \
        asm volatile("" ::: "memory");                                                                                 \
    } while (0)

} // namespace guest
