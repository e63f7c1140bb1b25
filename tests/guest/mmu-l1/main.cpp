// SPDX-License-Identifier: MIT
// Level 1 entries by mmu_update (CONTRACT C.2, C.7): which flags are accepted and how they read back, that a page
// table is never mapped writable, that entries without P are stored as they are, and that every refusal changes
// nothing.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

// Bits the hypervisor may add to a present entry: U, and to tell user from kernel pages G or bit 52.
constexpr u64 kOurs = kUser | kGlobal | 1ul << 52;
UserSpace* space;
u64* slot;
u8* page;

long set(u64 value) { return mmu_update(maddr_of(slot), value); }

// The entry is refused with this error and the old one stays.
void refused(u64 value, long error, const char* what)
{
    u64 before = *slot;
    bool ok = expect_rc(set(value), error, what);
    ok &= expect_eq(*slot, before, "the old entry stays");
    if (!ok) {
        print("  value 0x%lx\n", value);
    }
}

void accepted(u64 value, const char* what)
{
    bool ok = expect_rc(set(value), 0, what);
    ok &= expect_eq(*slot | kOurs, value | kOurs, "it reads back, but for the hypervisor's own bits");
    if (!ok) {
        print("  value 0x%lx\n", value);
    }
}

void check_flags()
{
    u64 mfn = mfn_of(page);
    accepted(entry(mfn, kPresent), "present");
    expect_eq(*slot & kUser, kUser, "the hypervisor adds U: the guest kernel runs in ring 3");
    accepted(entry(mfn, kPresent | kWrite), "writable");
    accepted(entry(mfn, kRw), "user");
    accepted(entry(mfn, kPresent | kAccessed | kDirty), "A and D");
    accepted(entry(mfn, kPresent | kNoExecute), "no-execute");
    for (unsigned bit = 9; bit <= 11; ++bit) {
        accepted(entry(mfn, kRw | 1ul << bit), "available bits 9 to 11");
    }
    accepted(entry(mfn, kRw | 1ul << 57), "available bit 57");
    accepted(entry(mfn, kRw | 1ul << 58), "available bit 58");
    accepted(entry(mfn, kRw | kGlobal), "global");
    accepted(0, "nothing");
}

void check_not_present()
{
    const u64 values[] = {0xfffffffffffffffe,
                          0x8000000000000000,
                          0x7ff0000000000002,
                          0x1234567890abcde0,
                          entry(mfn_of(space->l1()), kWrite),
                          0x000fffffffffff80};
    for (u64 value : values) {
        expect_rc(set(value), 0, "an entry without P");
        expect_eq(*slot, value, "is stored to the bit");
    }
}

void check_tables()
{
    u64* tables[] = {space->l1(), space->l4(), reinterpret_cast<u64*>(start_info->pt_base)};
    for (u64* table : tables) {
        expect_rc(set(0), 0, "clear");
        accepted(entry(mfn_of(table), kPresent | kAccessed), "a page table, read-only");
        refused(entry(mfn_of(table), kRw), -16, "a page table, writable");
        refused(entry(mfn_of(table), kPresent | kWrite), -16, "only the W bit added");
        expect_rc(set(0), 0, "clear");
        refused(entry(mfn_of(table), kRw), -16, "writable from nothing");
    }
}

void check_reserved()
{
    expect_rc(set(0), 0, "clear");
    const u64 values[] = {entry(1ul << 39, kRw), entry((1ul << 40) - 1, kRw), ~0ul};
    for (u64 value : values) {
        long rc = set(value);
        expect(rc == -22 || rc == -1, "a frame beyond the physical address width: -EINVAL or -EPERM");
        expect_eq(*slot, 0, "nothing was stored");
    }
}

void check_counts()
{
    expect_rc(set(0), 0, "clear");
    u64* fresh = alloc_table();
    accepted(entry(mfn_of(fresh), kRw), "a fresh page, writable for the user");
    require(make_read_only(fresh), "read-only for the kernel");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(fresh)), -22, "still writable through the other mapping");
    accepted(entry(mfn_of(fresh), kPresent | kAccessed | kUser), "read-only there too");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(fresh)), 0, "now it can be a table");
    refused(entry(mfn_of(fresh), kRw), -16, "and not writable any more");
    expect_rc(unpin(fresh), 0, "unpin");
    accepted(entry(mfn_of(fresh), kRw), "writable again");
    expect_rc(set(0), 0, "clear");
    expect(can_be_writable(fresh), "no count was lost");
}

} // namespace

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    slot = &space->l1()[5];
    page = alloc_page();
    step("flags");
    check_flags();
    step("entries without P");
    check_not_present();
    step("page tables");
    check_tables();
    step("reserved bits");
    check_reserved();
    step("counts");
    check_counts();
}
