// SPDX-License-Identifier: MIT
// A kernel that overflows its stack: the bounce frame of the fault cannot be pushed, so the domain crashes with a
// report. The hypervisor stays alive and follows its rule for a crashed dom0.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

void test_main()
{
    install_traps();
    u8* guard = alloc_page();
    u8* stack = alloc_page();
    require(set_mapping(guard, 0), "a hole under the stack");
    print("crash-stack: ready\n");
    asm volatile("movq %0, %%rsp; 1: pushq $0; jmp 1b" ::"r"(stack + kPageSize));
}
