// SPDX-License-Identifier: MIT
// 32-bit user code (CONTRACT C.5): traps, int 0x80 and the compatibility system call reach the 64-bit kernel with the
// 32-bit selectors in the frame, and iret goes back to them.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, ".code32\n ud2\n"
                ".org user_begin + 0x10; int $0x80; ud2\n"
                ".org user_begin + 0x20; movl (%ebx), %eax; ud2\n"
                ".org user_begin + 0x30; syscall; ud2\n"
                ".org user_begin + 0x40; sysenter; ud2\n"
                ".org user_begin + 0x50; pushl %eax; popl %ecx; ljmp $0xe033, $0x400080\n"
                ".code64\n.org user_begin + 0x80; movq $-1, %rdx; ud2");

namespace {

constexpr u16 kCs32 = PV_FLAT_RING3_CS32;
UserSpace* space;

const TrapFrame& run_at(u64 offset, u64 rbx = 0)
{
    TrapFrame context = space->context();
    context.rip += offset;
    context.cs = kCs32;
    context.rbx = rbx;
    context.rax = 0x1234;
    return run(context);
}

void check_traps()
{
    const TrapFrame& t = run_at(0);
    expect_eq(t.vector, kInvalidOpcode, "#UD");
    expect_eq(t.cs, kCs32, "the 32-bit cs is in the frame");
    expect_eq(t.rip, kUserCode, "rip");
    expect_eq(handler_cs, kKernelCs, "the handler is 64-bit");
    expect_eq(run_at(0x10).vector, kInt80, "int 0x80");
    expect_eq(last_trap.cs, kCs32, "its cs");
    expect_eq(last_trap.rip, kUserCode + 0x12, "its rip");
    expect_eq(last_trap.rax, 0x1234, "its rax");
    expect_eq(run_at(0x20, kUserHole).vector, kPageFault, "#PF");
    expect_eq(last_trap.error, 4, "a user's read");
    expect_eq(run_at(0x50).vector, kInvalidOpcode, "a far jump into 64-bit code");
    expect_eq(last_trap.cs, kKernelCs, "its cs");
    expect_eq(last_trap.rdx, ~0ul, "runs 64-bit");
}

void check_system_calls()
{
    require(set_callback(PV_CALLBACKTYPE_SYSCALL32, PV_CALLBACKF_MASK_EVENTS, stub_of(kSyscall32)), "syscall32");
    const TrapFrame& t = run_at(0x30);
    expect_eq(t.vector, kSyscall32, "syscall from 32-bit code has its own callback");
    expect_eq(t.rcx, kUserCode + 0x32, "rip in the rcx word");
    expect_eq(t.rip, kUserCode + 0x32, "rip");
    expect_eq(t.rsp, kUserStackTop, "rsp");
    print("compat-user: syscall32 cs 0x%lx ss 0x%lx\n", t.cs, t.ss);
    expect_eq(t.cs & 3, 3, "a user's cs");
    long rc = set_callback(PV_CALLBACKTYPE_SYSENTER, PV_CALLBACKF_MASK_EVENTS, stub_of(kSysenter));
    u64 vector = run_at(0x40).vector;
    print("compat-user: sysenter callback %ld, vector %lu\n", rc, vector);
    expect(vector == kSysenter || vector == kProtection || vector == kInvalidOpcode, "sysenter stays in the guest");
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    require(set_trap(0x80, 3 | 4, kKernelCs, stub_of(kInt80)), "vector 0x80");
    step("traps");
    check_traps();
    step("system calls");
    check_system_calls();
}
