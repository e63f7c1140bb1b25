// SPDX-License-Identifier: MIT
//
// Feature bits: promised by the hypervisor through xen_version, asked for by a kernel through its ELF notes.
#pragma once

#define PV_XENFEAT_PAE_PGDIR_ABOVE_4GB 4
#define PV_XENFEAT_MMU_PT_UPDATE_PRESERVE_AD 5
#define PV_XENFEAT_HIGHMEM_ASSIST 6
#define PV_XENFEAT_GNTTAB_MAP_AVAIL_BITS 7
#define PV_XENFEAT_DOM0 11
#define PV_XENFEAT_MEMORY_OP_VNODE_SUPPORTED 13
#define PV_XENFEAT_DIRECT_MAPPED 17
#define PV_XENFEAT_NR_SUBMAPS 1
