// SPDX-License-Identifier: MIT
// MMU_PT_UPDATE_PRESERVE_AD: the A and D bits of the old entry survive the update, added to those of the new one, and
// the hardware really sets them in the guest's own tables.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

constexpr u64 kAd = kAccessed | kDirty;

long preserving(u64* slot, u64 value) { return mmu_update(maddr_of(slot) | PV_MMU_PT_UPDATE_PRESERVE_AD, value); }

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    u8* page = alloc_page();
    u64* slot = &space->l1()[5];
    u64 e = entry(mfn_of(page), kPresent | kUser);
    step("by hypercall");
    require(mmu_update(maddr_of(slot), e | kAd), "set");
    expect_rc(preserving(slot, e), 0, "clear A and D, preserving");
    expect_eq(*slot & kAd, kAd, "A and D survive");
    expect_rc(mmu_update(maddr_of(slot), e), 0, "clear A and D, plainly");
    expect_eq(*slot & kAd, 0, "they are gone");
    expect_rc(preserving(slot, e | kWrite | kAccessed), 0, "set A and W, preserving");
    expect_eq(*slot & (kAd | kWrite), kAccessed | kWrite, "new bits are taken too");
    step("by hardware");
    u8* mapped = alloc_page();
    u64* own = entry_of(addr(mapped));
    require(set_mapping(mapped, *own & ~kAd), "clear A and D");
    expect_eq(*own & kAd, 0, "clear");
    expect_eq(*const_cast<volatile u8*>(mapped), 0, "read");
    expect_eq(*own & kAd, kAccessed, "a read sets A");
    *const_cast<volatile u8*>(mapped) = 1;
    expect_eq(*own & kAd, kAd, "a write sets D");
    expect_rc(preserving(own, entry(mfn_of(mapped), kPresent | kWrite)), 0, "preserving update of the live entry");
    expect_eq(*own & kAd, kAd, "A and D survive");
    step("rules hold");
    expect_rc(preserving(slot, entry(mfn_of(space->l1()), kRw)), -16, "a page table, writable");
    expect_rc(preserving(&space->l4()[300], entry(mfn_of(space->l1()), kTable)), -22, "a wrong table in an L4");
    expect_rc(preserving(&space->l4()[260], 0), -22, "a hypervisor slot");
}
