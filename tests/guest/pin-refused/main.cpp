// SPDX-License-Identifier: MIT
// Trees that must not be pinned: a bad entry at any position of any level. The answer is an error, and every frame of
// the tree has the counts it had before: it can be written at once and pinned once repaired.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

u64* tables[5]; // by level
u8* page;

u64 good(unsigned level) { return level == 1 ? entry(mfn_of(page), kRw) : entry(mfn_of(tables[level - 1]), kTable); }

bool set_writable(bool writable)
{
    for (unsigned level = 1; level <= 4; ++level) {
        if ((writable ? make_writable(tables[level]) : make_read_only(tables[level])) < 0) {
            return false;
        }
    }
    return true;
}

// Puts `bad` at `position` of the level's table, good entries before it, and tries every pin above it, or above level
// `from`.
void refused(unsigned level, unsigned position, u64 bad, const char* what, unsigned from = 0)
{
    bool ok = true;
    for (unsigned top = from != 0 ? from : level; top <= 4; ++top) {
        tables[level][position] = bad;
        ok &= expect(set_writable(false), "read-only");
        long rc = mmuext(PV_MMUEXT_PIN_L1_TABLE + top - 1, mfn_of(tables[top]));
        ok &= expect(rc < 0, what);
        if (rc == 0) {
            unpin(tables[top]);
        }
        if (!expect(set_writable(true), "the refused pin left no type behind")) {
            print("  level %lu position %lu entry 0x%lx pin L%lu: rc %ld\n", static_cast<u64>(level),
                  static_cast<u64>(position), bad, static_cast<u64>(top), rc);
            fail("a refused pin changed counts");
        }
        tables[level][position] = 0;
    }
    if (!ok) {
        print("  level %lu position %lu entry 0x%lx\n", static_cast<u64>(level), static_cast<u64>(position), bad);
    }
}

void check_bad_entries()
{
    const unsigned positions[] = {1, 2, 100, 255, 510, 511};
    u64 boot_l4 = mfn_of(reinterpret_cast<void*>(start_info->pt_base));
    for (unsigned position : positions) {
        refused(1, position, entry(boot_l4, kRw), "a writable mapping of a page table");
        refused(1, position, entry(mfn_of(tables[2]), kRw), "a writable mapping of the tree itself", 2);
        refused(1, position, entry(0xfee00, kRw), "the local APIC");
        refused(1, position, entry(1ul << 39, kRw), "a frame beyond the machine");
        for (unsigned level = 2; level <= 4; ++level) {
            refused(level, position, entry(boot_l4, kTable), "a table of another type");
            refused(level, position, entry(mfn_of(page), kTable), "a page that is mapped writable");
            refused(level, position, entry(mfn_of(tables[level - 1]), kTable | kPse), "PSE");
            refused(level, position, entry(0xa0, kTable), "I/O memory");
            refused(level, position, entry(1ul << 39, kTable), "a frame beyond the machine");
            if (level < 4) {
                refused(level, position, good(level + 1), "a table of its own level");
            }
        }
    }
}

void check_bad_arguments()
{
    const u64 bad[] = {1ul << 39, ~0ul, (1ul << 40) - 1, 0xa0, 0xfee00, 1ul << 52};
    for (u64 mfn : bad) {
        for (u32 command = PV_MMUEXT_PIN_L1_TABLE; command <= PV_MMUEXT_UNPIN_TABLE; ++command) {
            if (!expect_rc(mmuext(command, mfn), -22, "a frame that is not the domain's")) {
                print("  command %lu mfn 0x%lx\n", static_cast<u64>(command), mfn);
            }
        }
    }
    expect_rc(mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(page)), -22, "unpin of an ordinary page");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(tables[1]), 0, 77), -3, "a domain that is not there");
}

// The hypervisor's slots of an offered L4 are not judged but overwritten.
void check_hypervisor_slots()
{
    u64* l4 = tables[4];
    for (unsigned i = 256; i < 272; ++i) {
        l4[i] = 0xdeadbeef00000067 + i;
    }
    require(set_writable(false) ? 0 : -1, "read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(l4)), 0, "rubbish in the hypervisor's slots does not matter");
    u64 rubbish = 0;
    for (unsigned i = 256; i < 272; ++i) {
        rubbish += l4[i] == 0xdeadbeef00000067 + i;
    }
    expect_eq(rubbish, 0, "it was overwritten");
    require(unpin(l4), "unpin");
}

} // namespace

void test_main()
{
    install_traps();
    page = alloc_page();
    for (unsigned level = 1; level <= 4; ++level) {
        tables[level] = alloc_table();
        tables[level][0] = good(level);
    }
    step("bad entries");
    check_bad_entries();
    step("bad arguments");
    check_bad_arguments();
    step("the hypervisor's slots");
    check_hypervisor_slots();
    step("the tree itself is good");
    expect(set_writable(true), "ordinary pages after all of that");
    expect(set_writable(false), "read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(tables[4])), 0, "pin");
    expect_rc(unpin(tables[4]), 0, "unpin");
    expect(can_be_writable(page), "the data page is free");
}
