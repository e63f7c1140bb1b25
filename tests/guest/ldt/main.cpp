// SPDX-License-Identifier: MIT
// MMUEXT_SET_LDT (CONTRACT C.3): a read-only page of descriptors becomes loadable through TI selectors, by the GDT's
// rules; a writable page, gates, odd addresses and wild counts are refused; an empty LDT makes its selectors fault.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

constexpr u64 kData3 = 0x00cff3000000ffff, kGate = 0x0000ee00e0330000;

u64* table;

long set_ldt(const void* at, u32 entries) { return mmuext(PV_MMUEXT_SET_LDT, addr(at), entries); }

// Loads a selector into es; the fault, if any, is in last_trap.
bool loads(u16 selector)
{
    GUARDED("movw %w0, %%es", ::"r"(selector) : "memory");
    bool ok = last_trap.vector == kNone;
    asm volatile("movw %w0, %%es" ::"r"(0));
    return ok;
}

void check_refused()
{
    expect_rc(set_ldt(reinterpret_cast<u8*>(table) + 8, 4), -22, "an address that is not page-aligned");
    expect_rc(set_ldt(table, 8193), -22, "more than 8192 entries");
    expect_rc(set_ldt(reinterpret_cast<void*>(0xffff830000000000), 4), -22, "the hypervisor's range");
    expect_rc(set_ldt(reinterpret_cast<void*>(0x8000000000000000), 4), -22, "a non-canonical address");
}

} // namespace

void test_main()
{
    install_traps();
    table = alloc_table();
    table[3] = kData3;
    step("no LDT");
    expect(!loads(3 * 8 + 7), "a TI selector faults");
    expect_eq(last_trap.vector, kProtection, "#GP");
    expect_eq(last_trap.error, 3 * 8 + 4, "with the selector");
    step("refused");
    check_refused();
    step("in use");
    require(make_read_only(table), "read-only");
    expect_rc(set_ldt(table, 8), 0, "a read-only page");
    expect(loads(3 * 8 + 7), "its selector can be loaded");
    expect(!loads(5 * 8 + 7), "an empty slot faults");
    expect(!loads(9 * 8 + 7), "behind the limit");
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(&table[5]), kData3), 0, "update_descriptor");
    expect(loads(5 * 8 + 7), "the new one can be loaded");
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(&table[6]), kGate), -22, "an interrupt gate");
    expect_eq(table[6], 0, "is not stored");
    expect(!can_be_writable(table), "the page in use cannot be made writable");
    step("gone");
    expect_rc(set_ldt(nullptr, 0), 0, "no LDT");
    expect(!loads(3 * 8 + 7), "its selectors fault again");
    expect(can_be_writable(table), "the page is ordinary");
    step("a page with a gate");
    u64* bad = alloc_table();
    bad[3] = kData3;
    bad[4] = kGate;
    require(make_read_only(bad), "read-only");
    long rc = set_ldt(bad, 8);
    bool loaded = rc == 0 && loads(3 * 8 + 7);
    expect(!loaded, "is refused at the latest when it is used");
    expect_rc(set_ldt(nullptr, 0), 0, "no LDT");
    expect(can_be_writable(bad), "the page is ordinary");
}
