// SPDX-License-Identifier: MIT
//
// console_io for dom0, and the shared ring of a domU. Ring indices run freely; take them modulo the array.
#pragma once
#include "pv-abi/types.h"

#define PV_CONSOLEIO_WRITE 0
#define PV_CONSOLEIO_READ 1

#ifndef __ASSEMBLER__

struct pv_xencons_interface {
    char in[1024];
    char out[2048];
    uint32_t in_cons, in_prod;
    uint32_t out_cons, out_prod;
};
PV_CHECK_SIZE(pv_xencons_interface, 3088);

#endif
