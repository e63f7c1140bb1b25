// SPDX-License-Identifier: MIT
//
// Page-table updates: mmu_update, mmuext_op, update_va_mapping; the hypervisor's part of an address space.
#pragma once
#include "pv-abi/types.h"

#define PV_HYPERVISOR_VIRT_START 0xffff800000000000
#define PV_HYPERVISOR_VIRT_END 0xffff880000000000
#define PV_MACH2PHYS_VIRT_START 0xffff800000000000
#define PV_MACH2PHYS_VIRT_END 0xffff804000000000

// Low two bits of mmu_update.ptr.

#define PV_MMUEXT_PIN_L1_TABLE 0
#define PV_MMUEXT_PIN_L2_TABLE 1
#define PV_MMUEXT_PIN_L3_TABLE 2
#define PV_MMUEXT_PIN_L4_TABLE 3
#define PV_MMUEXT_UNPIN_TABLE 4
#define PV_MMUEXT_NEW_BASEPTR 5
#define PV_MMUEXT_TLB_FLUSH_LOCAL 6
#define PV_MMUEXT_INVLPG_LOCAL 7
#define PV_MMUEXT_TLB_FLUSH_MULTI 8
#define PV_MMUEXT_INVLPG_MULTI 9
#define PV_MMUEXT_TLB_FLUSH_ALL 10
#define PV_MMUEXT_INVLPG_ALL 11
#define PV_MMUEXT_FLUSH_CACHE 12
#define PV_MMUEXT_SET_LDT 13
#define PV_MMUEXT_NEW_USER_BASEPTR 15
#define PV_MMUEXT_CLEAR_PAGE 16
#define PV_MMUEXT_COPY_PAGE 17
#define PV_MMUEXT_FLUSH_CACHE_GLOBAL 18
#define PV_MMUEXT_MARK_SUPER 19
#define PV_MMUEXT_UNMARK_SUPER 20

// With UVMF_MULTI the rest of the flags word points to a bitmap of vcpus.
#define PV_UVMF_TLB_FLUSH 1
#define PV_UVMF_INVLPG 2
#define PV_UVMF_FLUSHTYPE_MASK 3
#define PV_UVMF_LOCAL 0
#define PV_UVMF_ALL 4

#ifndef __ASSEMBLER__

struct pv_mmu_update {
    uint64_t ptr;
    uint64_t val;
};
PV_CHECK_SIZE(pv_mmu_update, 16);

struct pv_mmuext_op {
    uint32_t cmd;
    uint32_t hole0;
    union {
        uint64_t mfn;
        uint64_t linear_addr;
    } arg1;
    union {
        uint64_t vcpumask;
        uint64_t src_mfn;
        PV_ARM(uint32_t, nr_ents, 8);
    } arg2;
};
PV_CHECK_SIZE(pv_mmuext_op, 24);

#endif
