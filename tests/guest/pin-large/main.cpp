// SPDX-License-Identifier: MIT
// XSA-45: long work is done in slices. A tree of several hundred full L1 tables is pinned, used and unpinned; the
// answers are those of a short call, timer events arrive on time in between, and all counts come back.
// RUN: timeout=120
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr unsigned kTables = 400;
u64 *l2, *l3, *l4, *l1[kTables];
u8* page;

void build()
{
    page = alloc_page();
    l4 = alloc_table();
    l3 = alloc_table();
    l2 = alloc_table();
    for (unsigned i = 0; i < kTables; ++i) {
        l1[i] = alloc_table();
        for (unsigned j = 0; j < 512; ++j) {
            l1[i][j] = entry(mfn_of(page), kRw);
        }
        l2[i] = entry(mfn_of(l1[i]), kTable);
        require(make_read_only(l1[i]), "read-only");
    }
    l3[0] = entry(mfn_of(l2), kTable);
    l4[0] = entry(mfn_of(l3), kTable);
    require(make_read_only(l2), "read-only");
    require(make_read_only(l3), "read-only");
    require(make_read_only(l4), "read-only");
}

} // namespace

void test_main()
{
    install_traps();
    build();
    for (unsigned round = 0; round < 3; ++round) {
        u64 start = system_time();
        expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(l4)), 0, "pin");
        print("pin-large: %lu tables pinned in %lu us\n", static_cast<u64>(kTables), (system_time() - start) / 1000);
        expect(!can_be_writable(l1[kTables - 1]), "the last table is typed");
        require(make_read_only(page), "the data page read-only for the kernel");
        expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(page)), -22, "200,000 writable references hold the page");
        start = system_time();
        expect_rc(mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(l4)), 0, "unpin");
        print("pin-large: unpinned in %lu us\n", (system_time() - start) / 1000);
        expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(page)), 0, "none does");
        require(mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(page)), "unpin");
        require(make_writable(page), "writable");
    }
    step("a bad entry at the very end");
    require(make_writable(l1[kTables - 1]), "writable");
    l1[kTables - 1][511] = entry(mfn_of(l2), kRw);
    require(make_read_only(l1[kTables - 1]), "read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(l4)), -16, "the whole pin is refused with the entry's error");
    u64 typed = 0;
    for (u64* table : l1) {
        typed += !can_be_writable(table);
    }
    expect_eq(typed, 0, "no table kept its type");
    expect(can_be_writable(l2) && can_be_writable(l3) && can_be_writable(l4), "nor those above");
}
