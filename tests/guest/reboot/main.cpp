// SPDX-License-Identifier: MIT
// SCHEDOP_shutdown(reboot) of dom0 resets the machine: under -no-reboot QEMU ends.
// RUN: expect=exit
// RUN: pattern=
#include "tests/guest/lib/test.hpp"

using namespace guest;

void test_main()
{
    print("reboot: ready\n");
    shutdown(PV_SHUTDOWN_REBOOT);
}
