// SPDX-License-Identifier: MIT
//
// From the boot loader (32-bit, paging off, multiboot 1 or 2) to boot_entry() in long mode at the linked address, on
// the boot CPU, and the way of further CPUs from real mode to ap_entry(). Early tables: 4 GiB identity, and the first
// GiB again at HV_IMAGE_OFFSET; the final ones replace them.
#include "arch/x86/layout.h"

#define PHYS(x) ((x) - HV_IMAGE_OFFSET)
#define MB1_FLAGS 0x00010003 /* align modules, memory info, address fields */
#define MB2_MAGIC 0xe85250d6

    .section .multiboot, "ax"
    .balign 8
mb1_header:
    .long 0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)
    .long PHYS(mb1_header), HV_LOAD_ADDRESS, PHYS(data_end), PHYS(image_end), PHYS(start32)

    .balign 8
mb2_header:
    .long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))
    .short 2, 0 // address
    .long 24, PHYS(mb2_header), HV_LOAD_ADDRESS, PHYS(data_end), PHYS(image_end)
    .short 3, 0 // entry
    .long 12, PHYS(start32), 0
    .short 5, 1 // framebuffer, optional: any
    .long 20, 0, 0, 0, 0
    .short 6, 1 // modules on page boundaries
    .long 8
    .short 0, 0
    .long 8
mb2_end:

    .section .text.boot, "ax"
    .code32
    .globl start32
start32: // eax magic, ebx information
    cli
    cld
    mov %eax, %ebp
    mov %ebx, %esi
    mov $PHYS(bss_start), %edi
    mov $PHYS(image_end), %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl
    mov $PHYS(early_stack + HV_STACK_BYTES - 512), %esp

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb too_old
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx // long mode
    jnc too_old
    bt $20, %edx // no-execute
    jnc too_old

    // Four L2 tables of 2 MiB pages, identity
    mov $PHYS(early_l2), %edi
    mov $0x83, %eax
    mov $2048, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $PHYS(early_l3), %edi
    mov $PHYS(early_l2) + 3, %eax
    mov %eax, 321 * 8 + 4096(%edi) // the image's GiB is the first GiB
    mov $4, %ecx
2:  mov %eax, (%edi)
    add $4096, %eax
    add $8, %edi
    loop 2b
    movl $PHYS(early_l3) + 3, PHYS(early_l4)
    movl $PHYS(early_l3) + 4096 + 3, PHYS(early_l4) + 261 * 8

    mov $PHYS(start64), %ebx
enter_long_mode: // ebx physical address of where to go on; ebp, esi are kept
    mov $PHYS(early_l4), %eax
    mov %eax, %cr3
    mov $0x20, %eax // PAE
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax // SCE LME NXE
    wrmsr
    mov $0x80010033, %eax // PG WP NE ET MP PE
    mov %eax, %cr0
    lgdt PHYS(early_gdt_pointer)
    ljmp $0x08, $PHYS(long_mode)

too_old:
    mov $PHYS(too_old_text), %esi
    mov $0xb8000, %edi
    mov $0x0f, %ah
    mov $0x3f8, %edx
3:  lodsb
    test %al, %al
    jz 4f
    outb %al, %dx
    stosw
    jmp 3b
4:  hlt
    jmp 4b
too_old_text:
    .asciz "parapet: this CPU has no long mode or no NX\r\n"

    .code64
long_mode: // on at the linked address
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    movabs $HV_IMAGE_OFFSET, %rax
    add %rax, %rbx
    jmp *%rbx
start64:
    lea early_stack + HV_STACK_BYTES - 512(%rip), %rsp
    mov %ebp, %edi
    mov %esi, %esi
    xor %ebp, %ebp
    call boot_entry
    ud2

// Another CPU starts here in real mode, at the start of a page below 1 MiB that holds a copy.
    .code16
    .globl ap_trampoline, ap_trampoline_end
ap_trampoline:
    cli
    lgdtl %cs:(7f - ap_trampoline)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x18, $PHYS(ap_start32)
7:  .short 31
    .long PHYS(early_gdt)
ap_trampoline_end:
    .code32
ap_start32:
    mov $0x10, %eax
    mov %eax, %ds
    mov $PHYS(ap_start64), %ebx
    jmp enter_long_mode
    .code64
ap_start64: // to the final tables and its own stack
    mov ap_root(%rip), %rax
    mov %rax, %cr3
    mov ap_stack(%rip), %rsp
    xor %ebp, %ebp
    call ap_entry
    ud2

    .balign 8
early_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
early_gdt_pointer:
    .short 31
    .long PHYS(early_gdt), 0

    .section .bss.aligned, "aw", @nobits
    .balign HV_STACK_BYTES
    .globl early_stack
early_stack: // CpuInfo sits in its last bytes
    .skip HV_STACK_BYTES
early_l4:
    .skip 4096
early_l3: // identity, image
    .skip 8192
early_l2:
    .skip 16384
    .section .note.GNU-stack, "", @progbits
