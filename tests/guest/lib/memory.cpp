// SPDX-License-Identifier: MIT
// Guarantees that entry_of() never reads through a table that the boot mapping does not cover, and that a failed
// make_read_only/make_writable leaves the mapping as it was. One vCPU, no locking.
#include "tests/guest/lib/memory.hpp"

#include "tests/guest/lib/test.hpp"

namespace guest {
namespace {

#ifndef GUEST_ARENA_PAGES
#define GUEST_ARENA_PAGES 640
#endif
constexpr unsigned kArenaPages = GUEST_ARENA_PAGES;
alignas(4096) u8 arena[kArenaPages][kPageSize];
unsigned arena_used;

} // namespace

u8* alloc_page()
{
    if (arena_used == kArenaPages) {
        fail("page arena is empty");
    }
    return arena[arena_used++];
}

u64* alloc_table() { return reinterpret_cast<u64*>(alloc_page()); }

u64 mfn_of(const void* va) { return reinterpret_cast<const u64*>(start_info->mfn_list)[pfn_of(va)]; }

u64 m2p(u64 mfn) { return reinterpret_cast<const volatile u64*>(kM2p)[mfn]; }

void* va_of_mfn(u64 mfn) { return reinterpret_cast<void*>(kVirtBase + m2p(mfn) * kPageSize); }

u64* entry_of(u64 va, unsigned level)
{
    u64* table = reinterpret_cast<u64*>(start_info->pt_base);
    for (unsigned l = 4;; --l) {
        u64* e = &table[(va >> (3 + 9 * l)) & 511];
        if (l == level) {
            return e;
        }
        if ((*e & kPresent) == 0) {
            return nullptr;
        }
        table = static_cast<u64*>(va_of_mfn(frame_of(*e)));
    }
}

u64 maddr_of(const void* va) { return mfn_of(va) << 12 | (addr(va) & (kPageSize - 1)); }

long set_mapping(const void* va, u64 value, u64 flags)
{
    return hypercall(PV_HYPERCALL_UPDATE_VA_MAPPING, addr(va), value, flags);
}

long mmu_update(u64 ptr, u64 value, u64 domid)
{
    pv_mmu_update request = {.ptr = ptr, .val = value};
    return hypercall(PV_HYPERCALL_MMU_UPDATE, addr(&request), 1, 0, domid);
}

long mmuext(u32 command, u64 arg1, u64 arg2, u64 domid)
{
    pv_mmuext_op op = {};
    op.cmd = command;
    op.arg1.mfn = arg1;
    op.arg2.vcpumask = arg2;
    return hypercall(PV_HYPERCALL_MMUEXT_OP, addr(&op), 1, 0, domid);
}

long make_read_only(const void* page) { return set_mapping(page, *entry_of(addr(page)) & ~kWrite); }

long make_writable(const void* page) { return set_mapping(page, *entry_of(addr(page)) | kWrite); }

long pin(unsigned level, const void* page)
{
    long rc = make_read_only(page);
    return rc < 0 ? rc : mmuext(PV_MMUEXT_PIN_L1_TABLE + level - 1, mfn_of(page));
}

long unpin(const void* page) { return mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(page)); }

bool can_be_writable(const void* page)
{
    u64 before = *entry_of(addr(page));
    if (set_mapping(page, before | kWrite) < 0) {
        return false;
    }
    require(set_mapping(page, before), "restoring a mapping");
    return true;
}

} // namespace guest
