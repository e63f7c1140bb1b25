// SPDX-License-Identifier: MIT
// XSA-182: no change of flags may bypass validation. Over read-only maps of page tables every combination of the low
// twelve flags is tried by each way to write an entry; whatever would make a table writable must be refused.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

UserSpace* space;
u8* window;

using Writer = long (*)(u64 value);

u64* l1_slot() { return &space->l1()[5]; }
long by_update(u64 value) { return mmu_update(maddr_of(l1_slot()), value); }
long by_preserve(u64 value) { return mmu_update(maddr_of(l1_slot()) | PV_MMU_PT_UPDATE_PRESERVE_AD, value); }
long by_store(u64 value)
{
    GUARDED("movq %1, (%0)", ::"r"(l1_slot()), "r"(value) : "memory");
    return last_trap.vector == kNone ? 0 : -1;
}

// After the call the entry may say anything but "present and writable".
void check_l1(Writer write, const char* what)
{
    u64 table = mfn_of(space->l4()), bad = 0, accepted = 0;
    for (u64 flags = 0; flags < 4096; ++flags) {
        require(by_update(entry(table, kRo)), "read-only map");
        accepted += write(entry(table, flags)) == 0;
        bad += (*l1_slot() & (kPresent | kWrite)) == (kPresent | kWrite);
    }
    print("flag-flips: %s: %lu of 4096 accepted\n", what, accepted);
    expect_eq(bad, 0, what);
    expect(accepted >= 2048, "entries without P, and read-only ones, are accepted");
    require(by_update(0), "clear");
}

void check_own_mapping()
{
    u64* own = entry_of(addr(window));
    u64 original = *own, table = mfn_of(space->l1()), bad = 0;
    for (u64 flags = 0; flags < 4096; ++flags) {
        require(set_mapping(window, entry(table, kRo)), "read-only map");
        set_mapping(window, entry(table, flags));
        bad += (*own & (kPresent | kWrite)) == (kPresent | kWrite);
    }
    expect_eq(bad, 0, "update_va_mapping");
    require(set_mapping(window, original), "put back");
}

// At the upper levels flags must not turn a table into a superpage.
void check_upper()
{
    auto* l3 = static_cast<u64*>(va_of_mfn(frame_of(space->l4()[0])));
    auto* l2 = static_cast<u64*>(va_of_mfn(frame_of(l3[0])));
    u64* slots[] = {&l2[kUserBase >> 21], &l3[0], &space->l4()[0]};
    for (u64* slot : slots) {
        u64 original = *slot, bad = 0;
        for (u64 flags = 1; flags < 4096; flags += 2) {
            u64 value = (original & kFrameMask) | flags;
            mmu_update(maddr_of(slot), value);
            bad += (*slot & kPse) != 0;
            mmu_update(maddr_of(slot) | PV_MMU_PT_UPDATE_PRESERVE_AD, value);
            bad += (*slot & kPse) != 0;
            bad += (*slot & kFrameMask) != (original & kFrameMask);
        }
        expect_eq(bad, 0, "PSE never sticks");
        expect_rc(mmu_update(maddr_of(slot), original), 0, "put back");
    }
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    window = alloc_page();
    step("level 1");
    check_l1(by_update, "mmu_update");
    check_l1(by_preserve, "mmu_update preserving A and D");
    check_l1(by_store, "an emulated store");
    check_own_mapping();
    step("upper levels");
    check_upper();
    step("the tables still work");
    space->code_page()[0] = 0x0f;
    space->code_page()[1] = 0x0b;
    expect_eq(run(space->context()).vector, kInvalidOpcode, "user mode runs");
}
