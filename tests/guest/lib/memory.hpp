// SPDX-License-Identifier: MIT
// Page frames and page tables as a PV kernel sees them: an arena of pages inside the boot mapping, the boot page
// tables found through the machine-to-physical table, and the hypercalls that change entries. One vCPU, no locking.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

constexpr u64 kPageSize = 4096;
constexpr u64 kVirtBase = 0xffffffff80000000;
constexpr u64 kM2p = 0xffff800000000000;
constexpr u64 kFrameMask = 0x000ffffffffff000;

constexpr u64 kPresent = 1, kWrite = 2, kUser = 4, kWriteThrough = 8, kCacheDisable = 0x10;
constexpr u64 kAccessed = 0x20, kDirty = 0x40, kPse = 0x80, kPat = 0x80, kGlobal = 0x100, kNoExecute = 1ul << 63;
constexpr u64 kRw = kPresent | kWrite | kUser | kAccessed | kDirty; // what a kernel page's entry usually holds
constexpr u64 kRo = kPresent | kUser | kAccessed;
constexpr u64 kTable = kPresent | kWrite | kUser | kAccessed;

// A zeroed page of the arena; ends the test when there is none left.
u8* alloc_page();
u64* alloc_table();

u64 mfn_of(const void* va);
inline u64 pfn_of(const void* va) { return (addr(va) - kVirtBase) / kPageSize; }
void* va_of_mfn(u64 mfn);
u64 m2p(u64 mfn);

// The L1..L4 entry that maps va in the boot tables (level 1..4); null when a level above is not present.
u64* entry_of(u64 va, unsigned level = 1);
// Machine address of an entry reached through entry_of or lying in an arena page.
u64 maddr_of(const void* va);
inline u64 entry(u64 mfn, u64 flags) { return (mfn << 12) | flags; }
inline u64 frame_of(u64 e) { return (e & kFrameMask) >> 12; }

long set_mapping(const void* va, u64 value, u64 flags = PV_UVMF_INVLPG);
long mmu_update(u64 ptr, u64 value, u64 domid = PV_DOMID_SELF);
long mmuext(u32 command, u64 arg1 = 0, u64 arg2 = 0, u64 domid = PV_DOMID_SELF);

long make_read_only(const void* page);
long make_writable(const void* page);
// Maps the page read-only and pins it as a table of that level.
long pin(unsigned level, const void* page);
long unpin(const void* page);
// Whether the frame can be mapped writable, that is, has no other type; the present mapping is put back.
bool can_be_writable(const void* page);

} // namespace guest
