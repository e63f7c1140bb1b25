// SPDX-License-Identifier: MIT
//
// callback_op: where the hypervisor enters the guest kernel.
#pragma once
#include "pv-abi/types.h"

#define PV_CALLBACKOP_REGISTER 0
#define PV_CALLBACKOP_UNREGISTER 1

#define PV_CALLBACKTYPE_EVENT 0
#define PV_CALLBACKTYPE_FAILSAFE 1
#define PV_CALLBACKTYPE_SYSCALL 2
#define PV_CALLBACKTYPE_NMI 4
#define PV_CALLBACKTYPE_SYSENTER 5
#define PV_CALLBACKTYPE_SYSCALL32 7

#define PV_CALLBACKF_MASK_EVENTS 0x1

#ifndef __ASSEMBLER__

struct pv_callback_register {
    uint16_t type;
    uint16_t flags;
    uint32_t hole0;
    uint64_t address;
};
PV_CHECK_SIZE(pv_callback_register, 16);

struct pv_callback_unregister {
    uint16_t type;
    uint16_t _unused;
};
PV_CHECK_SIZE(pv_callback_unregister, 4);

#endif
