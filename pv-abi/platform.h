// SPDX-License-Identifier: MIT
//
// platform_op: firmware facts, wall clock, power states and processors, for the hardware domain.
// The EFI runtime arguments are left as words; Parapet boots without EFI.
#pragma once
#include "pv-abi/types.h"

#define PV_XENPF_INTERFACE_VERSION 0x03000001

#define PV_XENPF_SETTIME32 17
#define PV_XENPF_ADD_MEMTYPE 31
#define PV_XENPF_DEL_MEMTYPE 32
#define PV_XENPF_READ_MEMTYPE 33
#define PV_XENPF_MICROCODE_UPDATE 35
#define PV_XENPF_PLATFORM_QUIRK 39
#define PV_XENPF_GET_CPU_VERSION 48
#define PV_XENPF_EFI_RUNTIME_CALL 49
#define PV_XENPF_FIRMWARE_INFO 50
#define PV_XENPF_ENTER_ACPI_SLEEP 51
#define PV_XENPF_CHANGE_FREQ 52
#define PV_XENPF_GETIDLETIME 53
#define PV_XENPF_SET_PROCESSOR_PMINFO 54
#define PV_XENPF_GET_CPUINFO 55
#define PV_XENPF_CPU_ONLINE 56
#define PV_XENPF_CPU_OFFLINE 57
#define PV_XENPF_CPU_HOTADD 58
#define PV_XENPF_MEM_HOTADD 59
#define PV_XENPF_CORE_PARKING 60
#define PV_XENPF_RESOURCE_OP 61
#define PV_XENPF_SETTIME64 62
#define PV_XENPF_GET_SYMBOL 63

#define PV_FW_DISK_INFO 1
#define PV_FW_DISK_MBR_SIGNATURE 2
#define PV_FW_VBEDDC_INFO 3
#define PV_FW_EFI_INFO 4
#define PV_FW_KBD_SHIFT_FLAGS 5

#define PV_XENPF_ACPI_SLEEP_EXTENDED 0x1

#define PV_PROCESSOR_PM_CX 1
#define PV_PROCESSOR_PM_PX 2
#define PV_PROCESSOR_PM_TX 4
#define PV_PM_CX 0
#define PV_PM_PX 1
#define PV_PM_TX 2
#define PV_PM_PDC 3
#define PV_PX_PCT 1
#define PV_PX_PSS 2
#define PV_PX_PPC 4
#define PV_PX_PSD 8

#define PV_PCPU_FLAGS_ONLINE 0x1
#define PV_PCPU_FLAGS_INVALID 0x2

#define PV_CORE_PARKING_SET 1
#define PV_CORE_PARKING_GET 2

#define PV_RESOURCE_OP_MSR_READ 0
#define PV_RESOURCE_OP_MSR_WRITE 1

#ifndef __ASSEMBLER__

struct pv_xenpf_settime32 {
    uint32_t secs;
    uint32_t nsecs;
    uint64_t system_time;
};
PV_CHECK_SIZE(pv_xenpf_settime32, 16);

struct pv_xenpf_settime64 {
    uint64_t secs;
    uint32_t nsecs;
    uint32_t mbz;
    uint64_t system_time;
};
PV_CHECK_SIZE(pv_xenpf_settime64, 24);

struct pv_xenpf_add_memtype {
    uint64_t mfn;
    uint64_t nr_mfns;
    uint32_t type;
    uint32_t handle;
    uint32_t reg;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_xenpf_add_memtype, 32);

struct pv_xenpf_del_memtype {
    uint32_t handle;
    uint32_t reg;
};
PV_CHECK_SIZE(pv_xenpf_del_memtype, 8);

struct pv_xenpf_read_memtype {
    uint32_t reg;
    uint32_t hole0;
    uint64_t mfn;
    uint64_t nr_mfns;
    uint32_t type;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_xenpf_read_memtype, 32);

struct pv_xenpf_microcode_update {
    uint64_t data;
    uint32_t length;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_xenpf_microcode_update, 16);

struct pv_xenpf_platform_quirk {
    uint32_t quirk_id;
};
PV_CHECK_SIZE(pv_xenpf_platform_quirk, 4);

struct pv_xenpf_efi_runtime_call {
    uint32_t function;
    uint32_t misc;
    uint64_t status;
    union {
        uint64_t words[5];
    } u;
};
PV_CHECK_SIZE(pv_xenpf_efi_runtime_call, 56);

struct pv_fw_disk_info {
    uint8_t device;
    uint8_t version;
    uint16_t interface_support;
    uint16_t legacy_max_cylinder;
    uint8_t legacy_max_head;
    uint8_t legacy_sectors_per_track;
    uint64_t edd_params;
};
PV_CHECK_SIZE(pv_fw_disk_info, 16);

struct pv_fw_disk_mbr_signature {
    uint8_t device;
    uint8_t hole0[3];
    uint32_t mbr_signature;
};
PV_CHECK_SIZE(pv_fw_disk_mbr_signature, 8);

struct pv_fw_vbeddc_info {
    uint8_t capabilities;
    uint8_t edid_transfer_time;
    uint8_t hole0[6];
    uint64_t edid;
};
PV_CHECK_SIZE(pv_fw_vbeddc_info, 16);

struct pv_xenpf_firmware_info {
    uint32_t type;
    uint32_t index;
    union {
        PV_ARM(struct pv_fw_disk_info, disk_info, 32);
        PV_ARM(struct pv_fw_disk_mbr_signature, disk_mbr_signature, 32);
        PV_ARM(struct pv_fw_vbeddc_info, vbeddc_info, 32);
        PV_ARM(uint8_t, kbd_shift_flags, 32);
        uint64_t words[4];
    } u;
};
PV_CHECK_SIZE(pv_xenpf_firmware_info, 40);

struct pv_xenpf_enter_acpi_sleep {
    uint16_t val_a;
    uint16_t val_b;
    uint32_t sleep_state;
    uint32_t flags;
};
PV_CHECK_SIZE(pv_xenpf_enter_acpi_sleep, 12);

struct pv_xenpf_change_freq {
    uint32_t flags;
    uint32_t cpu;
    uint64_t freq;
};
PV_CHECK_SIZE(pv_xenpf_change_freq, 16);

struct pv_xenpf_getidletime {
    uint64_t cpumap_bitmap;
    uint32_t cpumap_nr_cpus;
    uint32_t hole0;
    uint64_t idletime;
    uint64_t now;
};
PV_CHECK_SIZE(pv_xenpf_getidletime, 32);

struct pv_power_register {
    uint32_t space_id;
    uint32_t bit_width;
    uint32_t bit_offset;
    uint32_t access_size;
    uint64_t address;
};
PV_CHECK_SIZE(pv_power_register, 24);

struct pv_processor_cx {
    struct pv_power_register reg;
    uint8_t type;
    uint8_t hole0[3];
    uint32_t latency;
    uint32_t power;
    uint32_t dpcnt;
    uint64_t dp;
};
PV_CHECK_SIZE(pv_processor_cx, 48);

// flags: bit 0 bm_control, 1 bm_check, 2 has_cst, 3 power_setup_done, 4 bm_rld_set.
struct pv_processor_power {
    uint32_t count;
    uint32_t flags;
    uint64_t states;
};
PV_CHECK_SIZE(pv_processor_power, 16);

struct pv_pct_register {
    uint8_t descriptor;
    uint8_t hole0;
    uint16_t length;
    uint8_t space_id;
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t reserved;
    uint64_t address;
};
PV_CHECK_SIZE(pv_pct_register, 16);

struct pv_processor_px {
    uint64_t core_frequency;
    uint64_t power;
    uint64_t transition_latency;
    uint64_t bus_master_latency;
    uint64_t control;
    uint64_t status;
};
PV_CHECK_SIZE(pv_processor_px, 48);

struct pv_psd_package {
    uint64_t num_entries;
    uint64_t revision;
    uint64_t domain;
    uint64_t coord_type;
    uint64_t num_processors;
};
PV_CHECK_SIZE(pv_psd_package, 40);

struct pv_processor_performance {
    uint32_t flags;
    uint32_t platform_limit;
    struct pv_pct_register control_register;
    struct pv_pct_register status_register;
    uint32_t state_count;
    uint32_t hole0;
    uint64_t states;
    struct pv_psd_package domain_info;
    uint32_t shared_type;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_processor_performance, 104);

struct pv_xenpf_set_processor_pminfo {
    uint32_t id;
    uint32_t type;
    union {
        PV_ARM(struct pv_processor_power, power, 104);
        struct pv_processor_performance perf;
        PV_ARM(uint64_t, pdc, 104);
    } u;
};
PV_CHECK_SIZE(pv_xenpf_set_processor_pminfo, 112);

struct pv_xenpf_pcpuinfo {
    uint32_t xen_cpuid;
    uint32_t max_present;
    uint32_t flags;
    uint32_t apic_id;
    uint32_t acpi_id;
};
PV_CHECK_SIZE(pv_xenpf_pcpuinfo, 20);

struct pv_xenpf_pcpu_version {
    uint32_t xen_cpuid;
    uint32_t max_present;
    char vendor_id[12];
    uint32_t family;
    uint32_t model;
    uint32_t stepping;
};
PV_CHECK_SIZE(pv_xenpf_pcpu_version, 32);

struct pv_xenpf_cpu_ol {
    uint32_t cpuid;
};
PV_CHECK_SIZE(pv_xenpf_cpu_ol, 4);

struct pv_xenpf_cpu_hotadd {
    uint32_t apic_id;
    uint32_t acpi_id;
    uint32_t pxm;
};
PV_CHECK_SIZE(pv_xenpf_cpu_hotadd, 12);

struct pv_xenpf_mem_hotadd {
    uint64_t spfn;
    uint64_t epfn;
    uint32_t pxm;
    uint32_t flags;
};
PV_CHECK_SIZE(pv_xenpf_mem_hotadd, 24);

struct pv_xenpf_core_parking {
    uint32_t type;
    uint32_t idle_nums;
};
PV_CHECK_SIZE(pv_xenpf_core_parking, 8);

struct pv_xenpf_resource_op {
    uint32_t nr_entries;
    uint32_t cpu;
    uint64_t entries;
};
PV_CHECK_SIZE(pv_xenpf_resource_op, 16);

struct pv_xenpf_symdata {
    uint32_t namelen;
    uint32_t symnum;
    uint64_t name;
    uint64_t address;
    char type;
    uint8_t hole0[7];
};
PV_CHECK_SIZE(pv_xenpf_symdata, 32);

struct pv_platform_op {
    uint32_t cmd;
    uint32_t interface_version;
    union {
        PV_ARM(struct pv_xenpf_settime32, settime32, 128);
        PV_ARM(struct pv_xenpf_settime64, settime64, 128);
        PV_ARM(struct pv_xenpf_add_memtype, add_memtype, 128);
        PV_ARM(struct pv_xenpf_del_memtype, del_memtype, 128);
        PV_ARM(struct pv_xenpf_read_memtype, read_memtype, 128);
        PV_ARM(struct pv_xenpf_microcode_update, microcode, 128);
        PV_ARM(struct pv_xenpf_platform_quirk, platform_quirk, 128);
        PV_ARM(struct pv_xenpf_efi_runtime_call, efi_runtime_call, 128);
        PV_ARM(struct pv_xenpf_firmware_info, firmware_info, 128);
        PV_ARM(struct pv_xenpf_enter_acpi_sleep, enter_acpi_sleep, 128);
        PV_ARM(struct pv_xenpf_change_freq, change_freq, 128);
        PV_ARM(struct pv_xenpf_getidletime, getidletime, 128);
        PV_ARM(struct pv_xenpf_set_processor_pminfo, set_pminfo, 128);
        PV_ARM(struct pv_xenpf_pcpuinfo, pcpu_info, 128);
        PV_ARM(struct pv_xenpf_pcpu_version, pcpu_version, 128);
        PV_ARM(struct pv_xenpf_cpu_ol, cpu_ol, 128);
        PV_ARM(struct pv_xenpf_cpu_hotadd, cpu_add, 128);
        PV_ARM(struct pv_xenpf_mem_hotadd, mem_add, 128);
        PV_ARM(struct pv_xenpf_core_parking, core_parking, 128);
        PV_ARM(struct pv_xenpf_resource_op, resource_op, 128);
        PV_ARM(struct pv_xenpf_symdata, symdata, 128);
        uint64_t words[16];
    } u;
};
PV_CHECK_SIZE(pv_platform_op, 136);

#endif
