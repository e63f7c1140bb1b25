// SPDX-License-Identifier: MIT
//
// The whole ABI for tests: pv-abi/, and what only they name: operations that Parapet refuses, flags it never sets,
// numbers its own code has in another form. Held against Xen's headers alike.
#pragma once
#include "pv-abi/console.h"
#include "pv-abi/domctl.h"
#include "pv-abi/event.h"
#include "pv-abi/grant.h"
#include "pv-abi/hypercall.h"
#include "pv-abi/memory.h"
#include "pv-abi/mmu.h"
#include "pv-abi/physdev.h"
#include "pv-abi/platform.h"
#include "pv-abi/sched.h"
#include "pv-abi/start_info.h"
#include "pv-abi/sysctl.h"
#include "pv-abi/types.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/version.h"

#define PV_DOMCTL_CDF_HVM 0x1
#define PV_DOMCTL_CDF_IOMMU 0x20
#define PV_DOMCTL_PFINFO_L4TAB 0x40000000
#define PV_DOMCTL_SHADOW_OP 10

#define PV_EPERM 1
#define PV_ESRCH 3
#define PV_EACCES 13
#define PV_EFAULT 14
#define PV_ENODEV 19
#define PV_EINVAL 22
#define PV_ENOSYS 38

#define PV_EVTCHNOP_RESET 10
#define PV_EVTCHNOP_EXPAND_ARRAY 12
#define PV_VIRQ_TBUF 4
#define PV_VIRQ_CON_RING 8
#define PV_VIRQ_PCPU_STATE 9
#define PV_VIRQ_ARCH_0 16

#define PV_XENFEAT_WRITABLE_PAGE_TABLES 0
#define PV_XENFEAT_WRITABLE_DESCRIPTOR_TABLES 1
#define PV_XENFEAT_AUTO_TRANSLATED_PHYSMAP 2
#define PV_XENFEAT_SUPERVISOR_MODE_KERNEL 3
#define PV_XENFEAT_HVM_CALLBACK_VECTOR 8
#define PV_XENFEAT_HVM_SAFE_PVCLOCK 9
#define PV_XENFEAT_HVM_PIRQS 10

#define PV_GNTTABOP_TRANSFER 4
#define PV_GNTTABOP_UNMAP_AND_REPLACE 7
#define PV_GNTTABOP_GET_STATUS_FRAMES 9
#define PV_GNTTABOP_SWAP_GRANT_REF 11
#define PV_GNTTABOP_CACHE_FLUSH 12
#define PV_GTF_ACCEPT_TRANSFER 2
#define PV_GNTMAP_APPLICATION_MAP 0x8

#define PV_HYPERCALL_SCHED_OP_COMPAT 6
#define PV_HYPERCALL_KEXEC_OP 37

#define PV_XENMEM_ADD_TO_PHYSMAP 7
#define PV_XENMEMF_NODE_SHIFT 8
#define PV_XENMEMF_EXACT_NODE_REQUEST 0x20000
#define PV_E820_RESERVED 2

#define PV_MMU_MACHPHYS_UPDATE 1
#define PV_MMU_PT_UPDATE_PRESERVE_AD 2
#define PV_MMU_PT_UPDATE_NO_TRANSLATE 3
#define PV_UVMF_NONE 0

#define PV_FW_EFI_INFO 4
#define PV_SYSCTL_CPU_FEATURESET_PV 2
#define PV_FLAT_RING3_CS32 0xe023
#define PV_CPUID_SIGNATURE_EBX 0x566e6558
#define PV_CPUID_SIGNATURE_ECX 0x65584d4d
#define PV_CPUID_SIGNATURE_EDX 0x4d4d566e

struct pv_evtchn_reset {
    uint16_t dom;
};
PV_CHECK_SIZE(pv_evtchn_reset, 2);

struct pv_evtchn_init_control {
    uint64_t control_gfn;
    uint32_t offset;
    uint32_t vcpu;
    uint8_t link_bits;
    uint8_t _pad[7];
};
PV_CHECK_SIZE(pv_evtchn_init_control, 24);

struct pv_evtchn_expand_array {
    uint64_t array_gfn;
};
PV_CHECK_SIZE(pv_evtchn_expand_array, 8);

struct pv_add_to_physmap {
    uint16_t domid;
    uint16_t size;
    uint32_t space;
    uint64_t idx;
    uint64_t gpfn;
};
PV_CHECK_SIZE(pv_add_to_physmap, 24);
