// SPDX-License-Identifier: MIT
//
// Where things are: the hypervisor's address map, selectors and per-CPU window, for C++, assembly and the linker
// script alike. docs/memory-map.md draws it. Every per-CPU address is at a fixed distance from the CPU's trampoline
// page, so that one copy of the trampoline code serves all CPUs.
#pragma once

#define HV_SLOT_FIRST 256
#define HV_M2P_BASE 0xffff800000000000   /* slot 256: read-only, user */
#define HV_M2P_ALIAS 0xffff810000000000  /* slot 258: the same frames, writable, supervisor */
#define HV_FRAMES_BASE 0xffff820000000000 /* slot 260 */
#define HV_WINDOWS_BASE 0xffff82b000000000 /* slot 261: 2 MiB a CPU */
#define HV_DEVICES_BASE 0xffff82c000000000 /* slot 261: 1 GiB, uncached */
#define HV_DEVICES_BYTES 0x40000000
#define HV_IMAGE_OFFSET 0xffff82d040000000 /* slot 261: image address minus load address */
#define HV_LOAD_ADDRESS 0x200000
#define HV_DIRECT_BASE 0xffff830000000000  /* slots 262..271 */

#define HV_WINDOW_BYTES 0x200000
#define HV_WINDOW_GDT 0x0         /* 14 guest pages, then the reserved one */
#define HV_WINDOW_LDT 0x10000     /* 16 pages */
#define HV_WINDOW_TRAMPOLINE 0x20000
#define HV_WINDOW_TSS 0x22000     /* one page */
#define HV_WINDOW_STACK 0x30000   /* guard, #DB, NMI, #MC, #DF, guard, main stack */
#define HV_STACK_BYTES 0x10000    /* and aligned so: cpu_info() masks the stack pointer */
#define HV_WINDOW_STACK_TOP 0x40000
#define HV_IST_PAGES 4
#define HV_STACK_GUARD_PAGE 5     /* pages 0 and 5 of the stack block are not mapped */

#define HV_SEL_CS 0xe008
#define HV_SEL_DS 0xe010
#define HV_SEL_GUEST_CS32 0xe023
#define HV_SEL_GUEST_DS 0xe02b
#define HV_SEL_GUEST_CS64 0xe033
#define HV_SEL_TSS 0xe040
#define HV_SEL_LDT 0xe050
#define HV_GDT_LIMIT 0xefff

#define HV_VECTOR_SYSCALL 0x100   /* entry_vector of entries that are no IDT vector */
#define HV_VECTOR_SYSENTER 0x101
#define HV_VECTOR_SYSCALL32 0x102
