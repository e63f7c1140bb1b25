// SPDX-License-Identifier: MIT
// Pinning (CONTRACT C.7): each level, what a pin demands (no writable mapping), what it gives (validated tables whose
// pages stay tables), sharing of lower tables, and that unpin gives every frame back.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

struct Tree {
    u64 *l4 = alloc_table(), *l3 = alloc_table(), *l2 = alloc_table(), *l1 = alloc_table();
    u8* page = alloc_page();
    Tree()
    {
        l1[0] = entry(mfn_of(page), kRw);
        l2[0] = entry(mfn_of(l1), kTable);
        l3[0] = entry(mfn_of(l2), kTable);
        l4[0] = entry(mfn_of(l3), kTable);
    }
    u64* table(unsigned level) const { return level == 1 ? l1 : level == 2 ? l2 : level == 3 ? l3 : l4; }
};

bool all_writable(const Tree& t)
{
    return can_be_writable(t.l1) && can_be_writable(t.l2) && can_be_writable(t.l3) && can_be_writable(t.l4);
}

// Pin at each level in turn; everything below must be typed by it and freed by unpin.
void check_levels()
{
    for (unsigned top = 1; top <= 4; ++top) {
        Tree t;
        u32 command = PV_MMUEXT_PIN_L1_TABLE + top - 1;
        u64 mfn = mfn_of(t.table(top));
        bool ok = expect_rc(mmuext(command, mfn), -22, "pin while mapped writable");
        for (unsigned level = 1; level <= top; ++level) {
            require(make_read_only(t.table(level)), "read-only");
        }
        ok &= expect_rc(mmuext(command, mfn), 0, "pin");
        ok &= expect_rc(mmuext(command, mfn), -22, "a second pin");
        for (unsigned level = 1; level <= 4; ++level) {
            bool typed = level <= top;
            ok &= expect_eq(can_be_writable(t.table(level)), !typed, "tables below the pin are no ordinary pages");
        }
        ok &= expect_rc(unpin(t.table(top)), 0, "unpin");
        ok &= expect_rc(unpin(t.table(top)), -22, "a second unpin");
        ok &= expect(all_writable(t), "all are ordinary pages again");
        if (!ok) {
            print("  level %lu\n", static_cast<u64>(top));
        }
    }
}

void check_lower_writable()
{
    Tree t;
    require(make_read_only(t.l4), "L4");
    require(make_read_only(t.l3), "L3");
    require(make_read_only(t.l2), "L2");
    expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(t.l4)), -22, "the L1 is still mapped writable");
    expect(all_writable(t), "the failed pin left no type behind");
    require(make_read_only(t.l1), "L1");
    expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(t.l4)), 0, "now it is not");
    expect_rc(unpin(t.l4), 0, "unpin");
}

void check_sharing()
{
    Tree a, b;
    b.l4[0] = a.l4[0];
    b.l4[5] = a.l4[0];
    for (unsigned level = 1; level <= 3; ++level) {
        require(make_read_only(a.table(level)), "read-only");
    }
    expect_rc(pin(4, a.l4), 0, "the first L4");
    expect_rc(pin(4, b.l4), 0, "a second L4 over the same tables");
    expect_rc(pin(1, a.l1), 0, "the L1 pinned by itself");
    expect_rc(unpin(a.l4), 0, "unpin the first");
    expect(!can_be_writable(a.l3), "the second still holds the L3");
    expect_rc(unpin(b.l4), 0, "unpin the second");
    expect(can_be_writable(a.l3) && can_be_writable(a.l2), "nobody holds L3 and L2");
    expect(!can_be_writable(a.l1), "the L1 is pinned by itself");
    expect_rc(unpin(a.l1), 0, "unpin the L1");
    expect(all_writable(a), "all free");
    expect(can_be_writable(a.page), "and the data page too");
}

void check_holding()
{
    Tree t;
    for (unsigned level = 1; level <= 4; ++level) {
        require(make_read_only(t.table(level)), "read-only");
    }
    require(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(t.l4)), "pin");
    require(make_read_only(t.page), "page read-only for the kernel");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(t.page)), -22, "the tree's L1 maps the page writable");
    expect_rc(mmu_update(maddr_of(&t.l1[0]), 0), 0, "until the entry goes");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(t.page)), 0, "now it can become a table");
    expect_rc(unpin(t.page), 0, "unpin it");
    expect_rc(mmu_update(maddr_of(&t.l3[0]), 0), 0, "drop the L2 from the pinned tree");
    expect(can_be_writable(t.l2) && can_be_writable(t.l1), "L2 and L1 are ordinary");
    expect_rc(unpin(t.l4), 0, "unpin");
}

void check_full_tables()
{
    Tree t;
    for (unsigned i = 0; i < 512; ++i) {
        t.l1[i] = entry(mfn_of(t.page), kRw);
        t.l2[i] = entry(mfn_of(t.l1), kTable);
        t.l3[i] = entry(mfn_of(t.l2), kTable);
    }
    for (unsigned level = 1; level <= 3; ++level) {
        require(make_read_only(t.table(level)), "read-only");
    }
    expect_rc(pin(4, t.l4), 0, "every entry of every table present");
    require(make_read_only(t.page), "read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(t.page)), -22, "512 writable mappings hold the page");
    expect_rc(unpin(t.l4), 0, "unpin");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(t.page)), 0, "none does");
    expect_rc(unpin(t.page), 0, "unpin");
    expect(all_writable(t), "all free");
}

} // namespace

void test_main()
{
    install_traps();
    step("each level");
    check_levels();
    step("a writable table below");
    check_lower_writable();
    step("sharing");
    check_sharing();
    step("what a pinned tree holds");
    check_holding();
    step("full tables");
    check_full_tables();
}
