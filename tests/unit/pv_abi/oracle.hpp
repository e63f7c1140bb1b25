// SPDX-License-Identifier: MIT
//
// Debian's libxen-dev (and the kernel's e820 header) as the oracle for pv-abi/, included by nothing else.
// The Xen headers refuse strict ISO mode and hide two errno values from tools; both are lifted here.
#pragma once
#include <cstddef>
#include <cstdint>

#undef __STRICT_ANSI__
#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/callback.h>
#include <xen/domctl.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include <asm/e820.h>

#define __XEN__ 1
#define XEN_ERRNO(name, value) oracle_##name = value,
enum { // NOLINT: the header is made to be included inside an enum
#include <xen/errno.h>
};
#undef __XEN__

inline constexpr trap_info oracle_trap{0, 0xff, 0, 0}; // all flags set, for Xen's accessor macros
