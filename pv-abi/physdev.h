// SPDX-License-Identifier: MIT
//
// physdev_op: interrupt lines, MSIs, PCI devices and I/O privilege, for the hardware domain.
#pragma once
#include "pv-abi/types.h"

#define PV_PHYSDEVOP_IRQ_STATUS_QUERY 5
#define PV_PHYSDEVOP_SET_IOPL 6
#define PV_PHYSDEVOP_SET_IOBITMAP 7
#define PV_PHYSDEVOP_APIC_READ 8
#define PV_PHYSDEVOP_ALLOC_IRQ_VECTOR 10
#define PV_PHYSDEVOP_EOI 12
#define PV_PHYSDEVOP_MAP_PIRQ 13
#define PV_PHYSDEVOP_UNMAP_PIRQ 14
#define PV_PHYSDEVOP_SETUP_GSI 21
#define PV_PHYSDEVOP_PCI_MMCFG_RESERVED 24
#define PV_PHYSDEVOP_PCI_DEVICE_ADD 25
#define PV_PHYSDEVOP_PCI_DEVICE_REMOVE 26
#define PV_PHYSDEVOP_DBGP_OP 29
#define PV_PHYSDEVOP_PREPARE_MSIX 30
#define PV_PHYSDEVOP_RELEASE_MSIX 31

#define PV_XENIRQSTAT_NEEDS_EOI 0x1

#define PV_MAP_PIRQ_TYPE_MSI 0
#define PV_MAP_PIRQ_TYPE_GSI 1
#define PV_MAP_PIRQ_TYPE_MSI_SEG 3

#ifndef __ASSEMBLER__

struct pv_physdev_irq_status_query {
    uint32_t irq;
    uint32_t flags;
};
PV_CHECK_SIZE(pv_physdev_irq_status_query, 8);

struct pv_physdev_set_iobitmap {
    uint64_t bitmap;
    uint32_t nr_ports;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_physdev_set_iobitmap, 16);

struct pv_physdev_apic {
    uint64_t apic_physbase;
    uint32_t reg;
    uint32_t value;
};
PV_CHECK_SIZE(pv_physdev_apic, 16);

struct pv_physdev_irq {
    uint32_t irq;
    uint32_t vector;
};
PV_CHECK_SIZE(pv_physdev_irq, 8);

struct pv_physdev_map_pirq {
    uint16_t domid;
    uint16_t hole0;
    int32_t type;
    int32_t index;
    int32_t pirq;
    int32_t bus;
    int32_t devfn;
    int32_t entry_nr;
    uint32_t hole1;
    uint64_t table_base;
};
PV_CHECK_SIZE(pv_physdev_map_pirq, 40);

struct pv_physdev_unmap_pirq {
    uint16_t domid;
    uint16_t hole0;
    int32_t pirq;
};
PV_CHECK_SIZE(pv_physdev_unmap_pirq, 8);

struct pv_physdev_setup_gsi {
    int32_t gsi;
    uint8_t triggering;
    uint8_t polarity;
    uint16_t hole0;
};
PV_CHECK_SIZE(pv_physdev_setup_gsi, 8);

#endif
