// SPDX-License-Identifier: MIT
//
// The transitions a guest makes most, without C++: system call to its kernel, page fault to its kernel, the iret
// hypercall, an event at the end of another; and the shortest way to the handlers of those. Each checks everything
// first and declines to the ordinary path with what that needs as it came; what it does is exactly what
// guest/bounce.cpp does. `fastpath=off` makes them all decline. Interrupts off.
//
// Stack on entry, T being the address of regs.rip at the top of this CPU's stack:
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

// Bytes of VcpuHot, the first in the low byte: allowed, and the mode.
#define FAST_CALL 0x0101        /* kernel_mode 1, fast_calls 1; for faults fast_faults 1, kernel_mode 1 */
#define FAST_SYSCALL 0x00010100 /* kernel_mode 0, fast_calls 1, fast_syscalls 1 */
#define FAST_USER_FAULT 0x0001 /* fast_faults 1, kernel_mode 0 */
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
    .long 9b - ., \target - .
    .popsection
    .endm

    // Leaves for \target if guest address \reg lies in the hypervisor's 8 TiB; a non-canonical one faults when used.
    .macro refuse_own reg, scratch, scratch32, target
    mov \reg, \scratch
    shr $43, \scratch
    cmp $(HV_M2P_BASE >> 43), \scratch32
    je \target
    .endm

    .text
// ---- syscall ------------------------------------------------------------------------------------------------
//   rcx rip, r11 rflags (as in the frame)
    .balign 64
    .globl syscall_entry
syscall_entry:
    mov T_HOT(%rsp), %rcx
    cmpw $FAST_CALL, HOT_KERNEL_MODE(%rcx)
    jne syscall_of_user
    cmp $HYPERCALL_IRET, %rax
    je fast_iret
    cmp $HYPERCALLS, %rax
    jae syscall_decline

// ---- hypercalls ---------------------------------------------------------------------------------------------
//   rax number, rcx hot. The handlers' C++ keeps rbx, rbp, r12 to r15, but a vCPU switch, a crash report and a
//   preempted call want the whole frame.
    movq $HV_SEL_GUEST_DS, T_SS(%rsp)
    pushq $0
    movl $HV_VECTOR_SYSCALL, 4(%rsp)
    shlq $8, HOT_RECENT_CALLS(%rcx)
    movb %al, HOT_RECENT_CALLS(%rcx)
    save_registers 32+T_RIP(%rsp), 72+T_RFLAGS(%rsp)
    sub $8, %rsp // C++ wants rsp 16-aligned at a call
    lea hypercall_table(%rip), %r11
    mov %r10, %rcx
    mov 8+INFO_CURRENT(%rsp), %r9
    call *(%r11, %rax, 8)
    test %edx, %edx
    jnz hypercall_failed
hypercall_done:
    mov 8+INFO_PERCPU(%rsp), %rcx
    cmpl $0, (%rcx)
    jne hypercall_leave
    mov 8+INFO_HOT(%rsp), %rcx
    mov HOT_INFO(%rcx), %rcx
    cmpb $0, VCPU_INFO_PENDING(%rcx)
    jne hypercall_event
1:  // an iret in a multicall has brought another frame, complete but for rax
    .irp name, rdi, rsi, rdx, rcx, r8, r9, r10, r11
    mov 8+regs_\name(%rsp), %\name
    .endr
    add $(8+REGS_RIP), %rsp
    jmp guest_iret
hypercall_event: // rax result, rcx vcpu_info: from guest kernel mode to the event callback
    cmpb $0, VCPU_INFO_MASK(%rcx)
    jne 1b
    mov 8+INFO_HOT(%rsp), %rdx
    cmpb $0, HOT_KERNEL_MODE(%rdx) // a multicall may have ended in guest user mode
    je hypercall_leave
    mov HOT_EVENT_ENTRY(%rdx), %r8
    test %r8, %r8
    jz hypercall_leave
    mov 8+REGS_RSP(%rsp), %rdi
    movzwl 8+REGS_SS(%rsp), %r9d
    mov %rdi, %rsi
    and $-16, %rsi
    sub $56, %rsi
    refuse_own %rsi, %r10, %r10d, hypercall_leave
    smap_site 0xcb
    guarded 3f, mov %rdi, 40(%rsi)
    guarded 3f, mov %r9, 48(%rsi)
    mov 8+regs_rcx(%rsp), %rdi
    guarded 3f, mov %rdi, (%rsi)
    mov 8+regs_r11(%rsp), %rdi
    guarded 3f, mov %rdi, 8(%rsi)
    mov 8+REGS_RIP(%rsp), %rdi
    guarded 3f, mov %rdi, 16(%rsi)
    movzwl 8+REGS_CS(%rsp), %edi
    and $~3, %edi
    guarded 3f, mov %rdi, 24(%rsi)
    mov 8+REGS_RFLAGS(%rsp), %rdi // IF is set: events are not masked
    guarded 3f, mov %rdi, 32(%rsi)
    smap_site 0xca
    movb $1, VCPU_INFO_MASK(%rcx) // from here on nothing can fail
    incq HOT_EVENTS(%rdx)
    mov %r8, 8+REGS_RIP(%rsp)
    movq $HV_SEL_GUEST_CS64, 8+REGS_CS(%rsp)
    andq $FLAGS_TRAP, 8+REGS_RFLAGS(%rsp)
    mov %rsi, 8+REGS_RSP(%rsp)
    movq $HV_SEL_GUEST_DS, 8+REGS_SS(%rsp)
    jmp 1b
3:  smap_site 0xca
hypercall_leave:
    mov %rax, 8+regs_rax(%rsp)
    call entry_leave
    jmp resume_guest
hypercall_failed:
    movslq %edx, %rax
    cmp $ERROR_RESTART, %edx
    jne hypercall_done
    lea 8(%rsp), %rdi
    call entry_preempted
    jmp resume_guest

// ---- system calls -------------------------------------------------------------------------------------------
//   From guest user mode to the registered callback; whatever is in rax, it is no hypercall.
    .balign 16
syscall_of_user:
    cmpl $FAST_SYSCALL, HOT_KERNEL_MODE(%rcx)
    jne syscall_decline
    push %rax
    mov HOT_FRAME_TOP(%rcx), %r11
    mov HOT_INFO(%rcx), %rax
    cmpb $0, VCPU_INFO_MASK(%rax) // user mode with events masked: the ordinary path sorts it out
    jne 1f
    mov HOT_KERNEL_ROOT(%rcx), %rax
    mov %rax, %cr3
    mov 8+T_RIP(%rsp), %rax
    smap_site 0xcb // the way out restores the guest's AC
    guarded 1f, mov %rax, -56(%r11) // rcx
    guarded 1f, mov %rax, -40(%r11) // rip
    mov 8+T_RFLAGS(%rsp), %rax
    guarded 1f, mov %rax, -48(%r11) // r11
    guarded 1f, mov %rax, -24(%r11) // rflags
    guarded 1f, movq $HV_SEL_GUEST_CS64, -32(%r11)
    mov 8+T_RSP(%rsp), %rax
    guarded 1f, mov %rax, -16(%r11)
    guarded 1f, movq $HV_SEL_GUEST_DS, -8(%r11)
    swapgs // from here on nothing can fail
    movb $1, HOT_KERNEL_MODE(%rcx)
    mov HOT_INFO(%rcx), %rax
    movb $1, VCPU_INFO_MASK(%rax)
    lea -56(%r11), %rax
    mov %rax, 8+T_RSP(%rsp)
    mov HOT_SYSCALL_ENTRY(%rcx), %rax
    mov 8+T_RIP(%rsp), %rcx
    mov %rax, 8+T_RIP(%rsp)
    mov 8+T_RFLAGS(%rsp), %r11
    andq $FLAGS_BOUNCE, 8+T_RFLAGS(%rsp)
    movq $HV_SEL_GUEST_DS, 8+T_SS(%rsp)
    pop %rax
    jmp guest_iret
1:  pop %rax
syscall_decline:
    smap_site 0xca
    mov T_RIP(%rsp), %rcx
    mov T_RFLAGS(%rsp), %r11
    slow_entry HV_VECTOR_SYSCALL

// ---- iret hypercall -----------------------------------------------------------------------------------------
//   rax 23, rcx hot; rax, rcx and r11 come from the frame, a pv_iret_context at the guest's rsp
    .balign 16
fast_iret:
    mov T_RSP(%rsp), %r11
    refuse_own %r11, %rax, %eax, fast_iret_decline
    smap_site 0xcb
    guarded fast_iret_decline, testb $1, IRET_FLAGS+1(%r11) // in_syscall: another rule for rcx and r11
    jnz fast_iret_decline
    guarded fast_iret_decline, movzwl IRET_SS(%r11), %eax
    or $3, %eax
    mov %rax, T_SS(%rsp)
    guarded fast_iret_decline, mov IRET_RFLAGS(%r11), %eax
    mov %rax, T_RFLAGS(%rsp)
    andl $FLAGS_LOADABLE, T_RFLAGS(%rsp)
    orl $FLAGS_ALWAYS, T_RFLAGS(%rsp)
    test $0x200, %eax
    mov HOT_INFO(%rcx), %rax
    jz 3f
    cmpb $0, VCPU_INFO_PENDING(%rax) // about to be unmasked: an event comes first
    jne fast_iret_decline
    movb $0, VCPU_INFO_MASK(%rax)
1:
    guarded fast_iret_decline, mov IRET_RIP(%r11), %rax
    mov %rax, T_RIP(%rsp)
    guarded fast_iret_decline, mov IRET_RAX(%r11), %rax
    push %rax
    guarded fast_iret_late, mov IRET_RSP(%r11), %rax
    mov %rax, 8+T_RSP(%rsp)
    guarded fast_iret_late, movzwl IRET_CS(%r11), %eax
    mov %rax, 8+T_CS(%rsp)
    not %eax
    test $3, %al // RPL 3: to user mode; anything else is kernel mode
    jnz 4f
    mov HOT_USER_ROOT(%rcx), %rax
    test %rax, %rax
    jz fast_iret_late
    movb $0, HOT_KERNEL_MODE(%rcx)
    guarded fast_iret_late, mov IRET_RCX(%r11), %rcx
    guarded fast_iret_late, mov IRET_R11(%r11), %r11
    mov %rax, %cr3
    swapgs
2:  pop %rax
    jmp guest_iret
3:  movb $1, VCPU_INFO_MASK(%rax)
    jmp 1b
4:  orl $3, 8+T_CS(%rsp)
    guarded fast_iret_late, mov IRET_RCX(%r11), %rcx
    guarded fast_iret_late, mov IRET_R11(%r11), %r11
    jmp 2b
fast_iret_late: // r11 is still the frame's address
    mov %r11, 8+T_RSP(%rsp)
    mov 8+T_HOT(%rsp), %rcx
    movb $1, HOT_KERNEL_MODE(%rcx)
    add $8, %rsp
fast_iret_decline: // it reads the frame anew; its caller's rip and flags are of no more use
    mov $HYPERCALL_IRET, %eax
    jmp syscall_decline

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
    .irp name, rax, rcx, rdx, rsi
    push %\name
    .endr
    mov S+T_HOT(%rsp), %rcx
    mov %cr2, %rsi
    cmpw $FAST_USER_FAULT, HOT_FAST_FAULTS(%rcx)
    jne fault_of_kernel
    mov HOT_KERNEL_ROOT(%rcx), %rdx
    mov %rdx, %cr3
    mov HOT_FRAME_TOP(%rcx), %rax
    movzwl S+T_CS(%rsp), %edx
    smap_site 0xcb
    guarded fast_fault_failed, mov %rdx, -32(%rax)
    mov S_ERROR(%rsp), %edx
fault_frame: // rax where the frame ends, edx error code
    guarded fast_fault_failed, mov %rdx, -48(%rax)
    mov S_RCX(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -64(%rax)
    guarded fast_fault_failed, mov %r11, -56(%rax)
    mov S+T_RIP(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -40(%rax)
    mov S+T_RSP(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -16(%rax)
    movzwl S+T_SS(%rsp), %edx
    guarded fast_fault_failed, mov %rdx, -8(%rax)
    mov S+T_RFLAGS(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -24(%rax)
    mov HOT_INFO(%rcx), %rdx
    cmpb $0, VCPU_INFO_MASK(%rdx)
    jne fault_while_masked
1:  // from here on nothing can fail
    movb $1, VCPU_INFO_MASK(%rdx)
    mov %rsi, VCPU_INFO_CR2(%rdx)
    cmpb $0, HOT_KERNEL_MODE(%rcx)
    jne 2f
    swapgs
    movb $1, HOT_KERNEL_MODE(%rcx)
2:  mov HOT_FAULT_ENTRY(%rcx), %rdx
    mov %rdx, S+T_RIP(%rsp)
    movq $HV_SEL_GUEST_CS64, S+T_CS(%rsp)
    andq $FLAGS_TRAP, S+T_RFLAGS(%rsp)
    sub $64, %rax
    mov %rax, S+T_RSP(%rsp)
    movq $HV_SEL_GUEST_DS, S+T_SS(%rsp)
    .irp name, rsi, rdx, rcx, rax
    pop %\name
    .endr
    add $8, %rsp
    jmp guest_iret
fault_of_kernel:
    cmpw $FAST_CALL, HOT_FAST_FAULTS(%rcx)
    jne fast_fault_decline
    mov S_ERROR(%rsp), %edx
    and $0x1b, %edx
    cmp $3, %edx
    je fast_fault_decline
    mov S+T_RSP(%rsp), %rax
    and $-16, %rax
    sub $64, %rax
    refuse_own %rax, %rdx, %edx, fast_fault_decline
    add $64, %rax
    movzwl S+T_CS(%rsp), %edx
    and $~3, %edx
    smap_site 0xcb
    guarded fast_fault_failed, mov %rdx, -32(%rax)
    mov S_ERROR(%rsp), %edx
    and $~4, %edx // not the guest's user mode
    jmp fault_frame
fault_while_masked: // the mask goes beside cs, IF is its complement
    movzbl VCPU_INFO_MASK(%rdx), %edx
    guarded fast_fault_failed, mov %edx, -28(%rax)
    guarded fast_fault_failed, andl $~0x200, -24(%rax)
    mov HOT_INFO(%rcx), %rdx
    jmp 1b
fast_fault_failed:
    smap_site 0xca
    mov %rsi, %cr2 // the store that failed left its own
fast_fault_decline:
    .irp name, rsi, rdx, rcx, rax
    pop %\name
    .endr
    jmp trap_entry
    .section .note.GNU-stack, "", @progbits
