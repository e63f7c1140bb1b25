/* SPDX-License-Identifier: MIT */
#define __ASSEMBLY__
#include <xen/xen.h>
#include <xen/elfnote.h>
    .section .note.Xen,"a",@note
#define NOTE(type, directive, val...) .align 4; .long 4, 2f-1f, type; .asciz "Xen"; 1: directive val; 2: .align 4
    NOTE(XEN_ELFNOTE_GUEST_OS, .asciz, "pvbench")
    NOTE(XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0")
    NOTE(XEN_ELFNOTE_LOADER, .asciz, "generic")
    NOTE(XEN_ELFNOTE_VIRT_BASE, .quad, 0xffffffff80000000)
    NOTE(XEN_ELFNOTE_PADDR_OFFSET, .quad, 0xffffffff80000000)
    NOTE(XEN_ELFNOTE_ENTRY, .quad, _start)
    NOTE(XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page)
    NOTE(XEN_ELFNOTE_FEATURES, .asciz, "!writable_page_tables|pae_pgdir_above_4gb")
    NOTE(XEN_ELFNOTE_PAE_MODE, .asciz, "yes")
    .text
    .global _start, hypercall_page, syscall_entry, event_entry, failsafe_entry, pf_entry, pf_user_entry, gp_entry
    .global enter_user, user_blob, user_blob_end, hypervisor_null_loop, vcpu1_start
_start:
    cld
    mov %rsi, %rdi
    lea stack_top(%rip), %rsp
    call kmain
1:  jmp 1b
    .align 4096
hypercall_page: .skip 4096
#define IRET (hypercall_page + __HYPERVISOR_iret*32)
/* frame on entry: rcx r11 rip cs rflags rsp ss */
syscall_entry:
    test %eax, %eax
    jnz 1f
    pop %rcx
    pop %r11
    pushq $256          /* VGCF_in_syscall */
    jmp IRET
1:  cmp $2, %eax        /* return by full iret path */
    jne user_done
    pop %rcx
    pop %r11
    pushq $0
    jmp IRET
user_done:
    mov saved_ksp(%rip), %rsp
    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
    ret
/* enter_user(rip, rsp, flags) */
enter_user:
    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15
    mov %rsp, saved_ksp(%rip)
    pushq $0xe02b       /* FLAT_USER_SS */
    push %rsi
    pushq $0x202
    pushq $0xe033       /* FLAT_USER_CS64 */
    push %rdi
    push %rdx
    jmp IRET
/* event upcall: rcx r11 rip cs rflags rsp ss ; count and clear */
event_entry:
    push %rax; push %rdx
    mov $0, %eax
    mov shared_vcpu(%rip), %rdx
    movb $0, (%rdx)             /* upcall_pending */
    xchg %rax, 8(%rdx)          /* pending_sel */
    mov $0, %eax
    mov shared_pending(%rip), %rdx
    mov ev_word(%rip), %ecx
    xchg %rax, (%rdx,%rcx,8)
    incl ev_count(%rip)
    pop %rdx; pop %rax
    pop %rcx
    pop %r11
    pushq $0
    jmp IRET
failsafe_entry:
    ud2
/* page fault: rcx r11 err rip cs rflags rsp ss; resume at pf_resume if kernel */
pf_entry:
    pop %rcx
    pop %r11
    add $8, %rsp
    addq $3, (%rsp)            /* faulting insn is 3 bytes: mov (%rdi),%al padded -> see C */
    incl pf_count(%rip)
    pushq $0
    jmp IRET
gp_entry:
    ud2
/* user blob: copied to 0x400000. r12=N */
#define MARK(id) .byte 0x0f,0x1f,0x80; .short id; .short 0x5a5a
    .align 64
user_blob:
    /* +0: null syscall loop via sysret path */
    mov $2000, %ebx
    MARK(40)
1:  xor %eax,%eax
    syscall
    dec %ebx
    jnz 1b
    MARK(0x8000+40)
    mov $2000, %ebx
    MARK(41)
1:  mov $2,%eax
    syscall
    dec %ebx
    jnz 1b
    MARK(0x8000+41)
    /* user page fault, address rdi=0x500000 unmapped */
    mov $0x500000, %edi
    mov $2000, %ebx
    MARK(42)
1:  .byte 0x48,0x8b,0x07        /* mov (%rdi),%rax : 3 bytes */
    dec %ebx
    jnz 1b
    MARK(0x8000+42)
    /* user loop without kernel: calibrates marker+loop overhead */
    mov $2000, %ebx
    MARK(43)
1:  dec %ebx
    jnz 1b
    MARK(0x8000+43)
    mov $1,%eax
    syscall
user_blob_end:
vcpu1_start:
    mov vcpu1_sp(%rip), %rsp
    call vcpu1_main
1:  jmp 1b
    .bss
    .align 4096
    .skip 16384
    .global stack_top, kstack2_top
stack_top:
    .skip 8192
kstack2_top:
    .comm saved_ksp,8
