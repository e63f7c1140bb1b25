// SPDX-License-Identifier: MIT
// The guest's own system calls (CONTRACT C.5): `syscall` in user mode enters the syscall callback on the kernel stack,
// never the hypervisor's dispatcher; flags that would hurt the kernel are clear, and any user state comes back.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "syscall\n"
                ".org user_begin + 0x10; movl $17, %eax; xorl %edi, %edi; syscall\n"
                ".org user_begin + 0x20; std; pushfq; orl $0x44000, (%rsp); popfq; syscall\n"
                ".org user_begin + 0x40; pushfq; orl $0x100, (%rsp); popfq; syscall\n"
                ".org user_begin + 0x60; sysenter\n"
                ".org user_begin + 0x70; 1: loop 1b; syscall\n");

namespace {

UserSpace* space;

TrapFrame context_at(u64 offset)
{
    TrapFrame context = space->context();
    context.rip += offset;
    return context;
}

void check_frame()
{
    TrapFrame context = context_at(0);
    context.rax = 39;
    context.rdi = 0xd1;
    context.rsi = 0x51;
    context.rdx = 0xd2;
    context.r8 = 0x88;
    context.r9 = 0x99;
    context.r10 = 0x10;
    context.rbx = 0xbb;
    context.r15 = 0xff;
    context.rflags |= kFlagCf;
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kSyscall, "the syscall callback");
    expect_eq(t.rip, kUserCode + 2, "rip is behind the instruction");
    expect_eq(t.rcx, kUserCode + 2, "the rcx word is the user's rip");
    expect_eq(t.r11, kUserRflags | kFlagCf, "the r11 word is the user's rflags");
    expect_eq(t.rflags, kUserRflags | kFlagCf, "rflags");
    expect_eq(t.cs, kKernelCs, "cs");
    expect_eq(t.ss, kKernelSs, "ss");
    expect_eq(t.rsp, kUserStackTop, "the user's stack pointer");
    expect_eq(last_rip_slot, entry_stack_top() - 40, "the frame is at the top of the entry stack");
    const u64 got[] = {t.rax, t.rdi, t.rsi, t.rdx, t.r8, t.r9, t.r10, t.rbx, t.r15};
    const u64 want[] = {39, 0xd1, 0x51, 0xd2, 0x88, 0x99, 0x10, 0xbb, 0xff};
    for (unsigned i = 0; i < 9; ++i) {
        expect_eq(got[i], want[i], "registers arrive as they were");
    }
    expect_eq(vcpu_info().evtchn_upcall_mask, 1, "the kernel starts masked");
    expect_eq(handler_cs, kKernelCs, "the handler's cs");
    expect_eq(handler_ss, kKernelSs, "the handler's ss");
}

void check_no_hypercall()
{
    const TrapFrame& t = run(context_at(0x10));
    expect_eq(t.vector, kSyscall, "a user's syscall is never a hypercall");
    expect_eq(t.rax, 17, "rax is untouched");
}

/// An iret frame that a user forges, of zeros, would start the kernel at address 0.
void check_no_iret()
{
    TrapFrame context = context_at(0);
    context.rax = PV_HYPERCALL_IRET;
    context.rsp = kUserStackTop - 256;
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kSyscall, "nor is the number of iret");
    expect_eq(t.rax, PV_HYPERCALL_IRET, "rax is untouched");
    expect_eq(t.rsp, kUserStackTop - 256, "nor is the stack");
}

void check_flags()
{
    const TrapFrame& t = run(context_at(0x20));
    expect_eq(t.vector, kSyscall, "syscall with DF, NT and AC");
    expect_eq(t.r11 & (kFlagDf | kFlagNt | kFlagAc), kFlagDf | kFlagNt | kFlagAc, "the frame shows the user's flags");
    u64 kept = by_hypervisor(kFlagDf, 0ul); // Linux's syscall path relies on a clear DF; Xen leaves it set
    expect_eq(handler_rflags & (kFlagDf | kFlagNt | kFlagAc | kFlagTf | kFlagRf), kept, "the kernel starts without");
    expect_eq(handler_rflags & kFlagIf, kFlagIf, "the real IF stays set");
}

void check_return_flag()
{
    // VGCF_in_syscall in the iret frame allows a sysret: rcx and r11 are lost, all else must be the same.
    TrapFrame context = context_at(0x70);
    context.rcx = 5;
    iret_flags = PV_VGCF_IN_SYSCALL;
    const TrapFrame& t = run(context);
    iret_flags = 0;
    expect_eq(t.vector, kSyscall, "return by the syscall flag");
    expect_eq(t.rflags & kFlagIf, kFlagIf, "IF");
    expect_eq(t.rsp, kUserStackTop, "rsp");
}

void check_callback_changes()
{
    require(set_callback(PV_CALLBACKTYPE_SYSCALL, 0, stub_of(kSyscall)), "syscall callback without masking");
    run(context_at(0));
    expect_eq(vcpu_info().evtchn_upcall_mask, 0, "without the flag the mask is left alone");
    check_no_iret();
    vcpu_info().evtchn_upcall_mask = 1;
    require(set_callback(PV_CALLBACKTYPE_SYSCALL, PV_CALLBACKF_MASK_EVENTS, stub_of(kEvent)), "another address");
    expect_eq(run(context_at(0)).vector, kEvent, "the callback's address is used at once");
    require(set_callback(PV_CALLBACKTYPE_SYSCALL, PV_CALLBACKF_MASK_EVENTS, stub_of(kSyscall)), "the first again");
}

void check_sysenter()
{
    const TrapFrame& t = run(context_at(0x60));
    print("syscall-user: sysenter in 64-bit user code gives vector %lu error 0x%lx\n", t.vector, t.error);
    expect(t.vector == kProtection || t.vector == kInvalidOpcode || t.vector == kSysenter,
           "sysenter stays in the guest");
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("the frame");
    check_frame();
    step("hypercall numbers mean nothing in user mode");
    check_no_hypercall();
    check_no_iret();
    step("flags");
    check_flags();
    step("return");
    check_return_flag();
    step("the callback can change");
    check_callback_changes();
    step("sysenter");
    check_sysenter();
}
