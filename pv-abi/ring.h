// SPDX-License-Identifier: MIT
//
// Head of a shared request/response ring. Slots of one fixed size follow; requests and responses share them.
// Indices run freely: slot = index modulo the ring's power-of-two number of entries.
#pragma once
#include "pv-abi/types.h"

#ifndef __ASSEMBLER__

struct pv_sring {
    uint32_t req_prod, req_event;
    uint32_t rsp_prod, rsp_event;
    uint8_t pvt_pad[4];
    uint8_t pad[44];
};
PV_CHECK_SIZE(pv_sring, 64);

#endif
