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
#define PV_DOMCTL_IRQ_PERMISSION 19
#define PV_DOMCTL_IOMEM_PERMISSION 20
#define PV_DOMCTL_IOPORT_PERMISSION 21
#define PV_DOMCTL_SETTIMEOFFSET 24
#define PV_SYSCTL_GET_CPU_LEVELLING_CAPS 25

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

#define PV_FW_DISK_INFO 1
#define PV_SYSCTL_CPU_FEATURESET_PV 2
#define PV_FLAT_RING3_CS32 0xe023
#define PV_CPUID_SIGNATURE_EBX 0x566e6558
#define PV_CPUID_SIGNATURE_ECX 0x65584d4d
#define PV_CPUID_SIGNATURE_EDX 0x4d4d566e

#define PV_PHYSDEVOP_PIRQ_EOI_GMFN_V2 28
#define PV_CALLBACKTYPE_EVENT 0
#define PV_CALLBACKTYPE_FAILSAFE 1
#define PV_CALLBACKTYPE_SYSCALL 2
#define PV_CALLBACKTYPE_NMI 4
#define PV_CALLBACKTYPE_SYSENTER 5
#define PV_CALLBACKTYPE_SYSCALL32 7
#define PV_GNTST_OKAY 0
#define PV_GNTST_GENERAL_ERROR (-1)
#define PV_GNTST_BAD_DOMAIN (-2)
#define PV_GNTST_BAD_GNTREF (-3)
#define PV_GNTST_BAD_HANDLE (-4)
#define PV_GNTST_BAD_VIRT_ADDR (-5)
#define PV_GNTST_NO_DEVICE_SPACE (-7)
#define PV_GNTST_PERMISSION_DENIED (-8)
#define PV_GNTST_BAD_PAGE (-9)
#define PV_GNTST_BAD_COPY_ARG (-10)
#define PV_GNTST_NO_SPACE (-13)
#define PV_EVTCHNSTAT_CLOSED 0
#define PV_EVTCHNSTAT_UNBOUND 1
#define PV_EVTCHNSTAT_INTERDOMAIN 2
#define PV_EVTCHNSTAT_PIRQ 3
#define PV_EVTCHNSTAT_VIRQ 4
#define PV_EVTCHNSTAT_IPI 5
#define PV_BIND_PIRQ__WILL_SHARE 1

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

struct pv_physdev_eoi {
    uint32_t irq;
};
PV_CHECK_SIZE(pv_physdev_eoi, 4);

struct pv_physdev_pirq_eoi_gmfn {
    uint64_t gmfn;
};
PV_CHECK_SIZE(pv_physdev_pirq_eoi_gmfn, 8);

struct pv_physdev_set_iopl {
    uint32_t iopl;
};
PV_CHECK_SIZE(pv_physdev_set_iopl, 4);

struct pv_sysctl_cpuinfo {
    uint64_t idletime;
};
PV_CHECK_SIZE(pv_sysctl_cpuinfo, 8);

struct pv_gnttab_set_version {
    uint32_t version;
};
PV_CHECK_SIZE(pv_gnttab_set_version, 4);

struct pv_memory_domain {
    uint16_t domid;
};
PV_CHECK_SIZE(pv_memory_domain, 2);

struct pv_sched_shutdown {
    uint32_t reason;
};
PV_CHECK_SIZE(pv_sched_shutdown, 4);

struct pv_platform_parameters {
    uint64_t virt_start;
};
PV_CHECK_SIZE(pv_platform_parameters, 8);

struct pv_vcpu_set_periodic_timer {
    uint64_t period_ns;
};
PV_CHECK_SIZE(pv_vcpu_set_periodic_timer, 8);

// runstate, time
struct pv_vcpu_register_memory_area {
    uint64_t addr;
};
PV_CHECK_SIZE(pv_vcpu_register_memory_area, 8);

// close, send, unmask
struct pv_evtchn_port {
    uint32_t port;
};
PV_CHECK_SIZE(pv_evtchn_port, 4);

struct pv_domain_handle {
    uint8_t a[16];
};
PV_CHECK_SIZE(pv_domain_handle, 16);

struct pv_physdev_pci_mmcfg_reserved {
    uint64_t address;
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus;
    uint32_t flags;
};
PV_CHECK_SIZE(pv_physdev_pci_mmcfg_reserved, 16);

// With PCI_DEV_PXM a uint32_t proximity domain follows.
struct pv_physdev_pci_device_add {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
    uint32_t flags;
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
    uint16_t hole0;
};
PV_CHECK_SIZE(pv_physdev_pci_device_add, 12);

struct pv_physdev_pci_device {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
};
PV_CHECK_SIZE(pv_physdev_pci_device, 4);

struct pv_physdev_dbgp_op {
    uint8_t op;
    uint8_t bus;
    union {
        struct pv_physdev_pci_device pci;
    } u;
};
PV_CHECK_SIZE(pv_physdev_dbgp_op, 6);
