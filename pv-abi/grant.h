// SPDX-License-Identifier: MIT
//
// Grant tables, version 1: the shared entry and its operations. Every operation carries its own status.
#pragma once
#include "pv-abi/types.h"

#define PV_GNTTABOP_MAP_GRANT_REF 0
#define PV_GNTTABOP_UNMAP_GRANT_REF 1
#define PV_GNTTABOP_SETUP_TABLE 2
#define PV_GNTTABOP_COPY 5
#define PV_GNTTABOP_QUERY_SIZE 6
#define PV_GNTTABOP_SET_VERSION 8
#define PV_GNTTABOP_GET_VERSION 10
#define PV_GNTTAB_RESERVED_CONSOLE 0
#define PV_GNTTAB_RESERVED_XENSTORE 1

// grant_entry_v1.flags: a type, then what the granter allows and what is in use.
#define PV_GTF_PERMIT_ACCESS 1
#define PV_GTF_TYPE_MASK 3
#define PV_GTF_READONLY 0x4
#define PV_GTF_READING 0x8
#define PV_GTF_WRITING 0x10

#define PV_GNTMAP_DEVICE_MAP 0x1
#define PV_GNTMAP_HOST_MAP 0x2
#define PV_GNTMAP_READONLY 0x4
#define PV_GNTMAP_CONTAINS_PTE 0x10
#define PV_GNTMAP_GUEST_AVAIL0 16

#define PV_GNTCOPY_SOURCE_GREF 0x1
#define PV_GNTCOPY_DEST_GREF 0x2

#ifndef __ASSEMBLER__

struct pv_grant_entry_v1 {
    uint16_t flags;
    uint16_t domid;
    uint32_t frame;
};
PV_CHECK_SIZE(pv_grant_entry_v1, 8);

struct pv_gnttab_map_grant_ref {
    uint64_t host_addr;
    uint32_t flags;
    uint32_t ref;
    uint16_t dom;
    int16_t status;
    uint32_t handle;
    uint64_t dev_bus_addr;
};
PV_CHECK_SIZE(pv_gnttab_map_grant_ref, 32);

struct pv_gnttab_unmap_grant_ref {
    uint64_t host_addr;
    uint64_t dev_bus_addr;
    uint32_t handle;
    int16_t status;
    uint16_t hole0;
};
PV_CHECK_SIZE(pv_gnttab_unmap_grant_ref, 24);

struct pv_gnttab_setup_table {
    uint16_t dom;
    uint16_t hole0;
    uint32_t nr_frames;
    int16_t status;
    uint16_t hole1[3];
    uint64_t frame_list;
};
PV_CHECK_SIZE(pv_gnttab_setup_table, 24);

struct pv_gnttab_copy_ptr {
    union {
        uint64_t gmfn;
        PV_ARM(uint32_t, ref, 8);
    } u;
    uint16_t domid;
    uint16_t offset;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_gnttab_copy_ptr, 16);

struct pv_gnttab_copy {
    struct pv_gnttab_copy_ptr source, dest;
    uint16_t len;
    uint16_t flags;
    int16_t status;
    uint16_t hole0;
};
PV_CHECK_SIZE(pv_gnttab_copy, 40);

struct pv_gnttab_query_size {
    uint16_t dom;
    uint16_t hole0;
    uint32_t nr_frames;
    uint32_t max_nr_frames;
    int16_t status;
    uint16_t hole1;
};
PV_CHECK_SIZE(pv_gnttab_query_size, 16);

struct pv_gnttab_get_version {
    uint16_t dom;
    uint16_t pad;
    uint32_t version;
};
PV_CHECK_SIZE(pv_gnttab_get_version, 8);

#endif
