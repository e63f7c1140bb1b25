// SPDX-License-Identifier: MIT
// Entry and return paths. Every stub turns the hypervisor's bounce frame into one TrapFrame (trap.hpp) and calls
// trap_dispatch; the way back is always the iret hypercall. Stubs differ only in having an error code or not.
//
//   bounce frame, low to high                TrapFrame, low to high
//   rcx r11 [error] rip cs rflags rsp ss     r15..r12 rbp rbx r10..r8 rdi rsi rdx rax rcx r11 vector error
//                                            rip cs rflags rsp ss
    .text
.macro STUB vector, has_error
trap_stub_\vector:
    popq %rcx
    popq %r11
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\vector
    jmp trap_common
.endm

trap_common:
    pushq %r11
    pushq %rcx
    pushq %rax
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushfq
    popq handler_rflags(%rip)
    movw %cs, handler_cs(%rip)
    movw %ss, handler_ss(%rip)
    cld
    movq %rsp, %rdi
    movq %rsp, %rbx
    andq $-16, %rsp
    call trap_dispatch
    movq %rbx, %rsp
frame_return:                                       // rsp -> TrapFrame
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rax
    popq %rcx
    popq %r11
    addq $16, %rsp
    pushq iret_flags(%rip)                          // iret frame: rax r11 rcx flags rip cs rflags rsp ss
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $23, %eax
    syscall
    ud2

// extern "C" void enter_frame(TrapFrame*): leaves for the frame's context; leave_frame() makes this call return.
    .globl enter_frame, leave_frame
enter_frame:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, saved_kernel_rsp(%rip)
    movq %rdi, %rsp
    jmp frame_return
leave_frame:
    movq saved_kernel_rsp(%rip), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .irp v, 0,1,2,3,4,5,6,7,9,15,16,18,19,20,21,22,23,24,25,26,27,28,29,30,31,128,129,256,257,259,260
    STUB \v, 0
    .endr
    .irp v, 8,10,11,12,13,14,17
    STUB \v, 1
    .endr

// Failsafe: rcx r11 ds es fs gs rip cs rflags rsp ss. The four selectors are kept for the test and dropped.
trap_stub_258:
    popq %rcx
    popq %r11
    popq failsafe_selectors+0(%rip)
    popq failsafe_selectors+8(%rip)
    popq failsafe_selectors+16(%rip)
    popq failsafe_selectors+24(%rip)
    pushq $0
    pushq $258
    jmp trap_common

    .section .rodata
    .globl trap_stubs, event_stub, failsafe_stub, syscall_stub, syscall32_stub, sysenter_stub
    .globl int80_stub, int81_stub
    .align 8
trap_stubs:
    .irp v, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .quad trap_stub_\v
    .endr
int80_stub:     .quad trap_stub_128
int81_stub:     .quad trap_stub_129
syscall_stub:   .quad trap_stub_256
event_stub:     .quad trap_stub_257
failsafe_stub:  .quad trap_stub_258
syscall32_stub: .quad trap_stub_259
sysenter_stub:  .quad trap_stub_260

    .bss
    .globl handler_rflags, handler_cs, handler_ss, failsafe_selectors
    .align 8
handler_rflags:     .skip 8
failsafe_selectors: .skip 32
saved_kernel_rsp:   .skip 8
handler_cs:         .skip 2
handler_ss:         .skip 2
    .data
    .globl iret_flags
    .align 8
iret_flags: .quad 0
    .section .note.GNU-stack, "", @progbits
