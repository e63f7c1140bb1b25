// SPDX-License-Identifier: MIT
// What Linux does with the tables it was born with (CONTRACT A.5 rule 3): build its own L4, switch to it, unpin the
// boot L4 and use the old table pages as ordinary memory. The boot L4 must have been pinned and its counts must drop.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u64* copy_of(const u64* table)
{
    u64* copy = alloc_table();
    __builtin_memcpy(copy, table, kPageSize);
    return copy;
}

// Copies the tables that map the kernel; every L1 is shared with the boot tables except none.
u64* build_tables()
{
    auto* old_l4 = reinterpret_cast<u64*>(start_info->pt_base);
    u64* l4 = copy_of(old_l4);
    u64* l3 = copy_of(static_cast<u64*>(va_of_mfn(frame_of(old_l4[511]))));
    u64* l2 = copy_of(static_cast<u64*>(va_of_mfn(frame_of(l3[510]))));
    l4[511] = entry(mfn_of(l3), kTable);
    l3[510] = entry(mfn_of(l2), kTable);
    require(make_read_only(l2), "L2 read-only");
    require(make_read_only(l3), "L3 read-only");
    expect_rc(pin(4, l4), 0, "pinning a copy of the boot L4, hypervisor slots and all");
    return l4;
}

} // namespace

void test_main()
{
    install_traps();
    auto* old_l4 = reinterpret_cast<u64*>(start_info->pt_base);
    auto* old_l3 = static_cast<u64*>(va_of_mfn(frame_of(old_l4[511])));
    auto* old_l2 = static_cast<u64*>(va_of_mfn(frame_of(old_l3[510])));
    step("a new set of tables");
    u64* l4 = build_tables();
    u64* old_entry = entry_of(addr(old_l4));
    step("while pinned, the boot L4 is no ordinary page");
    expect_rc(set_mapping(old_l4, *old_entry | kWrite), -16, "a writable mapping of the boot L4");
    step("switch, unpin, reuse");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0, "NEW_BASEPTR");
    expect_rc(set_mapping(old_l4, *old_entry | kWrite), -16, "not in use, but still pinned");
    expect_rc(unpin(old_l4), 0, "UNPIN_TABLE of the boot L4: it was pinned at start");
    u64* pages[] = {old_l4, old_l3, old_l2};
    for (u64* page : pages) {
        u64 e = *entry_of(addr(page));
        expect_rc(set_mapping(page, e | kWrite), 0, "an old table page becomes writable");
        page[5] = 0x5555;
        expect_eq(page[5], 0x5555, "and is written");
    }
    expect_rc(unpin(old_l4), -22, "a second unpin");
    expect_rc(unpin(l4), 0, "unpinning the tables in use is allowed: the base pointer holds them");
    expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(l4)), 0, "and pin them again");
}
