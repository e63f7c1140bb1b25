// SPDX-License-Identifier: MIT
// iret to user mode when no user page table was ever installed: the domain crashes, the hypervisor does not.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

void test_main()
{
    install_traps();
    TrapFrame context = {};
    context.rip = 0x400000;
    context.cs = kKernelCs;
    context.rflags = kFlagReserved | kFlagIf;
    context.rsp = 0x400000;
    context.ss = kKernelSs;
    print("crash-user-table: ready\n");
    run(context);
}
