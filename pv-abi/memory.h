// SPDX-License-Identifier: MIT
//
// memory_op: reservations, the machine-to-physical table, memory maps, frames of a domain's resources.
#pragma once
#include "pv-abi/types.h"

#define PV_XENMEM_INCREASE_RESERVATION 0
#define PV_XENMEM_DECREASE_RESERVATION 1
#define PV_XENMEM_MAXIMUM_RAM_PAGE 2
#define PV_XENMEM_CURRENT_RESERVATION 3
#define PV_XENMEM_MAXIMUM_RESERVATION 4
#define PV_XENMEM_MACHPHYS_MFN_LIST 5
#define PV_XENMEM_POPULATE_PHYSMAP 6
#define PV_XENMEM_MEMORY_MAP 9
#define PV_XENMEM_MACHINE_MEMORY_MAP 10
#define PV_XENMEM_EXCHANGE 11
#define PV_XENMEM_MACHPHYS_MAPPING 12
#define PV_XENMEM_SET_MEMORY_MAP 13
#define PV_XENMEM_MAXIMUM_GPFN 14
#define PV_XENMEM_GET_SHARING_FREED_PAGES 18
#define PV_XENMEM_GET_SHARING_SHARED_PAGES 19
#define PV_XENMEM_CLAIM_PAGES 24
#define PV_XENMEM_ACQUIRE_RESOURCE 28

// mem_flags: address width in bits 0-7, node + 1 in bits 8-15.
#define PV_XENMEMF_ADDRESS_BITS_MASK 0xff

#define PV_XENMEM_RESOURCE_GRANT_TABLE 1
#define PV_XENMEM_RESOURCE_GRANT_TABLE_ID_SHARED 0

// Types in the BIOS-style map that memory_map and machine_memory_map return.
#define PV_E820_RAM 1

#ifndef __ASSEMBLER__

struct pv_memory_reservation {
    uint64_t extent_start;
    uint64_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags;
    uint16_t domid;
    uint16_t hole0[3];
};
PV_CHECK_SIZE(pv_memory_reservation, 32);

struct pv_memory_exchange {
    struct pv_memory_reservation in;
    struct pv_memory_reservation out;
    uint64_t nr_exchanged;
};
PV_CHECK_SIZE(pv_memory_exchange, 72);

struct pv_machphys_mfn_list {
    uint32_t max_extents;
    uint32_t hole0;
    uint64_t extent_start;
    uint32_t nr_extents;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_machphys_mfn_list, 24);

struct pv_machphys_mapping {
    uint64_t v_start, v_end;
    uint64_t max_mfn;
};
PV_CHECK_SIZE(pv_machphys_mapping, 24);

struct pv_memory_map {
    uint32_t nr_entries;
    uint32_t hole0;
    uint64_t buffer;
};
PV_CHECK_SIZE(pv_memory_map, 16);

struct pv_foreign_memory_map {
    uint16_t domid;
    uint16_t hole0[3];
    struct pv_memory_map map;
};
PV_CHECK_SIZE(pv_foreign_memory_map, 24);

struct pv_e820_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
} __attribute__((packed));
PV_CHECK_SIZE(pv_e820_entry, 20);

struct pv_mem_acquire_resource {
    uint16_t domid;
    uint16_t type;
    uint32_t id;
    uint32_t nr_frames;
    uint32_t pad;
    uint64_t frame;
    uint64_t frame_list;
};
PV_CHECK_SIZE(pv_mem_acquire_resource, 32);

#endif
