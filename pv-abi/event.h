// SPDX-License-Identifier: MIT
//
// Event channels: operations, states and virtual interrupts.
#pragma once
#include "pv-abi/types.h"

#define PV_EVTCHNOP_BIND_INTERDOMAIN 0
#define PV_EVTCHNOP_BIND_VIRQ 1
#define PV_EVTCHNOP_BIND_PIRQ 2
#define PV_EVTCHNOP_CLOSE 3
#define PV_EVTCHNOP_SEND 4
#define PV_EVTCHNOP_STATUS 5
#define PV_EVTCHNOP_ALLOC_UNBOUND 6
#define PV_EVTCHNOP_BIND_IPI 7
#define PV_EVTCHNOP_BIND_VCPU 8
#define PV_EVTCHNOP_UNMASK 9
#define PV_EVTCHNOP_INIT_CONTROL 11

#define PV_VIRQ_TIMER 0
#define PV_VIRQ_DEBUG 1
#define PV_VIRQ_CONSOLE 2
#define PV_VIRQ_DOM_EXC 3
#define PV_VIRQ_XENOPROF 7
#define PV_VIRQ_XENPMU 13
#define PV_NR_VIRQS 24

#define PV_EVTCHN_2L_NR_CHANNELS 4096

#ifndef __ASSEMBLER__

struct pv_evtchn_alloc_unbound {
    uint16_t dom, remote_dom;
    uint32_t port;
};
PV_CHECK_SIZE(pv_evtchn_alloc_unbound, 8);

struct pv_evtchn_bind_interdomain {
    uint16_t remote_dom;
    uint16_t hole0;
    uint32_t remote_port;
    uint32_t local_port;
};
PV_CHECK_SIZE(pv_evtchn_bind_interdomain, 12);

struct pv_evtchn_bind_virq {
    uint32_t virq;
    uint32_t vcpu;
    uint32_t port;
};
PV_CHECK_SIZE(pv_evtchn_bind_virq, 12);

struct pv_evtchn_bind_pirq {
    uint32_t pirq;
    uint32_t flags;
    uint32_t port;
};
PV_CHECK_SIZE(pv_evtchn_bind_pirq, 12);

struct pv_evtchn_bind_ipi {
    uint32_t vcpu;
    uint32_t port;
};
PV_CHECK_SIZE(pv_evtchn_bind_ipi, 8);

struct pv_evtchn_status {
    uint16_t dom;
    uint16_t hole0;
    uint32_t port;
    uint32_t status;
    uint32_t vcpu;
    union {
        struct {
            uint16_t dom;
            uint16_t hole0[3];
        } unbound;
        struct {
            uint16_t dom;
            uint16_t hole0;
            uint32_t port;
        } interdomain;
        PV_ARM(uint32_t, pirq, 8);
        PV_ARM(uint32_t, virq, 8);
    } u;
};
PV_CHECK_SIZE(pv_evtchn_status, 24);

struct pv_evtchn_bind_vcpu {
    uint32_t port;
    uint32_t vcpu;
};
PV_CHECK_SIZE(pv_evtchn_bind_vcpu, 8);

#endif
