// SPDX-License-Identifier: MIT
//
// xen_version: who the hypervisor is and what it can do; and the CPUID leaves that say the same.
#pragma once
#include "pv-abi/types.h"

#define PV_XENVER_VERSION 0
#define PV_XENVER_EXTRAVERSION 1
#define PV_XENVER_COMPILE_INFO 2
#define PV_XENVER_CAPABILITIES 3
#define PV_XENVER_CHANGESET 4
#define PV_XENVER_PLATFORM_PARAMETERS 5
#define PV_XENVER_GET_FEATURES 6
#define PV_XENVER_PAGESIZE 7
#define PV_XENVER_GUEST_HANDLE 8
#define PV_XENVER_COMMANDLINE 9
#define PV_XENVER_BUILD_ID 10

#define PV_EXTRAVERSION_LEN 16
#define PV_CAPABILITIES_INFO_LEN 1024
#define PV_CHANGESET_INFO_LEN 64
#define PV_COMMANDLINE_LEN 1024

// Feature bits: promised through xen_version, asked for by a kernel through its ELF notes.
#define PV_XENFEAT_PAE_PGDIR_ABOVE_4GB 4
#define PV_XENFEAT_MMU_PT_UPDATE_PRESERVE_AD 5
#define PV_XENFEAT_HIGHMEM_ASSIST 6
#define PV_XENFEAT_GNTTAB_MAP_AVAIL_BITS 7
#define PV_XENFEAT_DOM0 11
#define PV_XENFEAT_MEMORY_OP_VNODE_SUPPORTED 13
#define PV_XENFEAT_DIRECT_MAPPED 17
#define PV_XENFEAT_NR_SUBMAPS 1

// Bytes that ask for the instruction after them (cpuid) to be emulated; for .byte or an initialiser list.
#define PV_EMULATE_PREFIX 0x0f, 0x0b, 0x78, 0x65, 0x6e

#ifndef __ASSEMBLER__

struct pv_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};
PV_CHECK_SIZE(pv_compile_info, 144);

struct pv_feature_info {
    uint32_t submap_idx;
    uint32_t submap;
};
PV_CHECK_SIZE(pv_feature_info, 8);

#endif
