// SPDX-License-Identifier: MIT
// The iret hypercall's edges (CONTRACT C.6): mode by the selector's RPL, RPL forced to 3, flags a guest may not have,
// IF against the upcall mask, single-step, and targets that cannot be returned to.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "ud2\n.org user_begin + 0x10; nop; nop; ud2\n.org user_begin + 0x20; pushfq; popq %rax; ud2");

extern "C" {
extern char kernel_ud2[], kernel_nops[], kernel_flags[];
}
asm(".pushsection .text\nkernel_ud2: ud2\nkernel_nops: nop\nnop\nud2\nkernel_flags: pushfq\npopq "
    "%rax\nud2\n.popsection");

namespace {

UserSpace* space;
u8* stack;

TrapFrame kernel_context(const char* rip, u64 flags = kFlagReserved)
{
    TrapFrame context = {};
    context.rip = addr(rip);
    context.cs = kKernelCsShown;
    context.rflags = flags;
    context.rsp = addr(stack) + kPageSize;
    context.ss = kKernelSs;
    return context;
}

void check_modes()
{
    const TrapFrame& k = run(kernel_context(kernel_ud2));
    expect_eq(k.vector, kInvalidOpcode, "RPL 0 returns to kernel mode");
    expect_eq(k.rip, addr(kernel_ud2), "rip");
    expect_eq(k.rsp, addr(stack) + kPageSize, "rsp");
    expect_eq(k.cs, 1ul << 32 | kKernelCsShown, "shown with RPL 0, masked");
    TrapFrame context = kernel_context(kernel_ud2);
    context.cs = kKernelCsShown | 1;
    expect_eq(run(context).cs & 0xffff, kKernelCsShown, "RPL 1 is kernel mode");
    context.cs = 0xabcd0000 | kKernelCsShown;
    expect_eq(run(context).cs & 0xffff, kKernelCsShown, "only 16 bits of cs count");
    const TrapFrame& u = run(space->context());
    expect_eq(u.rip, kUserCode, "RPL 3 returns to user mode");
    expect_eq(u.cs, kKernelCs, "with mask 0");
}

void check_flags()
{
    TrapFrame context = kernel_context(kernel_ud2, kFlagReserved | kFlagIf);
    run(context);
    expect_eq(last_trap.saved_mask(), 0, "IF set: unmasked");
    context.rflags = kFlagReserved;
    run(context);
    expect_eq(last_trap.saved_mask(), 1, "IF clear: masked");
    expect_eq(last_trap.rflags & kFlagIf, 0, "IF is the complement of the mask");
    context.rflags = kFlagReserved | kFlagIf | kFlagIopl;
    expect_eq(run(context).rflags & kFlagIopl, 0, "IOPL does not come back");
    context.rflags = kFlagReserved | kFlagIf | kFlagVm;
    expect_eq(run(context).rflags & kFlagVm, 0, "VM is dropped");
    expect_eq(last_trap.vector, kInvalidOpcode, "and does no harm");
    context.rflags = kFlagReserved | kFlagIf | kFlagNt;
    expect_eq(run(context).vector, kInvalidOpcode, "NT does no harm");
    context.rflags = kFlagReserved | kFlagIf | kFlagAc | kFlagId | kFlagCf | kFlagDf;
    expect_eq(run(context).rflags & (kFlagAc | kFlagId | kFlagCf | kFlagDf), kFlagAc | kFlagId | kFlagCf | kFlagDf,
              "AC, ID, CF and DF are the guest's");
    TrapFrame in_user = space->context();
    in_user.rflags = kFlagReserved | kFlagIopl;
    expect_eq(run(in_user).rflags & (kFlagIopl | kFlagIf), 0, "user mode with IF clear: masked, no IOPL");
    expect_eq(last_trap.saved_mask(), 1, "masked in user mode");
    // What the frames show is one thing, what the CPU runs with another.
    const u64 system = kFlagIopl | kFlagNt | kFlagVm | kFlagVif | kFlagVip | kFlagIf;
    TrapFrame real = kernel_context(kernel_flags, kFlagReserved | kFlagIopl | kFlagVif | kFlagVip | kFlagVm);
    expect_eq(run(real).rax & system, kFlagIf, "the kernel's real system flags: IF only");
    in_user.rip = kUserCode + 0x20;
    in_user.rflags = kFlagReserved | kFlagIopl | kFlagVif | kFlagVip | kFlagVm;
    expect_eq(run(in_user).rax & system, kFlagIf, "the user's too");
}

void check_single_step()
{
    const TrapFrame& t = run(kernel_context(kernel_nops, kFlagReserved | kFlagTf));
    expect_eq(t.vector, kDebug, "TF in kernel mode");
    expect_eq(t.rip, addr(kernel_nops) + 1, "after one instruction");
    expect_eq(handler_rflags & kFlagTf, 0, "the handler runs without TF");
}

// The iret hypercall itself succeeded; the fault belongs to the context it leads to.
void check_refused(const TrapFrame& context, u64 error, const char* what)
{
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kProtection, what);
    expect_eq(t.error, error, "the error code is the selector");
    expect_eq(t.rip, context.rip, "rip is the target");
    expect_eq(t.rsp, context.rsp, "rsp is the target's");
    bool user = (context.cs & 3) == 3;
    expect_eq(t.cs & 0xffff, user ? context.cs : kKernelCsShown, "cs is the target's");
    expect(!user || last_rip_slot == entry_stack_top() - 40, "a user target faults onto the entry stack");
}

TrapFrame user_with(u64 rip, u64 cs, u64 ss)
{
    TrapFrame context = space->context();
    context.rip = rip;
    context.cs = cs;
    context.ss = ss;
    return context;
}

void check_impossible_targets()
{
    check_refused(user_with(0x0000800000000000, kKernelCs, kKernelSs), 0, "user rip just non-canonical");
    check_refused(user_with(0xffff7fffffffffff, kKernelCs, kKernelSs), 0, "user rip below the kernel half");
    TrapFrame kernel = kernel_context(kernel_ud2);
    kernel.rip = 0x8000000000000000;
    check_refused(kernel, 0, "kernel rip non-canonical");
    check_refused(user_with(kUserCode, 0x33, kKernelSs), 0x30, "cs of an empty GDT slot");
    check_refused(user_with(kUserCode, kKernelCs, 0x1b), 0x18, "ss of an empty GDT slot");
    check_refused(user_with(kUserCode, kKernelCs, 0), 0, "a null ss");
    check_refused(user_with(kUserCode, 0xe00b, kKernelSs), 0xe008, "the hypervisor's code segment");
    check_refused(user_with(kUserCode, 0xe02b, kKernelSs), 0xe028, "a data segment as cs");
    check_refused(user_with(kUserCode, 0xe043, kKernelSs), 0xe040, "the hypervisor's TSS as cs");
    check_refused(user_with(kUserCode, 0x37, kKernelSs), 0x34, "cs in an absent LDT");
    TrapFrame context = space->context();
    context.rsp = 0x8000000000000000;
    expect_eq(run(context).rsp, 0x8000000000000000, "a non-canonical user rsp is the user's own business");
    expect_eq(last_trap.vector, kInvalidOpcode, "it runs");
}

} // namespace

void test_main()
{
    install_traps();
    stack = alloc_page();
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("modes");
    check_modes();
    step("flags");
    check_flags();
    step("single step");
    check_single_step();
    step("targets that cannot be returned to");
    check_impossible_targets();
    expect_eq(run(space->context()).vector, kInvalidOpcode, "after all that user mode still works");
}
