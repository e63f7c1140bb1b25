// SPDX-License-Identifier: MIT
// A fault without a handler: the domain crashes with a report that names where.
// RUN: expect=crash
// RUN: pattern=(Domain 0 \(vcpu#0\) crashed|d0v0 crashes)
#include "tests/guest/lib/test.hpp"

using namespace guest;

void test_main()
{
    print("crash-handler: ready\n");
    asm volatile("ud2");
}
