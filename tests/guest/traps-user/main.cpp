// SPDX-License-Identifier: MIT
// Faults raised in guest user mode (CONTRACT C.5): they arrive on the kernel entry stack with the user's real
// selectors, the U bit set, all registers intact; TF traps one instruction on and does not survive into the kernel.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

// Offsets are fixed by .org so that the test can name each piece.
USER_CODE(user, "ud2\n"
                ".org user_begin + 0x10; int3\n"
                ".org user_begin + 0x20; movq (%rbx), %rax\n"
                ".org user_begin + 0x30; movq %rax, (%rbx)\n"
                ".org user_begin + 0x40; jmp *%rbx\n"
                ".org user_begin + 0x50; xorl %ecx, %ecx; xorl %edx, %edx; divl %ecx\n"
                ".org user_begin + 0x60; hlt\n"
                ".org user_begin + 0x70; movq %cr0, %rax\n"
                ".org user_begin + 0x80; inb $0x21, %al\n"
                ".org user_begin + 0x90; nop; nop; nop; nop\n"
                ".org user_begin + 0xa0; movl $0x10, %ecx; rdmsr\n"
                ".org user_begin + 0xb0; int $0x80\n"
                ".org user_begin + 0xc0; cli\n"
                ".org user_begin + 0xd0; int $0x81\n"
                ".org user_begin + 0xe0; int1\n"
                ".org user_begin + 0xf0; pushq %rax; popq %rax; into_here: ud2\n");

namespace {

UserSpace* space;

const TrapFrame& run_at(u64 offset, u64 rbx = 0, u64 flags = kUserRflags)
{
    TrapFrame context = space->context();
    context.rip += offset;
    context.rbx = rbx;
    context.rflags = flags;
    context.rcx = 0xc1;
    context.r11 = 0xb1;
    context.r12 = 0x1212;
    context.rax = 0xaaaa;
    return run(context);
}

void check_frame(const TrapFrame& t, u64 vector, u64 offset, u64 error, const char* what)
{
    expect_eq(t.vector, vector, what);
    expect_eq(t.rip, kUserCode + offset, what);
    expect_eq(t.error, error, what);
    expect_eq(t.cs, kKernelCs, "the user's cs, RPL 3, mask byte 0");
    expect_eq(t.ss, kKernelSs, "the user's ss");
    expect_eq(t.rsp, kUserStackTop, "the user's stack pointer");
    expect_eq(last_rip_slot, entry_stack_top() - 40, "the frame is at the top of the entry stack");
}

void check_faults()
{
    const TrapFrame& t = run_at(0);
    check_frame(t, kInvalidOpcode, 0, 0, "#UD");
    expect_eq(t.rcx, 0xc1, "rcx");
    expect_eq(t.r11, 0xb1, "r11");
    expect_eq(t.r12, 0x1212, "r12");
    expect_eq(t.rax, 0xaaaa, "rax");
    expect_eq(t.rflags & (kFlagIf | kFlagIopl | kFlagTf), kFlagIf, "the user ran with IF set");
    expect_eq(vcpu_info().evtchn_upcall_mask, 1, "the handler starts masked");
    check_frame(run_at(0x10), kBreakpoint, 0x11, 0, "#BP: rip is behind the instruction");
    check_frame(run_at(0x50), kDivide, 0x54, 0, "#DE");
    check_frame(run_at(0x60), kProtection, 0x60, 0, "hlt is #GP");
    check_frame(run_at(0x70), kProtection, 0x70, 0, "mov from cr0 is #GP");
    check_frame(run_at(0x80), kProtection, 0x80, 0, "in is #GP");
    check_frame(run_at(0xa0), kProtection, 0xa5, 0, "rdmsr is #GP");
    check_frame(run_at(0xc0), kProtection, 0xc0, 0, "cli is #GP");
}

void check_page_faults()
{
    check_frame(run_at(0x20, kUserHole), kPageFault, 0x20, 4, "read of an absent page");
    expect_eq(last_cr2, kUserHole, "cr2");
    check_frame(run_at(0x30, kUserHole + 8), kPageFault, 0x30, 6, "write to an absent page");
    expect_eq(last_cr2, kUserHole + 8, "cr2");
    check_frame(run_at(0x30, kUserCode + 0x800), kPageFault, 0x30, 7, "write to a read-only page");
    const TrapFrame& t = run_at(0x40, kUserHole + 0x30);
    check_frame(t, kPageFault, 0x10030, 0x14, "jump to an absent page");
    // Kernel and hypervisor addresses are unreachable from user mode.
    check_frame(run_at(0x20, kVirtBase + 0x100000), kPageFault, 0x20, 4, "the kernel is not mapped for the user");
    expect_eq(run_at(0x20, 0xffff830000000000).vector, kPageFault, "nor is the hypervisor readable");
    expect_eq(last_trap.error & ~1ul, 4, "whether it is present may show");
}

void check_software_interrupts()
{
    expect_eq(run_at(0xb0).vector, kProtection, "int 0x80 without a handler");
    require(set_trap(0x80, 3 | 4, kKernelCs, stub_of(kInt80)), "vector 0x80");
    require(set_trap(0x81, 0 | 4, kKernelCs, stub_of(kInt81)), "vector 0x81 for the kernel only");
    check_frame(run_at(0xb0), kInt80, 0xb2, 0, "int 0x80 with DPL 3");
    expect_eq(run_at(0xd0).vector, kProtection, "int 0x81 with DPL 0");
}

void check_single_step()
{
    const TrapFrame& t = run_at(0x90, 0, kUserRflags | kFlagTf);
    check_frame(t, kDebug, 0x91, 0, "TF traps after one instruction");
    expect_eq(t.rflags & kFlagTf, kFlagTf, "TF is in the frame");
    expect_eq(handler_rflags & kFlagTf, 0, "TF is clear in the kernel");
    expect_eq(hypercall(PV_HYPERCALL_GET_DEBUGREG, 6) & 0x4000, 0x4000, "DR6 says single step");
    TrapFrame next = t;
    expect_eq(run(next).rip, kUserCode + 0x92, "and again");
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("faults");
    check_faults();
    step("page faults");
    check_page_faults();
    step("software interrupts");
    check_software_interrupts();
    step("single step");
    check_single_step();
}
