// SPDX-License-Identifier: MIT
//
// A virtual CPU as the guest sees it: selectors, registers, traps, first context, vcpu_op,
// callback_op, clock, shared info page.
#pragma once
#include "pv-abi/types.h"

// Flat ring 3 selectors that the hypervisor keeps in every guest's GDT. A null DS is flat in 64-bit mode.
#define PV_FLAT_RING3_CS64 0xe033
#define PV_FLAT_RING3_SS64 0xe02b
#define PV_FLAT_KERNEL_CS64 PV_FLAT_RING3_CS64
#define PV_FLAT_KERNEL_SS64 PV_FLAT_RING3_SS64
#define PV_FLAT_USER_CS64 PV_FLAT_RING3_CS64
#define PV_FLAT_USER_CS32 0xe023
#define PV_FLAT_USER_SS64 PV_FLAT_RING3_SS64
#define PV_FLAT_USER_SS32 PV_FLAT_RING3_SS64

#define PV_FIRST_RESERVED_GDT_ENTRY 7168

#define PV_SEGBASE_FS 0
#define PV_SEGBASE_GS_USER 1
#define PV_SEGBASE_GS_KERNEL 2
#define PV_SEGBASE_GS_USER_SEL 3

#define PV_LEGACY_MAX_VCPUS 32

#define PV_VGCF_I387_VALID 0x1
#define PV_VGCF_IN_KERNEL 0x4
#define PV_VGCF_FAILSAFE_DISABLES_EVENTS 0x8
#define PV_VGCF_SYSCALL_DISABLES_EVENTS 0x10
#define PV_VGCF_ONLINE 0x20
#define PV_VGCF_IN_SYSCALL 0x100

// trap_info.flags
#define PV_TI_DPL_MASK 0x3
#define PV_TI_IF 0x4

#define PV_VCPUOP_INITIALISE 0
#define PV_VCPUOP_UP 1
#define PV_VCPUOP_DOWN 2
#define PV_VCPUOP_IS_UP 3
#define PV_VCPUOP_GET_RUNSTATE_INFO 4
#define PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA 5
#define PV_VCPUOP_SET_PERIODIC_TIMER 6
#define PV_VCPUOP_STOP_PERIODIC_TIMER 7
#define PV_VCPUOP_SET_SINGLESHOT_TIMER 8
#define PV_VCPUOP_STOP_SINGLESHOT_TIMER 9
#define PV_VCPUOP_REGISTER_VCPU_INFO 10
#define PV_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA 13

#define PV_VCPU_SSHOTTMR_FUTURE 0x1

#define PV_RUNSTATE_RUNNING 0
#define PV_RUNSTATE_RUNNABLE 1
#define PV_RUNSTATE_BLOCKED 2
#define PV_RUNSTATE_OFFLINE 3
#define PV_RUNSTATE_UPDATE 0x8000000000000000

// callback_op: where the hypervisor enters the guest kernel.
#define PV_CALLBACKOP_REGISTER 0
#define PV_CALLBACKOP_UNREGISTER 1

#define PV_CALLBACKF_MASK_EVENTS 0x1

#define PV_PVCLOCK_TSC_STABLE_BIT 0x1

#ifndef __ASSEMBLER__

struct pv_cpu_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t entry_vector;
    uint64_t rip;
    uint16_t cs, _pad0[1];
    uint8_t saved_upcall_mask;
    uint8_t _pad1[3];
    uint64_t rflags;
    uint64_t rsp;
    uint16_t ss, _pad2[3];
    uint16_t es, _pad3[3];
    uint16_t ds, _pad4[3];
    uint16_t fs, _pad5[3];
    uint16_t gs, _pad6[3];
};
PV_CHECK_SIZE(pv_cpu_user_regs, 200);

struct pv_iret_context {
    uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};
PV_CHECK_SIZE(pv_iret_context, 72);

struct pv_trap_info {
    uint8_t vector;
    uint8_t flags;
    uint16_t cs;
    uint32_t hole0;
    uint64_t address;
};
PV_CHECK_SIZE(pv_trap_info, 16);

struct pv_vcpu_guest_context {
    char fpu_ctxt[512];
    uint64_t flags;
    struct pv_cpu_user_regs user_regs;
    struct pv_trap_info trap_ctxt[256];
    uint64_t ldt_base, ldt_ents;
    uint64_t gdt_frames[16], gdt_ents;
    uint64_t kernel_ss, kernel_sp;
    uint64_t ctrlreg[8];
    uint64_t debugreg[8];
    uint64_t event_callback_eip;
    uint64_t failsafe_callback_eip;
    uint64_t syscall_callback_eip;
    uint64_t vm_assist;
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};
PV_CHECK_SIZE(pv_vcpu_guest_context, 5168);

// The per-vcpu clock. Version is odd while the hypervisor writes; readers retry.
struct pv_vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad1[2];
};
PV_CHECK_SIZE(pv_vcpu_time_info, 32);

struct pv_vcpu_info {
    uint8_t evtchn_upcall_pending;
    uint8_t evtchn_upcall_mask;
    uint8_t hole0[6];
    uint64_t evtchn_pending_sel;
    struct {
        uint64_t cr2;
        uint64_t pad;
    } arch;
    struct pv_vcpu_time_info time;
};
PV_CHECK_SIZE(pv_vcpu_info, 64);

struct pv_shared_info {
    struct pv_vcpu_info vcpu_info[PV_LEGACY_MAX_VCPUS];
    uint64_t evtchn_pending[64];
    uint64_t evtchn_mask[64];
    uint32_t wc_version;
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct {
        uint64_t max_pfn;
        uint64_t pfn_to_mfn_frame_list_list;
        uint64_t nmi_reason;
        uint64_t p2m_cr3;
        uint64_t p2m_vaddr;
        uint64_t p2m_generation;
    } arch;
};
PV_CHECK_SIZE(pv_shared_info, 3136);

struct pv_vcpu_runstate_info {
    int32_t state;
    uint32_t hole0;
    uint64_t state_entry_time;
    uint64_t time[4];
};
PV_CHECK_SIZE(pv_vcpu_runstate_info, 48);

struct pv_vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns;
    uint32_t flags;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_vcpu_set_singleshot_timer, 16);

struct pv_vcpu_register_vcpu_info {
    uint64_t mfn;
    uint32_t offset;
    uint32_t rsvd;
};
PV_CHECK_SIZE(pv_vcpu_register_vcpu_info, 16);

struct pv_callback_register {
    uint16_t type;
    uint16_t flags;
    uint32_t hole0;
    uint64_t address;
};
PV_CHECK_SIZE(pv_callback_register, 16);

struct pv_callback_unregister {
    uint16_t type;
    uint16_t _unused;
};
PV_CHECK_SIZE(pv_callback_unregister, 4);

#endif
