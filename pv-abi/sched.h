// SPDX-License-Identifier: MIT
//
// sched_op: giving up the CPU, waiting for ports, ending a domain.
#pragma once
#include "pv-abi/types.h"

#define PV_SCHEDOP_YIELD 0
#define PV_SCHEDOP_BLOCK 1
#define PV_SCHEDOP_SHUTDOWN 2
#define PV_SCHEDOP_POLL 3
#define PV_SCHEDOP_REMOTE_SHUTDOWN 4
#define PV_SCHEDOP_SHUTDOWN_CODE 5
#define PV_SCHEDOP_WATCHDOG 6

#define PV_SHUTDOWN_POWEROFF 0
#define PV_SHUTDOWN_REBOOT 1
#define PV_SHUTDOWN_CRASH 3
#define PV_SHUTDOWN_WATCHDOG 4

#ifndef __ASSEMBLER__

struct pv_sched_poll {
    uint64_t ports;
    uint32_t nr_ports;
    uint32_t hole0;
    uint64_t timeout;
};
PV_CHECK_SIZE(pv_sched_poll, 24);

struct pv_sched_remote_shutdown {
    uint16_t domain_id;
    uint16_t hole0;
    uint32_t reason;
};
PV_CHECK_SIZE(pv_sched_remote_shutdown, 8);

struct pv_sched_watchdog {
    uint32_t id;
    uint32_t timeout;
};
PV_CHECK_SIZE(pv_sched_watchdog, 8);

#endif
