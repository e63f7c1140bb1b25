// SPDX-License-Identifier: MIT
// A kernel entry stack inside the hypervisor's range: the next system call cannot push its frame, the domain crashes,
// and nothing of the hypervisor is written.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "syscall; ud2");

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    long rc = hypercall(PV_HYPERCALL_STACK_SWITCH, kKernelSs, 0xffff830000002000);
    print("crash-sp-hypervisor: stack_switch gives %ld\n", rc);
    print("crash-sp-hypervisor: ready\n");
    run(space->context());
}
