// SPDX-License-Identifier: MIT
//
// The transitions a guest makes most, without C++: system call to its kernel, page fault to its kernel, the iret
// hypercall, an event at the end of another; and the shortest way to the handlers of those. Each checks everything
// first and declines to the ordinary path with what that needs as it came; what it does is exactly what
// guest/bounce.cpp does. `fastpath=off` makes them all decline. Interrupts off.
//
// Stack on entry, T being the address of regs.rip at the top of this CPU's stack:
//
//   T + INFO_CURRENT - REGS_RIP   the vCPU
//   T + 0 .. 32               rip cs rflags rsp ss
//   T - 8                     error code, vector   (page fault only; the others start at T)
#include "arch/x86/entry_macros.h"
#include "asm_offsets.h"

#define T_RIP 0
#define T_CS 8
#define T_RFLAGS 16
#define T_RSP 24
#define T_SS 32
#define T_HOT (INFO_CURRENT - REGS_RIP) /* a vCPU begins with its hot words */

// Bytes of VcpuHot, the first in the low byte: allowed, and the mode.
#define FAST_CALL 0x0101       /* fast_faults 1, kernel_mode 1 */
#define FAST_USER_FAULT 0x0001 /* fast_faults 1, kernel_mode 0 */
#define FAST_SYSCALL 0x0100    /* kernel_mode 0, fast_syscalls 1 */
#define FLAGS_BOUNCE ~0x74500 /* TF DF NT RF VM AC */
#define FLAGS_TRAP ~0x74100   /* TF NT RF VM AC */
#define FLAGS_LOADABLE 0x254dd5
#define FLAGS_ALWAYS 0x202
#define HYPERCALL_IRET 23
#define ERROR_RESTART -85

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
    cmp HOT_CALL_LIMIT(%rcx), %rax
    jae syscall_of_user
    cmp $HYPERCALL_IRET, %rax
    je fast_iret

// ---- hypercalls ---------------------------------------------------------------------------------------------
//   rax number, rcx vCPU. The frame gets what C++ may change, but for rcx and r11, which are rip and rflags; the rest
//   of it is completed for whoever wants it whole: a vCPU switch, a preempted call (VcpuState::want_whole_frame, too).
    .macro complete_call
    movl $0, 8+REGS_ERROR(%rsp)
    movl $HV_VECTOR_SYSCALL, 8+REGS_ERROR+4(%rsp)
    mov 8+REGS_RIP(%rsp), %rcx
    mov 8+REGS_RFLAGS(%rsp), %r11
    .irp name, rax, rcx, r11, rbx, rbp, r12, r13, r14, r15
    mov %\name, 8+regs_\name(%rsp)
    .endr
    .endm

    movq $HV_SEL_GUEST_DS, T_SS(%rsp)
    incb HOT_LAST_CALL(%rcx)
    movzbl HOT_LAST_CALL(%rcx), %r11d
    mov %al, HOT_CALLS(%rcx, %r11)
    sub $(8+REGS_RIP), %rsp // C++ wants rsp 16-aligned at a call
    .irp name, rdi, rsi, rdx, r8, r9, r10
    mov %\name, 8+regs_\name(%rsp)
    .endr
    lea hypercall_table(%rip), %r11
    mov %r10, %r9
    call *(%r11, %rax, 8)
    mov 8+INFO_PERCPU(%rsp), %rcx
    mov 8+INFO_GUEST_INFO(%rsp), %r8
    or (%rcx), %dl
    or VCPU_INFO_PENDING(%r8), %dl
    jnz hypercall_more // the low byte of an error is not 0, and its highest bit is 1 still
hypercall_out:
    mov 8+REGS_RIP(%rsp), %rcx
    mov 8+REGS_RFLAGS(%rsp), %r11
hypercall_restore:
    .irp name, rdi, rsi, rdx, r8, r9, r10
    mov 8+regs_\name(%rsp), %\name
    .endr
    add $(8+REGS_RIP), %rsp
    guarded 9b, iretq
hypercall_more: // rax value or error, r8 vcpu_info, rcx per-CPU data
    mov 8+INFO_CURRENT(%rsp), %r9
    test %edx, %edx
    js hypercall_failed
    cmpl $0, (%rcx)
    jne hypercall_leave
    cmpb $0, VCPU_INFO_MASK(%r8) // an event is pending
    jne hypercall_out
    mov HOT_EVENT_ENTRY(%r9), %rdi // from guest kernel mode to the event callback
    test %rdi, %rdi
    jz hypercall_leave
    mov 8+REGS_RSP(%rsp), %r10
    mov %r10, %rsi
    and $-16, %rsi
    sub $56, %rsi
    refuse_own %rsi, %rdx, %edx, hypercall_leave
    mov 8+REGS_RIP(%rsp), %rcx
    mov 8+REGS_RFLAGS(%rsp), %r11 // IF is set: events are not masked
    smap_site 0xcb
    guarded 3f, mov %rcx, (%rsi)
    guarded 3f, mov %r11, 8(%rsi)
    guarded 3f, mov %rcx, 16(%rsi)
    guarded 3f, movq $(HV_SEL_GUEST_CS64 & ~3), 24(%rsi)
    guarded 3f, mov %r11, 32(%rsi)
    guarded 3f, mov %r10, 40(%rsi)
    guarded 3f, movq $HV_SEL_GUEST_DS, 48(%rsi)
    smap_site 0xca
    movb $1, VCPU_INFO_MASK(%r8) // from here on nothing can fail
    incq HOT_EVENTS(%r9)
    mov %rdi, 8+REGS_RIP(%rsp)
    andq $FLAGS_TRAP, 8+REGS_RFLAGS(%rsp)
    mov %rsi, 8+REGS_RSP(%rsp)
    jmp hypercall_restore
3:  smap_site 0xca
hypercall_leave:
    complete_call
    jmp leave_guest
hypercall_failed:
    cmp $ERROR_RESTART, %rax
    jne hypercall_leave
    movzbl HOT_LAST_CALL(%r9), %eax
    movzbl HOT_CALLS(%r9, %rax), %eax // the number
    complete_call
    call entry_preempted
    jmp leave_guest

// ---- system calls -------------------------------------------------------------------------------------------
//   From guest user mode to the registered callback; whatever is in rax, it is no hypercall.
syscall_of_user:
    cmpw $FAST_SYSCALL, HOT_KERNEL_MODE(%rcx)
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
    orl $KERNEL_MODE, HOT_KERNEL_MODE(%rcx)
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
    guarded 9b, iretq
1:  pop %rax
syscall_decline:
    smap_site 0xca
    mov T_RIP(%rsp), %rcx
    mov T_RFLAGS(%rsp), %r11
    slow_entry HV_VECTOR_SYSCALL

// ---- iret hypercall -----------------------------------------------------------------------------------------
//   rax 23, rcx hot; rax, rcx and r11 come from the frame, a pv_iret_context at the guest's rsp
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
    guarded fast_iret_decline, mov IRET_RSP(%r11), %rax
    mov %rax, T_RSP(%rsp)
    guarded fast_iret_back, movzwl IRET_CS(%r11), %eax
    mov %rax, T_CS(%rsp)
    not %eax
    test $3, %al // RPL 3: to user mode; anything else is kernel mode
    jnz 4f
    guarded fast_iret_back, mov IRET_RAX(%r11), %rax
    push %rax
    mov HOT_USER_ROOT(%rcx), %rax
    test %rax, %rax
    jz fast_iret_late
    andl $~KERNEL_MODE, HOT_KERNEL_MODE(%rcx)
    guarded fast_iret_late, mov IRET_RCX(%r11), %rcx
    guarded fast_iret_late, mov IRET_R11(%r11), %r11
    mov %rax, %cr3
    swapgs
    pop %rax
    guarded 9b, iretq
3:  movb $1, VCPU_INFO_MASK(%rax)
    jmp 1b
4:  orl $3, T_CS(%rsp)
    guarded fast_iret_back, mov IRET_RAX(%r11), %rax
    guarded fast_iret_back, mov IRET_RCX(%r11), %rcx
    guarded fast_iret_back, mov IRET_R11(%r11), %r11
    guarded 9b, iretq
fast_iret_late:
    add $8, %rsp
    mov T_HOT(%rsp), %rcx
    orl $KERNEL_MODE, HOT_KERNEL_MODE(%rcx)
fast_iret_back: // r11 is still the frame's address
    mov %r11, T_RSP(%rsp)
fast_iret_decline: // it reads the frame anew; its caller's rip and flags are of no more use
    mov $HYPERCALL_IRET, %eax
    jmp syscall_decline

// ---- page fault ---------------------------------------------------------------------------------------------
//   rsp -> T - 8. A write to a present page by the guest kernel may be a page-table update.
#define S 40 /* error code, rdi rsi rdx rcx */
#define S_ERROR 32
#define S_RCX 0
    .balign 64
    .globl page_fault_entry
page_fault_entry:
    testb $3, 8+T_CS(%rsp)
    jz trap_entry
    .irp name, rdi, rsi, rdx, rcx
    push %\name
    .endr
    mov S+T_HOT(%rsp), %rcx
    mov %cr2, %rsi
    cmpw $FAST_USER_FAULT, HOT_FAST_FAULTS(%rcx)
    jne fault_of_kernel
    mov HOT_KERNEL_ROOT(%rcx), %rdx
    mov %rdx, %cr3
    mov HOT_FRAME_TOP(%rcx), %rdi
    movzwl S+T_CS(%rsp), %edx
    smap_site 0xcb
    guarded fast_fault_failed, mov %rdx, -32(%rdi)
    mov S_ERROR(%rsp), %edx
fault_frame: // rdi where the frame ends, edx error code
    guarded fast_fault_failed, mov %rdx, -48(%rdi)
    mov S_RCX(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -64(%rdi)
    guarded fast_fault_failed, mov %r11, -56(%rdi)
    mov S+T_RIP(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -40(%rdi)
    mov S+T_RSP(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -16(%rdi)
    movzwl S+T_SS(%rsp), %edx
    guarded fast_fault_failed, mov %rdx, -8(%rdi)
    mov S+T_RFLAGS(%rsp), %rdx
    guarded fast_fault_failed, mov %rdx, -24(%rdi)
    mov HOT_INFO(%rcx), %rdx
    cmpb $0, VCPU_INFO_MASK(%rdx)
    jne fault_while_masked
1:  // from here on nothing can fail
    movb $1, VCPU_INFO_MASK(%rdx)
    mov %rsi, VCPU_INFO_CR2(%rdx)
    cmpb $0, HOT_KERNEL_MODE(%rcx)
    jne 2f
    swapgs
    orl $KERNEL_MODE, HOT_KERNEL_MODE(%rcx)
2:  mov HOT_FAULT_ENTRY(%rcx), %rdx
    mov %rdx, S+T_RIP(%rsp)
    movq $HV_SEL_GUEST_CS64, S+T_CS(%rsp)
    andq $FLAGS_TRAP, S+T_RFLAGS(%rsp)
    sub $64, %rdi
    mov %rdi, S+T_RSP(%rsp)
    movq $HV_SEL_GUEST_DS, S+T_SS(%rsp)
    .irp name, rcx, rdx, rsi, rdi
    pop %\name
    .endr
    add $8, %rsp
    guarded 9b, iretq
fault_of_kernel:
    cmpw $FAST_CALL, HOT_FAST_FAULTS(%rcx)
    jne fast_fault_decline
    mov S_ERROR(%rsp), %edx
    and $0x1b, %edx
    cmp $3, %edx
    je table_write
    mov S+T_RSP(%rsp), %rdi
    and $-16, %rdi
    sub $64, %rdi
    refuse_own %rdi, %rdx, %edx, fast_fault_decline
    add $64, %rdi
    movzwl S+T_CS(%rsp), %edx
    and $~3, %edx
    smap_site 0xcb
    guarded fast_fault_failed, mov %rdx, -32(%rdi)
    mov S_ERROR(%rsp), %edx
    and $~4, %edx // not the guest's user mode
    jmp fault_frame
fault_while_masked: // the mask goes beside cs, IF is its complement
    movzbl VCPU_INFO_MASK(%rdx), %edx
    guarded fast_fault_failed, mov %edx, -28(%rdi)
    guarded fast_fault_failed, andl $~0x200, -24(%rdi)
    mov HOT_INFO(%rcx), %rdx
    jmp 1b
fast_fault_failed:
    smap_site 0xca
    mov %rsi, %cr2 // the store that failed left its own
fast_fault_decline:
    .irp name, rcx, rdx, rsi, rdi
    pop %\name
    .endr
    jmp trap_entry
table_write: // completes the frame that save_registers makes
    .irp name, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
    push %\name
    .endr
    cld
    mov REGS_RIP(%rsp), %rdx // ring 3 has just read what it names
    smap_site 0xcb
    guarded 2f, mov (%rdx), %edx // fails if rip is near the end
    smap_site 0xca
    mov %rsp, %rdi
    push %rdx
    call store_page_table_entry
    test %rax, %rax
    jz 3f
    btl $22, (%rsp) // one byte of displacement
    adcq $3, 8+REGS_RIP(%rsp)
    andl $~0x10000, 8+REGS_RFLAGS(%rsp) // RF
    lea 8+regs_r11(%rsp), %rcx
    cmp %rcx, %rax
    jb leave_guest
    add $(8+regs_r11), %rsp // C++ keeps the others
    .irp name, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
    pop %\name
    .endr
    add $8, %rsp
    guarded 9b, iretq
2:  smap_site 0xca
    mov %rsi, %cr2
    sub $8, %rsp
3:  call entry_from_guest
    jmp leave_guest
    .section .note.GNU-stack, "", @progbits
