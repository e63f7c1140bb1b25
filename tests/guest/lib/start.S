// SPDX-License-Identifier: MIT
// First instructions of every micro-kernel and its Xen ELF notes. The notes mirror stock Linux 6.1 (INIT_P2M outside of
// the kernel mapping, no hypercall page); -DGUEST_HYPERCALL_PAGE builds the older shape: a hypercall page, p2m inside.
// The registers found at the first instruction are stored before anything else, so that tests can judge them.
    .section .note.Xen, "a", @note
.macro NOTE type, value:vararg
    .align 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \value
2:  .align 4
.endm
    NOTE 6, .asciz "linux"                          // GUEST_OS
    NOTE 5, .asciz "xen-3.0"                        // XEN_VERSION
    NOTE 8, .asciz "generic"                        // LOADER
    NOTE 3, .quad 0xffffffff80000000                // VIRT_BASE
    NOTE 4, .quad 0                                 // PADDR_OFFSET
    NOTE 1, .quad _start                            // ENTRY
    NOTE 9, .asciz "yes"                            // PAE_MODE
    NOTE 10, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
    NOTE 12, .quad 0xffff800000000000               // HV_START_LOW
    NOTE 13, .quad 1, 1                             // L1_MFN_VALID
    NOTE 17, .long 0x801                            // SUPPORTED_FEATURES: writable_page_tables, dom0
#ifdef GUEST_HYPERCALL_PAGE
    NOTE 2, .quad hypercall_page
#else
    NOTE 15, .quad 0x8000000000                     // INIT_P2M
    NOTE 16, .long 1                                // MOD_START_PFN
#endif

    .text
    .globl _start
_start:
    pushfq
    popq entry_rflags(%rip)
    movq %rax, entry_regs+0(%rip)
    movq %rbx, entry_regs+8(%rip)
    movq %rcx, entry_regs+16(%rip)
    movq %rdx, entry_regs+24(%rip)
    movq %rsi, entry_regs+32(%rip)
    movq %rdi, entry_regs+40(%rip)
    movq %rbp, entry_regs+48(%rip)
    movq %rsp, entry_regs+56(%rip)
    movq %r8,  entry_regs+64(%rip)
    movq %r9,  entry_regs+72(%rip)
    movq %r10, entry_regs+80(%rip)
    movq %r11, entry_regs+88(%rip)
    movq %r12, entry_regs+96(%rip)
    movq %r13, entry_regs+104(%rip)
    movq %r14, entry_regs+112(%rip)
    movq %r15, entry_regs+120(%rip)
    movw %cs, entry_selectors+0(%rip)
    movw %ds, entry_selectors+2(%rip)
    movw %es, entry_selectors+4(%rip)
    movw %fs, entry_selectors+6(%rip)
    movw %gs, entry_selectors+8(%rip)
    movw %ss, entry_selectors+10(%rip)
    cld
    movq %rsi, %rdi
    leaq boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call guest_main
1:  jmp 1b

    .globl hypercall_page
    .align 4096
hypercall_page:
#ifdef GUEST_HYPERCALL_PAGE
    .skip 4096
#endif

    .data
    .globl entry_rflags, entry_regs, entry_selectors
    .align 8
entry_rflags:    .quad 0
entry_regs:      .skip 16 * 8                       // rax rbx rcx rdx rsi rdi rbp rsp r8 .. r15
entry_selectors: .skip 6 * 2                        // cs ds es fs gs ss

    .bss
    .globl boot_stack, boot_stack_top
    .align 4096
boot_stack: .skip 32768
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
