// SPDX-License-Identifier: MIT
// SCHEDOP_shutdown(poweroff) of dom0 halts the machine: a dom0 that wants it off has asked for ACPI S5 beforehand.
// RUN: expect=crash
// RUN: pattern=ended with reason 0: halted
// RUN: xen.pattern=halted: halting machine
#include "tests/guest/lib/test.hpp"

using namespace guest;

void test_main()
{
    print("poweroff: ready\n");
    shutdown(PV_SHUTDOWN_POWEROFF);
}
