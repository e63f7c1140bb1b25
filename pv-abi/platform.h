// SPDX-License-Identifier: MIT
//
// platform_op: firmware facts, wall clock, power states and processors, for the hardware domain; mca: machine checks.
#pragma once
#include "pv-abi/types.h"

#define PV_XENPF_INTERFACE_VERSION 0x03000001

#define PV_XENPF_FIRMWARE_INFO 50
#define PV_XENPF_ENTER_ACPI_SLEEP 51
#define PV_XENPF_GET_CPUINFO 55
#define PV_XENPF_SETTIME64 62

#define PV_FW_EFI_INFO 4
#define PV_FW_EFI_CONFIG_TABLE 1

#define PV_MCA_INTERFACE_VERSION 0x01ecc003
#define PV_MC_FETCH 1
#define PV_MC_PHYSCPUINFO 3
#define PV_MC_NODATA 0x2

#define PV_PCPU_FLAGS_ONLINE 0x1
#define PV_PCPU_FLAGS_INVALID 0x2

#ifndef __ASSEMBLER__

struct pv_xenpf_settime64 {
    uint64_t secs;
    uint32_t nsecs;
    uint32_t mbz;
    uint64_t system_time;
};
PV_CHECK_SIZE(pv_xenpf_settime64, 24);

/* firmware_info of type PV_FW_EFI_INFO and index PV_FW_EFI_CONFIG_TABLE */
struct pv_xenpf_efi_config {
    uint32_t type;
    uint32_t index;
    uint64_t addr;
    uint32_t nent;
    uint32_t pad;
};
PV_CHECK_SIZE(pv_xenpf_efi_config, 24);

struct pv_xenpf_enter_acpi_sleep {
    uint16_t val_a;
    uint16_t val_b;
    uint32_t sleep_state;
    uint32_t flags;
};
PV_CHECK_SIZE(pv_xenpf_enter_acpi_sleep, 12);

struct pv_xenpf_pcpuinfo {
    uint32_t xen_cpuid;
    uint32_t max_present;
    uint32_t flags;
    uint32_t apic_id;
    uint32_t acpi_id;
};
PV_CHECK_SIZE(pv_xenpf_pcpuinfo, 20);

struct pv_platform_op {
    uint32_t cmd;
    uint32_t interface_version;
    union {
        PV_ARM(struct pv_xenpf_settime64, settime64, 128);
        PV_ARM(struct pv_xenpf_enter_acpi_sleep, enter_acpi_sleep, 128);
        PV_ARM(struct pv_xenpf_efi_config, efi_config, 128);
        PV_ARM(struct pv_xenpf_pcpuinfo, pcpu_info, 128);
        uint64_t words[16];
    } u;
};
PV_CHECK_SIZE(pv_platform_op, 136);

/* The beginning of mca's record, which is longer. Value is of fetch what is asked for, then PV_MC_NODATA; of
   physcpuinfo the number of CPUs. */
struct pv_mc {
    uint32_t cmd;
    uint32_t interface_version;
    uint32_t value;
};
PV_CHECK_SIZE(pv_mc, 12);

#endif
