// SPDX-License-Identifier: MIT
//
// The per-vcpu clock record. Version is odd while the hypervisor writes; readers retry.
#pragma once
#include "pv-abi/types.h"

#define PV_PVCLOCK_TSC_STABLE_BIT 0x1

#ifndef __ASSEMBLER__

struct pv_vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad1[2];
};
PV_CHECK_SIZE(pv_vcpu_time_info, 32);

#endif
