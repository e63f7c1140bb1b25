// SPDX-License-Identifier: MIT
//
// The way in and out on CPUs that leak what is mapped or predicted: while a guest runs, CR3 holds a copy of its root
// in which the hypervisor is absent but for this CPU's window, the IDT and the two pages below. Chosen at boot in the
// place of entry.S and fast.S (mitigations.cpp); the frame is the one entry.S draws. Interrupts off.
//
//   rbp CpuInfo, which begins with regs   rbx CR3 on entry   (both saved in the frame, both kept by C++)
#include "arch/x86/entry_macros.h"
#include "asm_offsets.h"

#define MSR_SPEC_CTRL 0x48

    .section .text.isolated, "ax"
    .balign 4096
    .globl isolated_stubs
isolated_stubs:
    idt_stubs isolated_trap, isolated_trap, isolated_trap

    .macro isolated_entry name, vector // rsp -> rip cs rflags rsp
    .globl \name
\name:
    complete_frame \vector
    jmp isolated_trap
    .endm
    isolated_entry isolated_syscall, HV_VECTOR_SYSCALL
    isolated_entry isolated_syscall32, HV_VECTOR_SYSCALL32
    isolated_entry isolated_sysenter, HV_VECTOR_SYSENTER

isolated_trap: // on any stack of this CPU, under either root
    save_registers
    cld
    smap_site 0xca
    mov %rsp, %rdi
    mov %rsp, %rbp
    or $(HV_STACK_BYTES - 1), %rbp
    sub $(INFO_SIZE - 1), %rbp
    mov %cr3, %rbx
    cmp INFO_ISOLATED_ROOT(%rbp), %rbx
    jne 1f
    mov INFO_FULL_ROOT(%rbp), %rax
    mov %rax, %cr3
1:  mov INFO_SPEC_CTRL(%rbp), %eax
    test %eax, %eax
    jz 3f
    mov $MSR_SPEC_CTRL, %ecx
    xor %edx, %edx
    wrmsr
    mov $32, %ecx // fill the return stack with addresses of ours
2:  call 4f
5:  pause
    jmp 5b
4:  add $8, %rsp
    loop 2b
3:  testb $3, REGS_CS(%rdi)
    jz isolated_in_hypervisor
    cmp %rbp, %rdi
    je 6f
    mov %rdi, %rsi // from the page of #DB, NMI, #MC or #DF to the main stack
    mov %rbp, %rdi
    mov $(REGS_END / 8), %ecx
    rep movsq
6:  mov %rbp, %rdi
    lea -8(%rbp), %rsp
    call entry_isolated
isolated_exit: // rsp = regs - 8
    call entry_leave
    call before_isolated_exit
    add $8, %rsp
    cmpl $0, INFO_SPEC_CTRL(%rsp)
    je 7f
    mov $MSR_SPEC_CTRL, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
7:  mov INFO_ISOLATED_ROOT(%rsp), %rax
    test %rax, %rax
    jz 8f
    mov %rax, %cr3
8:  restore_registers
    guarded 9b, iretq

isolated_in_hypervisor:
    sub $8, %rsp
    call entry_from_hypervisor
    add $8, %rsp
    cmp INFO_ISOLATED_ROOT(%rbp), %rbx
    jne 9f
    mov %rbx, %cr3
9:  restore_registers
    iretq

    .globl enter_guest_isolated
enter_guest_isolated: // resets the stack
    or $(HV_STACK_BYTES - 1), %rsp
    sub $(INFO_SIZE - 1 + 8), %rsp
    jmp isolated_exit
    .balign 4096
    .globl isolated_end
isolated_end:
    .section .note.GNU-stack, "", @progbits
