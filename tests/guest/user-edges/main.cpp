// SPDX-License-Identifier: MIT
// Edges of user mode (XSA-7, 8, 44, 186, 259, 260): syscall at the last bytes below the hole, entries without
// handlers, nasty flags through every entry, emulation at the end of the address space, mov ss in front of an entry.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "syscall; ud2\n"
                ".org user_begin + 0x10; int3\n"
                ".org user_begin + 0x20; int $0x80; ud2\n"
                ".org user_begin + 0x30; movq (%rbx), %rax\n"
                ".org user_begin + 0x40; ud2\n"
                ".org user_begin + 0x50; movw %bx, %ss; syscall; ud2\n"
                ".org user_begin + 0x60; movw %bx, %ss; int3; ud2\n"
                ".org user_begin + 0x70; movw %bx, %ss; int $0x80; ud2\n");

namespace {

UserSpace* space;
constexpr u64 kTop = 0x7ffffffff000;
u8* top_page;

// One page right below the non-canonical hole.
void map_top()
{
    u64 *l3 = alloc_table(), *l2 = alloc_table(), *l1 = alloc_table();
    top_page = alloc_page();
    l1[511] = entry(mfn_of(top_page), kRo);
    l2[511] = entry(mfn_of(l1), kTable);
    l3[511] = entry(mfn_of(l2), kTable);
    require(make_read_only(l1), "L1");
    require(make_read_only(l2), "L2");
    require(make_read_only(l3), "L3");
    require(mmu_update(maddr_of(&space->l4()[255]), entry(mfn_of(l3), kTable)), "the top of the user half");
}

TrapFrame at(u64 rip)
{
    TrapFrame context = space->context();
    context.rip = rip;
    return context;
}

void check_top()
{
    map_top();
    top_page[4094] = 0x0f;
    top_page[4095] = 0x05;
    const TrapFrame& t = run(at(kTop + 4094));
    expect_eq(t.vector, kSyscall, "syscall in the last two bytes");
    expect_eq(t.rip, 0x800000000000, "its return address is not canonical");
    TrapFrame back = t;
    expect_eq(run(back).vector, kProtection, "returning there is the user's #GP");
    expect_eq(last_trap.rip, 0x800000000000, "at that address");
    iret_flags = PV_VGCF_IN_SYSCALL;
    expect_eq(run(back).vector, kProtection, "with the sysret flag too");
    iret_flags = 0;
    top_page[4095] = 0x90;
    top_page[4094] = 0x90;
    expect_eq(run(at(kTop + 4094)).vector, kProtection, "running off the end is #GP");
    const u8 cpuid[] = {0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2};
    __builtin_memcpy(top_page + 4096 - sizeof cpuid, cpuid, sizeof cpuid);
    expect_eq(run(at(kTop + 4096 - sizeof cpuid)).vector, kProtection, "an emulated instruction at the end");
    top_page[4094] = 0x0f;
    top_page[4095] = 0x0b;
    u64 vector = run(at(kTop + 4094)).vector; // Xen faults on looking for the rest of a prefix
    expect(vector == kInvalidOpcode || (vector == kPageFault && hypervisor() == Hypervisor::xen), "ud2 at the end");
}

void check_flags()
{
    const u64 nasty = kFlagNt | kFlagAc | kFlagDf | kFlagId | kFlagCf;
    const u64 offsets[] = {0, 0x10, 0x20, 0x30, 0x40};
    const u64 vectors[] = {kSyscall, kBreakpoint, kInt80, kPageFault, kInvalidOpcode};
    for (unsigned i = 0; i < 5; ++i) {
        TrapFrame context = at(kUserCode + offsets[i]);
        context.rflags |= nasty & ~kFlagTf;
        context.rbx = kUserHole;
        const TrapFrame& t = run(context);
        bool ok = expect_eq(t.vector, vectors[i], "the entry");
        ok &= expect_eq(t.rflags & (nasty & ~kFlagNt), nasty & ~kFlagNt, "the user's flags are in the frame");
        ok &= expect_eq(handler_rflags & (kFlagNt | kFlagAc | kFlagTf | kFlagRf | kFlagVm | kFlagIopl), 0, "not here");
        ok &= expect_eq(handler_rflags & kFlagIf, kFlagIf, "IF stays set");
        if (!ok) {
            print("  offset 0x%lx\n", offsets[i]);
        }
    }
}

void check_no_handler()
{
    const TrapFrame& t = run(at(kUserCode + 0x20));
    expect_eq(t.vector, kProtection, "int 0x80 without a handler");
    expect_eq(t.error, 0x402, "its error code names the vector");
    expect_eq(t.rip, kUserCode + 0x20, "at the instruction");
}

void check_mov_ss()
{
    // A single-step or breakpoint trap held back by mov ss fires inside the entry; it must not reach the kernel.
    const u64 offsets[] = {0x50, 0x60, 0x70};
    const u64 vectors[] = {kSyscall, kBreakpoint, kInt80};
    for (unsigned i = 0; i < 3; ++i) {
        TrapFrame context = at(kUserCode + offsets[i]);
        context.rbx = kKernelSs;
        context.rflags |= kFlagTf;
        u64 seen = kNone;
        for (unsigned steps = 0; steps < 4 && seen != vectors[i]; ++steps) {
            context = run(context);
            seen = context.vector;
            expect_eq(handler_rflags & kFlagTf, 0, "no TF in the kernel");
        }
        expect_eq(seen, vectors[i], "the entry behind mov ss arrives");
    }
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("no handler");
    check_no_handler();
    require(set_trap(0x80, 3 | 4, kKernelCs, stub_of(kInt80)), "vector 0x80");
    step("the top of the user half");
    check_top();
    step("flags");
    check_flags();
    step("mov ss");
    check_mov_ss();
}
