// SPDX-License-Identifier: MIT
//
// sysctl: what the toolstack asks of the machine: the commands that Parapet answers, and their records.
#pragma once
#include "pv-abi/types.h"

#define PV_SYSCTL_INTERFACE_VERSION 0x15

#define PV_SYSCTL_READCONSOLE 1
#define PV_SYSCTL_PHYSINFO 3
#define PV_SYSCTL_SCHED_ID 4
#define PV_SYSCTL_GETDOMAININFOLIST 6
#define PV_SYSCTL_DEBUG_KEYS 7
#define PV_SYSCTL_GETCPUINFO 8
#define PV_SYSCTL_AVAILHEAP 9
#define PV_SYSCTL_CPUTOPOINFO 16
#define PV_SYSCTL_NUMAINFO 17
#define PV_SYSCTL_CPUPOOL_OP 18
#define PV_SYSCTL_SCHEDULER_OP 19
#define PV_SYSCTL_PCITOPOINFO 22
#define PV_SYSCTL_GET_CPU_FEATURESET 26
#define PV_SYSCTL_GET_CPU_POLICY 29

#define PV_SYSCTL_PHYSCAP_PV 0x2
#define PV_SYSCTL_PHYSCAP_GNTTAB_V1 0x100

#define PV_INVALID_NODE_ID 0xffffffff

#define PV_SYSCTL_CPUPOOL_OP_INFO 3
#define PV_SYSCTL_CPUPOOL_OP_FREEINFO 7

#define PV_SYSCTL_SCHEDOP_GETINFO 1

#define PV_SYSCTL_CPU_FEATURESET_PV_MAX 4

#define PV_SYSCTL_CPU_POLICY_HOST 1
#define PV_SYSCTL_CPU_POLICY_PV_MAX 2
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

struct pv_sysctl_pcitopoinfo {
    uint32_t num_devs;
    uint32_t hole0;
    uint64_t devs;
    uint64_t nodes;
};
PV_CHECK_SIZE(pv_sysctl_pcitopoinfo, 24);

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

struct pv_sysctl_scheduler_op {
    uint32_t cpupool_id;
    uint32_t sched_id;
    uint32_t cmd;
    uint32_t hole0;
    union {
        PV_ARM(struct pv_sysctl_credit_schedule, sched_credit, 16);
        uint64_t words[2];
    } u;
};
PV_CHECK_SIZE(pv_sysctl_scheduler_op, 32);

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
        PV_ARM(uint32_t, sched_id, 128);
        PV_ARM(struct pv_sysctl_getdomaininfolist, getdomaininfolist, 128);
        PV_ARM(struct pv_sysctl_debug_keys, debug_keys, 128);
        PV_ARM(struct pv_sysctl_getcpuinfo, getcpuinfo, 128);
        PV_ARM(struct pv_sysctl_availheap, availheap, 128);
        PV_ARM(struct pv_sysctl_cputopoinfo, cputopoinfo, 128);
        PV_ARM(struct pv_sysctl_numainfo, numainfo, 128);
        PV_ARM(struct pv_sysctl_pcitopoinfo, pcitopoinfo, 128);
        PV_ARM(struct pv_sysctl_cpupool_op, cpupool_op, 128);
        PV_ARM(struct pv_sysctl_scheduler_op, scheduler_op, 128);
        PV_ARM(struct pv_sysctl_cpu_featureset, cpu_featureset, 128);
        PV_ARM(struct pv_sysctl_cpu_policy, cpu_policy, 128);
        uint64_t words[16];
    } u;
};
PV_CHECK_SIZE(pv_sysctl, 136);

#endif
