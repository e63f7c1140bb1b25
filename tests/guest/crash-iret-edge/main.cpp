// SPDX-License-Identifier: MIT
// An iret frame that begins below the hypervisor's range and ends inside it: nothing may be read from there, the domain
// crashes.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

void test_main()
{
    install_traps();
    print("crash-iret-edge: ready\n");
    asm volatile("movq %0, %%rsp; movl $23, %%eax; syscall" ::"r"(0xffff7fffffffffe0) : "memory");
}
