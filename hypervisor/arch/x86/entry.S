// SPDX-License-Identifier: MIT
//
// Every way into the hypervisor and the one way out. Guests run in ring 3 with their own GS; nothing here needs GS,
// because CpuInfo sits at the top of the stack block. All code below runs with interrupts off.
//
// The main stack at C++ entry, from its top (T = HV_WINDOW_STACK_TOP of this CPU) downwards:
//
//   T - INFO_SIZE + INFO_HOT ...   hot, current, percpu, cpu        (CpuInfo after regs)
//   T - INFO_SIZE + REGS_END ...   es ds fs gs                      (not pushed: saved at a vCPU switch)
//   T - INFO_SIZE + REGS_RIP ...   rip cs rflags rsp ss             pushed by the CPU or the trampoline
//   T - INFO_SIZE + REGS_ERROR     error code, vector               pushed by the stub
//   T - INFO_SIZE ...              r15 .. rdi                       pushed by save_registers; rsp points here
//   below                          C++ frames
#include "arch/x86/layout.h"
#include "asm_offsets.h"

    .macro save_registers
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro restore_registers
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $8, %rsp // error code, vector
    .endm

// ---- IDT stubs: 16 bytes each, from trap_stubs --------------------------------------------------------------------
//   rsp -> [error code, vector] rip cs rflags rsp ss; vectors 8, 10-14, 17, 21, 29, 30 come with an error code.
    .text
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    movb $vector, 4(%rsp)
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp ist_entry
    .elseif vector == 14
    jmp page_fault_entry
    .else
    jmp trap_entry
    .endif
    .set vector, vector + 1
    .endr
    .balign 16

    .globl trap_entry
trap_entry:
    save_registers
    cld
    mov %rsp, %rdi
    testb $3, REGS_CS(%rsp)
    jz trap_in_hypervisor
    sub $8, %rsp // C++ wants rsp 16-aligned at a call
    call entry_from_guest
    jmp resume_guest

// A fault of ours (exception table decides), or an interrupt in an idle window. Same frame, anywhere on the stack:
// the CPU aligned rsp before it pushed five words and the stub pushed one, so rsp is 8 off 16 here.
trap_in_hypervisor:
    sub $8, %rsp
    call entry_from_hypervisor
    add $8, %rsp
    restore_registers
    iretq

// #DB, NMI, #MC, #DF arrive on their own page of the stack block. From a guest the frame moves to the main stack,
// where nothing else lives then.
ist_entry:
    save_registers
    cld
    mov %rsp, %rdi
    testb $3, REGS_CS(%rsp)
    jz trap_in_hypervisor
    mov %rsp, %rsi
    or $(HV_STACK_BYTES - 1), %rsp
    sub $(INFO_SIZE - 1), %rsp
    mov %rsp, %rdi
    mov $(REGS_END / 8), %ecx
    rep movsq
    mov %rsp, %rdi
    sub $8, %rsp
    call entry_from_guest
    jmp resume_guest

// ---- the way out ---------------------------------------------------------------------------------------------------
//   rsp = regs - 8 on arrival
    .globl enter_guest_asm
enter_guest_asm: // resets the stack
    or $(HV_STACK_BYTES - 1), %rsp
    sub $(INFO_SIZE - 1 + 8), %rsp
    call entry_leave
resume_guest:
    add $8, %rsp
    restore_registers
    .globl guest_iret
guest_iret: // rsp -> rip cs rflags rsp ss; a fault here is the guest's: entry_from_hypervisor knows this address
    iretq

// ---- syscall, sysenter ------------------------------------------------------------------------------------------------
// One page, mapped into every CPU's window at HV_WINDOW_TRAMPOLINE and entered there; rip-relative addresses hence
// reach the entering CPU's own stack. Nothing is pushed until rsp is ours; no register but rcx and r11 is touched.
    .macro at_stack_top reg, below
    lea syscall_trampoline + (HV_WINDOW_STACK_TOP - HV_WINDOW_TRAMPOLINE) - (\below)(%rip), \reg
    .endm
    .section .text.trampoline, "ax"
    .balign 4096
    .globl syscall_trampoline
syscall_trampoline: // rcx rip, r11 rflags
    mov %rsp, syscall_trampoline + (HV_WINDOW_STACK_TOP - HV_WINDOW_TRAMPOLINE) - (INFO_SIZE - REGS_RSP)(%rip)
    at_stack_top %rsp, (INFO_SIZE-REGS_RSP)
    push %r11
    push $HV_SEL_GUEST_CS64
    push %rcx
    jmp *1f(%rip)
1:  .quad syscall_entry
    .balign 64
    .globl syscall32_trampoline
syscall32_trampoline: // as above, from compatibility mode (AMD)
    mov %rsp, syscall_trampoline + (HV_WINDOW_STACK_TOP - HV_WINDOW_TRAMPOLINE) - (INFO_SIZE - REGS_RSP)(%rip)
    at_stack_top %rsp, (INFO_SIZE-REGS_RSP)
    push %r11
    push $HV_SEL_GUEST_CS32
    push %rcx
    jmp *1f(%rip)
1:  .quad syscall32_entry
    .balign 64
    .globl sysenter_trampoline
sysenter_trampoline: // rip and rsp are lost; flags still hold everything but IF
    at_stack_top %rsp, (INFO_SIZE-REGS_RSP)
    movq $0, (%rsp)
    pushfq
    orq $0x200, (%rsp)
    push $HV_SEL_GUEST_CS32
    push $0
    push $2
    popfq // TF, NT, AC off
    jmp *1f(%rip)
1:  .quad sysenter_entry
    .balign 4096

// rsp -> rip cs rflags rsp; ss is filled in here. The 64-bit syscall comes through fast.S.
    .text
    .macro slow_entry name, vector, upcall
    .balign 16
    .globl \name
\name:
    movq $HV_SEL_GUEST_DS, 32(%rsp)
    pushq $0
    movl $\vector, 4(%rsp)
    save_registers
    mov %rsp, %rdi
    sub $8, %rsp
    call \upcall
    jmp resume_guest
    .endm
    slow_entry syscall_slow, HV_VECTOR_SYSCALL, entry_syscall
    slow_entry syscall32_entry, HV_VECTOR_SYSCALL32, entry_compat
    slow_entry sysenter_entry, HV_VECTOR_SYSENTER, entry_compat

// ---- small helpers -----------------------------------------------------------------------------------------------------
// void run_on_stack(void* top, void (*fn)()): never comes back.
    .globl run_on_stack
run_on_stack:
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2
    .section .note.GNU-stack, "", @progbits
