// SPDX-License-Identifier: MIT
//
// domctl: control of one domain by the toolstack. Records, then the outer struct that holds any of them.
#pragma once
#include "pv-abi/types.h"

#define PV_DOMCTL_INTERFACE_VERSION 0x15

#define PV_DOMCTL_CREATEDOMAIN 1
#define PV_DOMCTL_DESTROYDOMAIN 2
#define PV_DOMCTL_PAUSEDOMAIN 3
#define PV_DOMCTL_UNPAUSEDOMAIN 4
#define PV_DOMCTL_GETDOMAININFO 5
#define PV_DOMCTL_SETVCPUAFFINITY 9
#define PV_DOMCTL_MAX_MEM 11
#define PV_DOMCTL_SETVCPUCONTEXT 12
#define PV_DOMCTL_GETVCPUCONTEXT 13
#define PV_DOMCTL_GETVCPUINFO 14
#define PV_DOMCTL_MAX_VCPUS 15
#define PV_DOMCTL_SCHEDULER_OP 16
#define PV_DOMCTL_SETDOMAINHANDLE 17
#define PV_DOMCTL_HYPERCALL_INIT 22
#define PV_DOMCTL_GETVCPUAFFINITY 25
#define PV_DOMCTL_RESUMEDOMAIN 27
#define PV_DOMCTL_SET_ADDRESS_SIZE 35
#define PV_DOMCTL_GET_ADDRESS_SIZE 36
#define PV_DOMCTL_GETTSCINFO 59
#define PV_DOMCTL_SETTSCINFO 60
#define PV_DOMCTL_GETPAGEFRAMEINFO3 61
#define PV_DOMCTL_SETNODEAFFINITY 68
#define PV_DOMCTL_GETNODEAFFINITY 69
#define PV_DOMCTL_GET_CPU_POLICY 82
#define PV_DOMCTL_SET_CPU_POLICY 83

#define PV_DOMCTL_CDF_XS_DOMAIN 0x10
#define PV_DOMCTL_GRANT_VERSION_MASK 0xf

#define PV_X86_MISC_FLAGS_MAX 0x1

#define PV_DOMINF_DYING 0x1
#define PV_DOMINF_SHUTDOWN 0x4
#define PV_DOMINF_PAUSED 0x8
#define PV_DOMINF_BLOCKED 0x10
#define PV_DOMINF_RUNNING 0x20
#define PV_DOMINF_SHUTDOWNMASK 255
#define PV_DOMINF_SHUTDOWNSHIFT 16
#define PV_INVALID_MAX_VCPU_ID 0xffffffff

#define PV_DOMCTL_PFINFO_LTAB_SHIFT 28
#define PV_DOMCTL_PFINFO_NOTAB 0
#define PV_DOMCTL_PFINFO_LPINTAB 0x80000000
#define PV_DOMCTL_PFINFO_XTAB 0xf0000000

#define PV_VCPUAFFINITY_HARD 0x1
#define PV_VCPUAFFINITY_SOFT 0x2
#define PV_VCPUAFFINITY_FORCE 0x4

#define PV_SCHEDULER_CREDIT 5
#define PV_DOMCTL_SCHEDOP_PUTINFO 0
#define PV_DOMCTL_SCHEDOP_GETINFO 1

#ifndef __ASSEMBLER__

struct pv_arch_domainconfig {
    uint32_t emulation_flags;
    uint32_t misc_flags;
};
PV_CHECK_SIZE(pv_arch_domainconfig, 8);

struct pv_domctl_createdomain {
    uint32_t ssidref;
    uint8_t handle[16];
    uint32_t flags;
    uint32_t iommu_opts;
    uint32_t max_vcpus;
    uint32_t max_evtchn_port;
    int32_t max_grant_frames;
    int32_t max_maptrack_frames;
    uint32_t grant_opts;
    uint32_t vmtrace_size;
    uint32_t cpupool_id;
    struct pv_arch_domainconfig arch;
};
PV_CHECK_SIZE(pv_domctl_createdomain, 64);

struct pv_domctl_getdomaininfo {
    uint16_t domain;
    uint16_t pad1;
    uint32_t flags;
    uint64_t tot_pages;
    uint64_t max_pages;
    uint64_t outstanding_pages;
    uint64_t shr_pages;
    uint64_t paged_pages;
    uint64_t shared_info_frame;
    uint64_t cpu_time;
    uint32_t nr_online_vcpus;
    uint32_t max_vcpu_id;
    uint32_t ssidref;
    uint8_t handle[16];
    uint32_t cpupool;
    uint8_t gpaddr_bits;
    uint8_t pad2[7];
    struct pv_arch_domainconfig arch_config;
};
PV_CHECK_SIZE(pv_domctl_getdomaininfo, 112);

struct pv_domctl_getpageframeinfo3 {
    uint64_t num;
    uint64_t array;
};
PV_CHECK_SIZE(pv_domctl_getpageframeinfo3, 16);

struct pv_domctl_vcpucontext {
    uint32_t vcpu;
    uint32_t hole0;
    uint64_t ctxt;
};
PV_CHECK_SIZE(pv_domctl_vcpucontext, 16);

struct pv_domctl_getvcpuinfo {
    uint32_t vcpu;
    uint8_t online;
    uint8_t blocked;
    uint8_t running;
    uint8_t hole0;
    uint64_t cpu_time;
    uint32_t cpu;
    uint32_t hole1;
};
PV_CHECK_SIZE(pv_domctl_getvcpuinfo, 24);

struct pv_domctl_vcpuaffinity {
    uint32_t vcpu;
    uint32_t flags;
    struct pv_xenctl_bitmap cpumap_hard;
    struct pv_xenctl_bitmap cpumap_soft;
};
PV_CHECK_SIZE(pv_domctl_vcpuaffinity, 40);

struct pv_domctl_sched_credit {
    uint16_t weight;
    uint16_t cap;
};
PV_CHECK_SIZE(pv_domctl_sched_credit, 4);

struct pv_domctl_scheduler_op {
    uint32_t sched_id;
    uint32_t cmd;
    union {
        PV_ARM(struct pv_domctl_sched_credit, credit, 16);
        uint64_t words[2];
    } u;
};
PV_CHECK_SIZE(pv_domctl_scheduler_op, 24);

struct pv_domctl_setdomainhandle {
    uint8_t handle[16];
};
PV_CHECK_SIZE(pv_domctl_setdomainhandle, 16);

struct pv_domctl_cpu_policy {
    uint32_t nr_leaves;
    uint32_t nr_msrs;
    uint64_t leaves;
    uint64_t msrs;
    uint32_t err_leaf, err_subleaf, err_msr;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_domctl_cpu_policy, 40);

struct pv_domctl_tsc_info {
    uint32_t tsc_mode;
    uint32_t gtsc_khz;
    uint32_t incarnation;
    uint32_t pad;
    uint64_t elapsed_nsec;
};
PV_CHECK_SIZE(pv_domctl_tsc_info, 24);

struct pv_domctl {
    uint32_t cmd;
    uint32_t interface_version;
    uint16_t domain;
    uint16_t _pad[3];
    union {
        PV_ARM(struct pv_domctl_createdomain, createdomain, 128);
        PV_ARM(struct pv_domctl_getdomaininfo, getdomaininfo, 128);
        PV_ARM(struct pv_domctl_getpageframeinfo3, getpageframeinfo3, 128);
        PV_ARM(struct pv_xenctl_bitmap, nodeaffinity, 128);
        PV_ARM(struct pv_domctl_vcpuaffinity, vcpuaffinity, 128);
        PV_ARM(uint64_t, max_mem, 128);
        PV_ARM(struct pv_domctl_vcpucontext, vcpucontext, 128);
        PV_ARM(struct pv_domctl_getvcpuinfo, getvcpuinfo, 128);
        PV_ARM(uint32_t, max_vcpus, 128);
        PV_ARM(struct pv_domctl_scheduler_op, scheduler_op, 128);
        PV_ARM(struct pv_domctl_setdomainhandle, setdomainhandle, 128);
        PV_ARM(uint64_t, hypercall_init, 128);
        PV_ARM(struct pv_domctl_tsc_info, tsc_info, 128);
        PV_ARM(uint32_t, address_size, 128);
        PV_ARM(struct pv_domctl_cpu_policy, cpu_policy, 128);
        uint64_t words[16];
    } u;
};
PV_CHECK_SIZE(pv_domctl, 144);

#endif
