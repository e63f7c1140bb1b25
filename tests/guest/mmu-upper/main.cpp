// SPDX-License-Identifier: MIT
// Entries of levels 2 to 4 by mmu_update: each must name a table of the level below, no superpages, no recursion, no
// reserved bits, nothing in the hypervisor's slots; every refusal leaves the entry and all counts as they were.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

UserSpace* space;

struct Level {
    unsigned number;
    u64* slot;  // a free entry of the level's table in use
    u64* below; // a valid table of the level below
    u64* same;  // another valid table of the same level
};

bool refused(const Level& level, u64 value, long error, const char* what)
{
    u64 before = *level.slot;
    bool ok = expect_rc(mmu_update(maddr_of(level.slot), value), error, what);
    ok &= expect_eq(*level.slot, before, "the old entry stays");
    if (!ok) {
        print("  level %lu value 0x%lx\n", static_cast<u64>(level.number), value);
    }
    return ok;
}

void check_level(const Level& level)
{
    u8* page = alloc_page();
    u64 below = mfn_of(level.below), maddr = maddr_of(level.slot);
    refused(level, entry(mfn_of(page), kTable), -22, "a frame that is mapped writable");
    expect_rc(mmu_update(maddr, entry(below, kTable)), 0, "a table of the level below");
    expect_eq(*level.slot & (kFrameMask | kPresent | kWrite | kUser), entry(below, kPresent | kWrite | kUser),
              "stored");
    expect_rc(mmu_update(maddr, entry(below, kPresent | kAccessed)), 0, "the same, fewer flags");
    expect_eq(*level.slot & kUser, kUser, "U is added");
    refused(level, entry(below, kTable | kPse), -22, "PSE over a table");
    refused(level, entry(mfn_of(page) & ~511ul, kTable | kPse), -22, "PSE over memory");
    expect_rc(mmu_update(maddr, 0), 0, "clear");
    refused(level, entry(below, kTable | kPse), -22, "PSE from nothing");
    refused(level, entry(1ul << 39, kTable), -22, "a frame beyond the address width");
    refused(level, entry(0xa0, kTable), -22, "a frame that is no memory");
    refused(level, entry(start_info->shared_info >> 12, kTable), -22, "the shared info frame");
    expect_rc(mmu_update(maddr, 0x00003ffffffffffe), 0, "an entry without P");
    expect_eq(*level.slot, 0x00003ffffffffffe, "is stored to the bit");
    expect_rc(mmu_update(maddr, 0), 0, "clear");
}

void check_recursion(const Level& level, u64* own)
{
    long error = -22;
    bool strict = hypervisor() == Hypervisor::parapet;
    const u64 flags[] = {kPresent | kUser | kAccessed, kTable};
    for (u64 f : flags) {
        u64 maddr = maddr_of(level.slot);
        // Xen allows read-only self-maps unless built or booted without them; Parapet never does.
        long rc = mmu_update(maddr, entry(mfn_of(own), f));
        expect(strict || f != kTable ? rc == error || (!strict && rc == 0) : rc < 0, "a table naming itself");
        if (strict) {
            expect_rc(rc, error, "a table naming itself is -EINVAL");
            refused(level, entry(mfn_of(level.same), f), error, "a table of the same level");
        }
        require(mmu_update(maddr, 0), "clear");
    }
}

void check_hypervisor_slots()
{
    u64* l4 = space->l4();
    u64 value = entry(frame_of(space->l3_entry()), kTable);
    for (unsigned i = 256; i <= 271; ++i) {
        u64 before = l4[i];
        bool ok = expect(mmu_update(maddr_of(&l4[i]), value) < 0, "an entry of the hypervisor");
        ok &= expect(mmu_update(maddr_of(&l4[i]), 0) < 0, "not even cleared");
        ok &= expect_eq(l4[i], before, "it stays");
        if (!ok) {
            print("  slot %lu\n", static_cast<u64>(i));
        }
    }
    expect_rc(mmu_update(maddr_of(&l4[272]), value), 0, "slot 272 is the guest's");
    expect_rc(mmu_update(maddr_of(&l4[272]), 0), 0, "clear");
    expect_rc(mmu_update(maddr_of(&l4[255]), value), 0, "slot 255 is the guest's");
    expect_rc(mmu_update(maddr_of(&l4[255]), 0), 0, "clear");
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    auto* other = new (alloc_page()) UserSpace;
    u64* l4 = space->l4();
    auto* l3 = static_cast<u64*>(va_of_mfn(frame_of(l4[0])));
    auto* l2 = static_cast<u64*>(va_of_mfn(frame_of(l3[0])));
    auto* l3_other = static_cast<u64*>(va_of_mfn(frame_of(other->l4()[0])));
    auto* l2_other = static_cast<u64*>(va_of_mfn(frame_of(l3_other[0])));
    const Level levels[] = {
        {2, &l2[7], other->l1(), l2_other}, {3, &l3[7], l2_other, l3_other}, {4, &l4[7], l3_other, other->l4()}};
    u64* own[] = {l2, l3, l4};
    for (unsigned i = 0; i < 3; ++i) {
        print("mmu-upper: level %lu\n", static_cast<u64>(levels[i].number));
        check_level(levels[i]);
        check_recursion(levels[i], own[i]);
        // A table one level too low or too high.
        u64* wrong = i == 0 ? l2_other : i == 1 ? other->l1() : l2_other;
        refused(levels[i], entry(mfn_of(wrong), kTable), -22, "a wrong level");
    }
    step("hypervisor slots");
    check_hypervisor_slots();
    step("counts: the other tree can be taken apart");
    require(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)), "the first tree in use");
    expect_rc(unpin(other->l4()), 0, "unpin");
    u64* tables[] = {other->l4(), l3_other, l2_other, other->l1()};
    for (u64* table : tables) {
        expect(can_be_writable(table), "every table is an ordinary page again");
    }
}
