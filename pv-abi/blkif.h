// SPDX-License-Identifier: MIT
//
// Block device rings: requests name granted pages and sectors in them; a sector on the wire is 512 bytes.
#pragma once
#include "pv-abi/ring.h"
#include "pv-abi/types.h"

#define PV_BLKIF_OP_READ 0
#define PV_BLKIF_OP_WRITE 1
#define PV_BLKIF_OP_WRITE_BARRIER 2
#define PV_BLKIF_OP_FLUSH_DISKCACHE 3
#define PV_BLKIF_OP_RESERVED_1 4
#define PV_BLKIF_OP_DISCARD 5
#define PV_BLKIF_OP_INDIRECT 6

#define PV_BLKIF_MAX_SEGMENTS_PER_REQUEST 11
#define PV_BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8
#define PV_BLKIF_DISCARD_SECURE 0x1
#define PV_BLKIF_RING_ENTRIES 32 // in a ring of one page

#define PV_BLKIF_RSP_OKAY 0
#define PV_BLKIF_RSP_ERROR (-1)
#define PV_BLKIF_RSP_EOPNOTSUPP (-2)

#define PV_VDISK_CDROM 0x1
#define PV_VDISK_REMOVABLE 0x2
#define PV_VDISK_READONLY 0x4

#ifndef __ASSEMBLER__

struct pv_blkif_request_segment {
    uint32_t gref;
    uint8_t first_sect, last_sect;
    uint16_t hole0;
};
PV_CHECK_SIZE(pv_blkif_request_segment, 8);

struct pv_blkif_request {
    uint8_t operation;
    uint8_t nr_segments;
    uint16_t handle;
    uint32_t hole0;
    uint64_t id;
    uint64_t sector_number;
    struct pv_blkif_request_segment seg[PV_BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
PV_CHECK_SIZE(pv_blkif_request, 112);

struct pv_blkif_request_discard {
    uint8_t operation;
    uint8_t flag;
    uint16_t handle;
    uint32_t hole0;
    uint64_t id;
    uint64_t sector_number;
    uint64_t nr_sectors;
};
PV_CHECK_SIZE(pv_blkif_request_discard, 32);

struct pv_blkif_request_indirect {
    uint8_t operation;
    uint8_t indirect_op;
    uint16_t nr_segments;
    uint32_t hole0;
    uint64_t id;
    uint64_t sector_number;
    uint16_t handle;
    uint16_t hole1;
    uint32_t indirect_grefs[PV_BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
    uint32_t hole2;
};
PV_CHECK_SIZE(pv_blkif_request_indirect, 64);

struct pv_blkif_response {
    uint64_t id;
    uint8_t operation;
    uint8_t hole0;
    int16_t status;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_blkif_response, 16);

#endif
