// SPDX-License-Identifier: MIT
// iret with an unreadable frame: the domain crashes, the hypervisor does not.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

void test_main()
{
    install_traps();
    print("crash-iret-frame: ready\n");
    asm volatile("movq $0x7000, %%rsp; movl $23, %%eax; syscall" ::: "memory");
}
