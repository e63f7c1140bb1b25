// SPDX-License-Identifier: MIT
//
// Assembly macros of entry.S and isolated.S: the general registers of the frame that entry.S draws, and the IDT stubs.
#pragma once
#include "arch/x86/layout.h"

    // Offsets in the frame that save_registers makes.
    .set offset, 0
    .irp name, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
    .set regs_\name, offset
    .set offset, offset + 8
    .endr

    .macro save_registers
    .irp name, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
    push %\name
    .endr
    .endm

    // An instruction whose fault continues at \target; where that is the instruction itself, the fault is the guest's.
    .macro guarded target, insn:vararg
9:  \insn
    .pushsection .ex_table, "a"
    .long 9b - ., \target - .
    .popsection
    .endm

    // Three bytes of nothing, which on CPUs with SMAP features.cpp makes `stac` (0xcb) or `clac` (0xca).
    .macro smap_site last_byte
8:  .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_sites, "a"
    .long 8b - ., (\last_byte << 16 | 0x010f)
    .popsection
    .endm

    .macro restore_registers
    .irp name, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
    pop %\name
    .endr
    add $8, %rsp // error code, vector
    .endm

    // rsp -> [error code, vector] rip cs rflags rsp ss; vectors 8, 10-14, 17, 21, 29, 30 come with an error code.
    // 256 stubs of 16 bytes; #DB, NMI, #DF, #MC go to \ist, page faults to \fault.
    .macro idt_stubs other, ist, fault
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    movb $vector, 4(%rsp)
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp \ist
    .elseif vector == 14
    jmp \fault
    .else
    jmp \other
    .endif
    .set vector, vector + 1
    .endr
    .balign 16
    .endm

    // rsp -> rip cs rflags rsp, from a trampoline: completes the frame with ss, no error code and \vector.
    .macro complete_frame vector
    movq $HV_SEL_GUEST_DS, 32(%rsp)
    pushq $0
    movl $\vector, 4(%rsp)
    .endm

    // From a trampoline to C++ and back to the guest.
    .macro slow_entry vector
    complete_frame \vector
    save_registers
    mov %rsp, %rdi
    sub $8, %rsp
    call entry_call
    jmp leave_guest
    .endm
