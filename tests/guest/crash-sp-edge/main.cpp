// SPDX-License-Identifier: MIT
// A kernel entry stack a few bytes above the hypervisor's first address: the frame's lower words are non-canonical, its
// upper ones would land in the M2P. A user's page fault must end in the domain's crash and leave the M2P alone.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "movq (%rbx), %rax; ud2");

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    hypercall(PV_HYPERCALL_STACK_SWITCH, kKernelSs, 0xffff800000000030);
    print("crash-sp-edge: ready\n");
    TrapFrame context = space->context();
    context.rbx = kUserHole;
    run(context);
}
