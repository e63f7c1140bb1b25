// SPDX-License-Identifier: MIT
//
// Every way into the hypervisor and the one way out. Guests run in ring 3 with their own GS; nothing here needs GS,
// because CpuInfo sits at the top of the stack block. All code below runs with interrupts off.
//
// The main stack at C++ entry, from its top (T = HV_WINDOW_STACK_TOP of this CPU) downwards:
//
//   T - INFO_SIZE + INFO_CURRENT   current, percpu, cpu ...         (CpuInfo after regs)
//   T - INFO_SIZE + REGS_END ...   es ds fs gs                      (not pushed: saved at a vCPU switch)
//   T - INFO_SIZE + REGS_RIP ...   rip cs rflags rsp ss             pushed by the CPU or the trampoline
//   T - INFO_SIZE + REGS_ERROR     error code, vector               pushed by the stub
//   T - INFO_SIZE ...              r15 .. rdi                       pushed by save_registers; rsp points here
//   below                          C++ frames
#include "arch/x86/entry_macros.h"
#include "asm_offsets.h"

// ---- interrupts and exceptions ------------------------------------------------------------------------------
    .macro save_trap
    save_registers
    cld
    smap_site 0xca
    testb $3, REGS_CS(%rsp)
    jz trap_in_hypervisor
    .endm

    .text
    .balign 16
    .globl trap_stubs
trap_stubs:
    idt_stubs trap_entry, ist_entry, page_fault_entry

    .globl trap_entry
trap_entry:
    save_trap
1:  sub $8, %rsp // C++ wants rsp 16-aligned at a call
    call entry_from_guest
    .globl leave_guest, resume_guest
leave_guest: // rsp = regs - 8
    call entry_leave
resume_guest:
    add $8, %rsp
    restore_registers
    guarded 9b, iretq

// A fault of ours (exception table decides), or an interrupt in an idle window. Same frame, anywhere on the stack:
// the CPU aligned rsp before it pushed five words and the stub pushed one, so rsp is 8 off 16 here.
trap_in_hypervisor:
    mov %rsp, %rdi
    sub $8, %rsp
    call entry_from_hypervisor
    add $8, %rsp
    restore_registers
    iretq

// #DB, NMI, #MC, #DF arrive on their own page of the stack block. From a guest the frame moves to the main stack,
// where nothing else lives then.
ist_entry:
    save_trap
    mov %rsp, %rsi
    or $(HV_STACK_BYTES - 1), %rsp
    sub $(INFO_SIZE - 1), %rsp
    mov %rsp, %rdi
    mov $(REGS_END / 8), %ecx
    rep movsq
    jmp 1b

// ---- into the first guest, or back to any -------------------------------------------------------------------
    .globl enter_guest_asm
enter_guest_asm: // resets the stack
    or $(HV_STACK_BYTES - 1), %rsp
    sub $(INFO_SIZE - 1 + 8), %rsp
    jmp leave_guest

// ---- syscall, sysenter --------------------------------------------------------------------------------------
// One page, mapped into every CPU's window at HV_WINDOW_TRAMPOLINE and entered there; rip-relative addresses hence
// reach the entering CPU's own stack. Nothing is pushed until rsp is ours; no register but rcx and r11 is touched.
#define RSP_SLOT syscall_trampoline + (HV_WINDOW_STACK_TOP - HV_WINDOW_TRAMPOLINE) - (INFO_SIZE - REGS_RSP)(%rip)
    .macro syscall_trampoline_to name, cs, target // rcx rip, r11 rflags
    .balign 64
    .globl \name
\name:
    mov %rsp, RSP_SLOT
    lea RSP_SLOT, %rsp
    push %r11
    push $\cs
    push %rcx
    jmp *1f(%rip)
1:  .quad \target
    .endm

    .macro sysenter_trampoline_to name, target // rip and rsp are lost; flags still hold everything but IF
    .balign 64
    .globl \name
\name:
    lea RSP_SLOT, %rsp
    movq $0, (%rsp)
    pushfq
    orq $0x200, (%rsp)
    push $HV_SEL_GUEST_CS32
    push $0
    push $2
    popfq // TF, NT, AC off
    jmp *1f(%rip)
1:  .quad \target
    .endm

    .section .text.trampoline, "ax"
    .balign 4096
    syscall_trampoline_to syscall_trampoline, HV_SEL_GUEST_CS64, syscall_entry
    syscall_trampoline_to syscall32_trampoline, HV_SEL_GUEST_CS32, syscall32_entry
    sysenter_trampoline_to sysenter_trampoline, sysenter_entry
    syscall_trampoline_to isolated_syscall_trampoline, HV_SEL_GUEST_CS64, isolated_syscall
    syscall_trampoline_to isolated_syscall32_trampoline, HV_SEL_GUEST_CS32, isolated_syscall32
    sysenter_trampoline_to isolated_sysenter_trampoline, isolated_sysenter

// The 64-bit syscall comes through fast.S.
    .text
    .globl syscall32_entry, sysenter_entry
syscall32_entry:
    slow_entry HV_VECTOR_SYSCALL32
sysenter_entry:
    slow_entry HV_VECTOR_SYSENTER

// ---- small helpers ------------------------------------------------------------------------------------------
// void run_on_stack(void* top, void (*fn)()): never comes back.
    .globl run_on_stack
run_on_stack:
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2
    .section .note.GNU-stack, "", @progbits
