// SPDX-License-Identifier: MIT
//
// sysctl: what the toolstack asks of the machine. All command numbers of version 4.17, records of those used.
#pragma once
#include "pv-abi/types.h"

#define PV_SYSCTL_INTERFACE_VERSION 0x15

#define PV_SYSCTL_READCONSOLE 1
#define PV_SYSCTL_TBUF_OP 2
#define PV_SYSCTL_PHYSINFO 3
#define PV_SYSCTL_SCHED_ID 4
#define PV_SYSCTL_PERFC_OP 5
#define PV_SYSCTL_GETDOMAININFOLIST 6
#define PV_SYSCTL_DEBUG_KEYS 7
#define PV_SYSCTL_GETCPUINFO 8
#define PV_SYSCTL_AVAILHEAP 9
#define PV_SYSCTL_GET_PMSTAT 10
#define PV_SYSCTL_CPU_HOTPLUG 11
#define PV_SYSCTL_PM_OP 12
#define PV_SYSCTL_PAGE_OFFLINE_OP 14
#define PV_SYSCTL_LOCKPROF_OP 15
#define PV_SYSCTL_CPUTOPOINFO 16
#define PV_SYSCTL_NUMAINFO 17
#define PV_SYSCTL_CPUPOOL_OP 18
#define PV_SYSCTL_SCHEDULER_OP 19
#define PV_SYSCTL_COVERAGE_OP 20
#define PV_SYSCTL_PSR_CMT_OP 21
#define PV_SYSCTL_PCITOPOINFO 22
#define PV_SYSCTL_PSR_ALLOC 23
#define PV_SYSCTL_GET_CPU_LEVELLING_CAPS 25
#define PV_SYSCTL_GET_CPU_FEATURESET 26
#define PV_SYSCTL_LIVEPATCH_OP 27
#define PV_SYSCTL_GET_CPU_POLICY 29

#define PV_SYSCTL_PHYSCAP_HVM 0x1
#define PV_SYSCTL_PHYSCAP_PV 0x2
#define PV_SYSCTL_PHYSCAP_DIRECTIO 0x4
#define PV_SYSCTL_PHYSCAP_HAP 0x8
#define PV_SYSCTL_PHYSCAP_SHADOW 0x10
#define PV_SYSCTL_PHYSCAP_IOMMU_HAP_PT_SHARE 0x20
#define PV_SYSCTL_PHYSCAP_VMTRACE 0x40
#define PV_SYSCTL_PHYSCAP_VPMU 0x80
#define PV_SYSCTL_PHYSCAP_GNTTAB_V1 0x100
#define PV_SYSCTL_PHYSCAP_GNTTAB_V2 0x200
#define PV_SYSCTL_PHYSCAP_MAX 0x200

#define PV_SYSCTL_CPU_HOTPLUG_ONLINE 0
#define PV_SYSCTL_CPU_HOTPLUG_OFFLINE 1
#define PV_SYSCTL_CPU_HOTPLUG_SMT_ENABLE 2
#define PV_SYSCTL_CPU_HOTPLUG_SMT_DISABLE 3

#define PV_INVALID_CORE_ID 0xffffffff
#define PV_INVALID_SOCKET_ID 0xffffffff
#define PV_INVALID_NODE_ID 0xffffffff
#define PV_INVALID_MEM_SZ 0xffffffff
#define PV_INVALID_NODE_DIST 0xffffffff
#define PV_INVALID_DEV 0xfffffffe

#define PV_SYSCTL_CPUPOOL_OP_CREATE 1
#define PV_SYSCTL_CPUPOOL_OP_DESTROY 2
#define PV_SYSCTL_CPUPOOL_OP_INFO 3
#define PV_SYSCTL_CPUPOOL_OP_ADDCPU 4
#define PV_SYSCTL_CPUPOOL_OP_RMCPU 5
#define PV_SYSCTL_CPUPOOL_OP_MOVEDOMAIN 6
#define PV_SYSCTL_CPUPOOL_OP_FREEINFO 7
#define PV_SYSCTL_CPUPOOL_PAR_ANY 0xffffffff

#define PV_SYSCTL_SCHED_RATELIMIT_MAX 500000
#define PV_SYSCTL_SCHED_RATELIMIT_MIN 100
#define PV_SYSCTL_CSCHED_TSLICE_MAX 1000
#define PV_SYSCTL_CSCHED_TSLICE_MIN 1
#define PV_SYSCTL_CSCHED_MGR_DLY_MAX_US 100000
#define PV_SYSCTL_SCHEDOP_PUTINFO 0
#define PV_SYSCTL_SCHEDOP_GETINFO 1

#define PV_SYSCTL_CPU_LEVELCAP_FAULTING 0x1
#define PV_SYSCTL_CPU_LEVELCAP_ECX 0x2
#define PV_SYSCTL_CPU_LEVELCAP_EDX 0x4
#define PV_SYSCTL_CPU_LEVELCAP_EXTD_ECX 0x8
#define PV_SYSCTL_CPU_LEVELCAP_EXTD_EDX 0x10
#define PV_SYSCTL_CPU_LEVELCAP_XSAVE_EAX 0x20
#define PV_SYSCTL_CPU_LEVELCAP_THERMAL_ECX 0x40
#define PV_SYSCTL_CPU_LEVELCAP_L7S0_EAX 0x80
#define PV_SYSCTL_CPU_LEVELCAP_L7S0_EBX 0x100

#define PV_SYSCTL_CPU_FEATURESET_RAW 0
#define PV_SYSCTL_CPU_FEATURESET_HOST 1
#define PV_SYSCTL_CPU_FEATURESET_PV 2
#define PV_SYSCTL_CPU_FEATURESET_HVM 3
#define PV_SYSCTL_CPU_FEATURESET_PV_MAX 4
#define PV_SYSCTL_CPU_FEATURESET_HVM_MAX 5

#define PV_SYSCTL_CPU_POLICY_RAW 0
#define PV_SYSCTL_CPU_POLICY_HOST 1
#define PV_SYSCTL_CPU_POLICY_PV_MAX 2
#define PV_SYSCTL_CPU_POLICY_HVM_MAX 3
#define PV_SYSCTL_CPU_POLICY_PV_DEFAULT 4
#define PV_SYSCTL_CPU_POLICY_HVM_DEFAULT 5

#ifndef __ASSEMBLER__

struct pv_sysctl_readconsole {
    uint8_t clear;
    uint8_t incremental;
    uint8_t pad0, pad1;
    uint32_t index;
    uint64_t buffer;
    uint32_t count;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_sysctl_readconsole, 24);

struct pv_sysctl_physinfo {
    uint32_t threads_per_core;
    uint32_t cores_per_socket;
    uint32_t nr_cpus;
    uint32_t max_cpu_id;
    uint32_t nr_nodes;
    uint32_t max_node_id;
    uint32_t cpu_khz;
    uint32_t capabilities;
    uint32_t arch_capabilities;
    uint32_t pad;
    uint64_t total_pages;
    uint64_t free_pages;
    uint64_t scrub_pages;
    uint64_t outstanding_pages;
    uint64_t max_mfn;
    uint32_t hw_cap[8];
};
PV_CHECK_SIZE(pv_sysctl_physinfo, 112);

struct pv_sysctl_sched_id {
    uint32_t sched_id;
};
PV_CHECK_SIZE(pv_sysctl_sched_id, 4);

struct pv_sysctl_getdomaininfolist {
    uint16_t first_domain;
    uint16_t hole0;
    uint32_t max_domains;
    uint64_t buffer;
    uint32_t num_domains;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_sysctl_getdomaininfolist, 24);

struct pv_sysctl_debug_keys {
    uint64_t keys;
    uint32_t nr_keys;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_sysctl_debug_keys, 16);

struct pv_sysctl_cpuinfo {
    uint64_t idletime;
};
PV_CHECK_SIZE(pv_sysctl_cpuinfo, 8);

struct pv_sysctl_getcpuinfo {
    uint32_t max_cpus;
    uint32_t hole0;
    uint64_t info;
    uint32_t nr_cpus;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_sysctl_getcpuinfo, 24);

struct pv_sysctl_availheap {
    uint32_t min_bitwidth;
    uint32_t max_bitwidth;
    int32_t node;
    uint32_t hole0;
    uint64_t avail_bytes;
};
PV_CHECK_SIZE(pv_sysctl_availheap, 24);

struct pv_sysctl_cpu_hotplug {
    uint32_t cpu;
    uint32_t op;
};
PV_CHECK_SIZE(pv_sysctl_cpu_hotplug, 8);

struct pv_sysctl_cputopo {
    uint32_t core;
    uint32_t socket;
    uint32_t node;
};
PV_CHECK_SIZE(pv_sysctl_cputopo, 12);

struct pv_sysctl_cputopoinfo {
    uint32_t num_cpus;
    uint32_t hole0;
    uint64_t cputopo;
};
PV_CHECK_SIZE(pv_sysctl_cputopoinfo, 16);

struct pv_sysctl_pcitopoinfo {
    uint32_t num_devs;
    uint32_t hole0;
    uint64_t devs;
    uint64_t nodes;
};
PV_CHECK_SIZE(pv_sysctl_pcitopoinfo, 24);

struct pv_sysctl_meminfo {
    uint64_t memsize;
    uint64_t memfree;
};
PV_CHECK_SIZE(pv_sysctl_meminfo, 16);

struct pv_sysctl_numainfo {
    uint32_t num_nodes;
    uint32_t hole0;
    uint64_t meminfo;
    uint64_t distance;
};
PV_CHECK_SIZE(pv_sysctl_numainfo, 24);

struct pv_sysctl_cpupool_op {
    uint32_t op;
    uint32_t cpupool_id;
    uint32_t sched_id;
    uint32_t domid;
    uint32_t cpu;
    uint32_t n_dom;
    struct pv_xenctl_bitmap cpumap;
};
PV_CHECK_SIZE(pv_sysctl_cpupool_op, 40);

struct pv_sysctl_credit_schedule {
    uint32_t tslice_ms;
    uint32_t ratelimit_us;
    uint32_t vcpu_migr_delay_us;
};
PV_CHECK_SIZE(pv_sysctl_credit_schedule, 12);

struct pv_sysctl_credit2_schedule {
    uint32_t ratelimit_us;
};
PV_CHECK_SIZE(pv_sysctl_credit2_schedule, 4);

struct pv_sysctl_scheduler_op {
    uint32_t cpupool_id;
    uint32_t sched_id;
    uint32_t cmd;
    uint32_t hole0;
    union {
        PV_ARM(struct pv_sysctl_credit_schedule, sched_credit, 16);
        PV_ARM(struct pv_sysctl_credit2_schedule, sched_credit2, 16);
        uint64_t words[2];
    } u;
};
PV_CHECK_SIZE(pv_sysctl_scheduler_op, 32);

struct pv_sysctl_cpu_levelling_caps {
    uint32_t caps;
};
PV_CHECK_SIZE(pv_sysctl_cpu_levelling_caps, 4);

struct pv_sysctl_cpu_featureset {
    uint32_t index;
    uint32_t nr_features;
    uint64_t features;
};
PV_CHECK_SIZE(pv_sysctl_cpu_featureset, 16);

struct pv_sysctl_cpu_policy {
    uint32_t index;
    uint32_t nr_leaves;
    uint32_t nr_msrs;
    uint32_t _rsvd;
    uint64_t leaves;
    uint64_t msrs;
};
PV_CHECK_SIZE(pv_sysctl_cpu_policy, 32);

struct pv_sysctl {
    uint32_t cmd;
    uint32_t interface_version;
    union {
        PV_ARM(struct pv_sysctl_readconsole, readconsole, 128);
        PV_ARM(struct pv_sysctl_physinfo, physinfo, 128);
        PV_ARM(struct pv_sysctl_sched_id, sched_id, 128);
        PV_ARM(struct pv_sysctl_getdomaininfolist, getdomaininfolist, 128);
        PV_ARM(struct pv_sysctl_debug_keys, debug_keys, 128);
        PV_ARM(struct pv_sysctl_getcpuinfo, getcpuinfo, 128);
        PV_ARM(struct pv_sysctl_availheap, availheap, 128);
        PV_ARM(struct pv_sysctl_cpu_hotplug, cpu_hotplug, 128);
        PV_ARM(struct pv_sysctl_cputopoinfo, cputopoinfo, 128);
        PV_ARM(struct pv_sysctl_pcitopoinfo, pcitopoinfo, 128);
        PV_ARM(struct pv_sysctl_numainfo, numainfo, 128);
        PV_ARM(struct pv_sysctl_cpupool_op, cpupool_op, 128);
        PV_ARM(struct pv_sysctl_scheduler_op, scheduler_op, 128);
        PV_ARM(struct pv_sysctl_cpu_levelling_caps, cpu_levelling_caps, 128);
        PV_ARM(struct pv_sysctl_cpu_featureset, cpu_featureset, 128);
        PV_ARM(struct pv_sysctl_cpu_policy, cpu_policy, 128);
        uint64_t words[16];
    } u;
};
PV_CHECK_SIZE(pv_sysctl, 136);

#endif
