// SPDX-License-Identifier: MIT
//
// The three transitions a guest makes most, without C++: system call to its kernel, page fault to its kernel, and the
// iret hypercall; and the shortest way to the handlers of other hypercalls. Each checks everything first and declines
// to the ordinary path with all registers as they came; what it does is exactly what guest/bounce.cpp does.
// `fastpath=off` makes them all decline. Interrupts off.
//
// Stack on entry of all three, T being the address of regs.rip at the top of this CPU's stack:
//
//   T + INFO_HOT - REGS_RIP   hot
//   T + 0 .. 32               rip cs rflags rsp ss
//   T - 8                     error code, vector   (page fault only; the others start at T)
#include "arch/x86/entry_macros.h"
#include "asm_offsets.h"

#define T_RIP 0
#define T_CS 8
#define T_RFLAGS 16
#define T_RSP 24
#define T_SS 32
#define T_HOT (INFO_HOT - REGS_RIP)

#define FAST_USER 0x00010100 /* kernel_mode 0, fast_paths 1, syscall_masks 1 */
#define FAST_KERNEL 0x0101   /* kernel_mode 1, fast_paths 1 */
#define FLAGS_BOUNCE ~0x74500 /* TF DF NT RF VM AC */
#define FLAGS_TRAP ~0x74100   /* TF NT RF VM AC */
#define FLAGS_LOADABLE 0x254dd5
#define FLAGS_ALWAYS 0x202
#define HYPERCALL_IRET 23
#define HYPERCALLS 64
#define ERROR_RESTART -85

    .macro guarded target, insn:vararg // an instruction whose fault continues at \target
9:  \insn
    .pushsection .ex_table, "a"
    .quad 9b, \target
    .popsection
    .endm

    // Leaves for \target if guest address \reg lies in the hypervisor's 8 TiB; a non-canonical one faults when used.
    .macro refuse_own reg, scratch, scratch32, target
    mov \reg, \scratch
    shr $43, \scratch
    cmp $(HV_M2P_BASE >> 43), \scratch32
    je \target
    .endm

    // rax = where a frame of \bytes bytes below \sp starts; a guest stack in our 8 TiB leaves for \target.
    .macro frame_below sp, bytes, target
    mov \sp, %rax
    and $-16, %rax
    sub $\bytes, %rax
    refuse_own %rax, %rdx, %edx, \target
    .endm

    .text
// ---- syscall ------------------------------------------------------------------------------------------------
//   rcx rip, r11 rflags (as in the frame); from guest user mode to the registered callback
    .balign 64
    .globl syscall_entry
syscall_entry:
    mov T_HOT(%rsp), %rcx
    cmpl $FAST_USER, HOT_KERNEL_MODE(%rcx)
    je fast_syscall
    cmpw $FAST_KERNEL, HOT_KERNEL_MODE(%rcx)
    jne syscall_decline // user mode, too: whatever is in rax, it is no hypercall
    cmp $HYPERCALL_IRET, %rax
    je fast_iret
    cmp $HYPERCALLS, %rax
    jae syscall_decline
    lea hypercall_table(%rip), %r11
    cmpq $0, (%r11, %rax, 8)
    jne fast_hypercall
    mov T_RFLAGS(%rsp), %r11
syscall_decline:
    mov T_RIP(%rsp), %rcx
    slow_entry HV_VECTOR_SYSCALL

#define S 16 /* bytes pushed below T: rax rdx */
fast_syscall:
    push %rax
    push %rdx
    mov HOT_INFO(%rcx), %rdx
    cmpb $0, VCPU_INFO_MASK(%rdx) // user mode with events masked: the ordinary path sorts it out
    jne fast_syscall_decline
    cmpq $0, HOT_SYSCALL_ENTRY(%rcx)
    je fast_syscall_decline
    frame_below HOT_KERNEL_SP(%rcx), 56, fast_syscall_decline
    mov HOT_KERNEL_ROOT(%rcx), %rdx
    mov %rdx, %cr3
    mov S+T_RIP(%rsp), %rdx
    guarded fast_syscall_decline, mov %rdx, (%rax) // rcx
    guarded fast_syscall_decline, mov %r11, 8(%rax)
    guarded fast_syscall_decline, mov %rdx, 16(%rax) // rip
    guarded fast_syscall_decline, movq $HV_SEL_GUEST_CS64, 24(%rax)
    guarded fast_syscall_decline, mov %r11, 32(%rax)
    mov S+T_RSP(%rsp), %rdx
    guarded fast_syscall_decline, mov %rdx, 40(%rax)
    guarded fast_syscall_decline, movq $HV_SEL_GUEST_DS, 48(%rax)
    swapgs // from here on nothing can fail
    movb $1, HOT_KERNEL_MODE(%rcx)
    mov HOT_INFO(%rcx), %rdx
    movb $1, VCPU_INFO_MASK(%rdx)
    mov HOT_SYSCALL_ENTRY(%rcx), %rdx
    mov S+T_RIP(%rsp), %rcx
    mov %rdx, S+T_RIP(%rsp)
    andq $FLAGS_BOUNCE, S+T_RFLAGS(%rsp)
    mov %rax, S+T_RSP(%rsp)
    movq $HV_SEL_GUEST_DS, S+T_SS(%rsp)
    pop %rdx
    pop %rax
    jmp guest_iret
fast_syscall_decline:
    pop %rdx
    pop %rax
    jmp syscall_decline
#undef S

// ---- hypercalls ---------------------------------------------------------------------------------------------
//   rax number, rcx hot, r11 table; r11 and rcx of the guest are dead. The handlers' C++ keeps rbx, rbp, r12 to r15,
//   but a vCPU switch, a crash report and a preempted call want the whole frame.
    .balign 16
fast_hypercall:
    movq $HV_SEL_GUEST_DS, T_SS(%rsp)
    pushq $0
    movl $HV_VECTOR_SYSCALL, 4(%rsp)
    shlq $8, HOT_RECENT_CALLS(%rcx)
    movb %al, HOT_RECENT_CALLS(%rcx)
    mov 8+T_RIP(%rsp), %rcx
    save_registers
    mov (%r11, %rax, 8), %rax
    mov REGS_RFLAGS(%rsp), %r11
    mov %r11, regs_r11(%rsp)
    sub $8, %rsp // C++ wants rsp 16-aligned at a call
    mov %r8, %r9
    mov %r10, %r8
    mov %rdx, %rcx
    mov %rsi, %rdx
    mov %rdi, %rsi
    mov 8+INFO_CURRENT(%rsp), %rdi
    call *%rax
    test %edx, %edx
    jnz hypercall_failed
hypercall_done:
    mov %rax, 8+regs_rax(%rsp)
    mov 8+INFO_PERCPU(%rsp), %rcx
    cmpl $0, (%rcx)
    jne hypercall_leave
    mov 8+INFO_HOT(%rsp), %rcx
    mov HOT_INFO(%rcx), %rcx
    cmpb $0, VCPU_INFO_PENDING(%rcx)
    jne hypercall_event
1:  andl $FLAGS_LOADABLE, 8+REGS_RFLAGS(%rsp) // an iret in a multicall may have brought others
    orl $FLAGS_ALWAYS, 8+REGS_RFLAGS(%rsp)
    .irp name, rdi, rsi, rdx, rcx, r8, r9, r10, r11
    mov 8+regs_\name(%rsp), %\name
    .endr
    add $(8+REGS_RIP), %rsp
    jmp guest_iret
hypercall_event:
    cmpb $0, VCPU_INFO_MASK(%rcx)
    jne 1b
hypercall_leave:
    call entry_leave
    jmp resume_guest
hypercall_failed:
    movslq %edx, %rax
    cmp $ERROR_RESTART, %edx
    jne hypercall_done
    lea 8(%rsp), %rdi
    call entry_preempted
    jmp resume_guest

// ---- iret hypercall -----------------------------------------------------------------------------------------
//   rax 23, rcx hot; r11 and rcx are dead by the convention of syscall; guest rsp -> a pv_iret_context
#define S 32 /* rax rcx r11 to be, and rdx */
    .balign 16
fast_iret:
    mov T_RSP(%rsp), %r11
    push %rdx
    sub $24, %rsp
    refuse_own %r11, %rdx, %edx, fast_iret_decline
    guarded fast_iret_decline, movzwl IRET_SS(%r11), %edx // the far end of the frame first
    guarded fast_iret_decline, testb $1, IRET_FLAGS+1(%r11) // in_syscall: another rule for rcx and r11
    jnz fast_iret_decline
    or $3, %edx
    mov %rdx, S+T_SS(%rsp)
    guarded fast_iret_decline, mov IRET_RAX(%r11), %rax
    mov %rax, (%rsp)
    guarded fast_iret_decline, mov IRET_RCX(%r11), %rax
    mov %rax, 8(%rsp)
    guarded fast_iret_decline, mov IRET_R11(%r11), %rax
    mov %rax, 16(%rsp)
    guarded fast_iret_decline, mov IRET_RFLAGS(%r11), %rdx
    mov HOT_INFO(%rcx), %rax
    test $0x200, %edx
    jz 1f
    cmpb $0, VCPU_INFO_PENDING(%rax) // about to be unmasked: an event comes first
    jne fast_iret_decline
1:  and $FLAGS_LOADABLE, %edx
    or $FLAGS_ALWAYS, %edx
    mov %rdx, S+T_RFLAGS(%rsp)
    guarded fast_iret_decline, movzwl IRET_CS(%r11), %eax
    guarded fast_iret_decline, mov IRET_RIP(%r11), %rdx
    mov %rdx, S+T_RIP(%rsp)
    mov %eax, %edx
    or $3, %edx
    mov %rdx, S+T_CS(%rsp)
    cmp %edx, %eax // equal: RPL 3, to user mode; anything else is kernel mode
    jne 2f
    cmpq $0, HOT_USER_ROOT(%rcx)
    je fast_iret_decline
2:
    guarded fast_iret_decline, testb $2, IRET_RFLAGS+1(%r11)
    setz %dl
    guarded fast_iret_decline, mov IRET_RSP(%r11), %r11
    mov %r11, S+T_RSP(%rsp) // overwrites the pointer to the frame: from here on nothing can fail
    mov HOT_INFO(%rcx), %r11
    mov %dl, VCPU_INFO_MASK(%r11)
    cmp %eax, S+T_CS(%rsp)
    jne 3f
    mov HOT_USER_ROOT(%rcx), %rdx
    mov %rdx, %cr3
    swapgs
    movb $0, HOT_KERNEL_MODE(%rcx)
3:  pop %rax
    pop %rcx
    pop %r11
    pop %rdx
    jmp guest_iret
fast_iret_decline:
    mov $HYPERCALL_IRET, %eax
    add $24, %rsp
    pop %rdx
    mov S+T_RFLAGS-S(%rsp), %r11
    jmp syscall_decline
#undef S

// ---- page fault ---------------------------------------------------------------------------------------------
//   rsp -> T - 8. Not for a write to a present page by the guest kernel: that may be a page-table update.
#define S 40 /* error code, rax rcx rdx rsi */
#define S_ERROR 32
#define S_RCX 16
    .balign 64
    .globl page_fault_entry
page_fault_entry:
    testb $3, 8+T_CS(%rsp)
    jz trap_entry
    push %rax
    push %rcx
    push %rdx
    push %rsi
    mov S+T_HOT(%rsp), %rcx
    cmpb $0, HOT_FAST_PATHS(%rcx)
    je fast_fault_decline
    mov HOT_TRAPS(%rcx), %rdx
    testb $4, TRAP_14_FLAGS(%rdx) // masks events
    jz fast_fault_decline
    cmpq $0, TRAP_14_ADDRESS(%rdx)
    je fast_fault_decline
    mov %cr2, %rsi
    cmpb $0, HOT_KERNEL_MODE(%rcx)
    jne 1f
    frame_below HOT_KERNEL_SP(%rcx), 64, fast_fault_decline
    mov HOT_KERNEL_ROOT(%rcx), %rdx
    mov %rdx, %cr3
    mov S_ERROR(%rsp), %edx
    guarded fast_fault_failed, mov %rdx, 16(%rax)
    movzwl S+T_CS(%rsp), %edx
    jmp 2f
1:  mov S_ERROR(%rsp), %edx
    and $0x1b, %edx
    cmp $3, %edx
    je fast_fault_decline
    frame_below S+T_RSP(%rsp), 64, fast_fault_decline
    mov S_ERROR(%rsp), %edx
    and $~4, %edx // not the guest's user mode
    guarded fast_fault_failed, mov %rdx, 16(%rax)
    movzwl S+T_CS(%rsp), %edx
    and $~3, %edx
2:  guarded fast_fault_failed, mov %edx, 32(%rax)
    mov S_RCX(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, (%rax)
    guarded fast_fault_failed, mov %r11, 8(%rax)
    mov S+T_RIP(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, 24(%rax)
    mov S+T_RSP(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, 48(%rax)
    movzwl S+T_SS(%rsp), %edx
    guarded fast_fault_failed, mov %rdx, 56(%rax)
    mov HOT_INFO(%rcx), %rdx
    movzbl VCPU_INFO_MASK(%rdx), %edx
    guarded fast_fault_failed, mov %edx, 36(%rax) // with cs: bits 32 to 39
    test %edx, %edx
    mov S+T_RFLAGS(%rsp), %rdx
    jz 3f
    and $~0x200, %rdx
3:  guarded fast_fault_failed, mov %rdx, 40(%rax)
    mov HOT_INFO(%rcx), %rdx // from here on nothing can fail
    movb $1, VCPU_INFO_MASK(%rdx)
    mov %rsi, VCPU_INFO_CR2(%rdx)
    cmpb $0, HOT_KERNEL_MODE(%rcx)
    jne 4f
    swapgs
    movb $1, HOT_KERNEL_MODE(%rcx)
4:  mov HOT_TRAPS(%rcx), %rdx
    mov TRAP_14_ADDRESS(%rdx), %rdx
    mov %rdx, S+T_RIP(%rsp)
    movq $HV_SEL_GUEST_CS64, S+T_CS(%rsp)
    andq $FLAGS_TRAP, S+T_RFLAGS(%rsp)
    mov %rax, S+T_RSP(%rsp)
    movq $HV_SEL_GUEST_DS, S+T_SS(%rsp)
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    add $8, %rsp
    jmp guest_iret
fast_fault_failed:
    mov %rsi, %cr2 // the store that failed left its own
fast_fault_decline:
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    jmp trap_entry
    .section .note.GNU-stack, "", @progbits
