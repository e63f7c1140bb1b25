// SPDX-License-Identifier: MIT
// SCHEDOP_shutdown(poweroff) of dom0 ends the machine by ACPI S5. Xen only halts, because there dom0 does the S5 part
// itself beforehand; so its console says so and the run ends by that line.
// RUN: expect=exit
// RUN: xen.expect=crash
// RUN: xen.pattern=halted: halting machine
#include "tests/guest/lib/test.hpp"

using namespace guest;

void test_main()
{
    print("poweroff: ready\n");
    shutdown(PV_SHUTDOWN_POWEROFF);
}
