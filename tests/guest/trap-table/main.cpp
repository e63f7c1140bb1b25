// SPDX-License-Identifier: MIT
// set_trap_table: entries replace one vector each, address 0 ends the list, a null table clears everything, and bad
// pointers or addresses leave the table as it was.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

bool ud_works()
{
    GUARDED("ud2");
    return last_trap.vector == kInvalidOpcode;
}

} // namespace

void test_main()
{
    install_traps();
    step("bad pointers");
    expect_rc(hypercall(PV_HYPERCALL_SET_TRAP_TABLE, 0xffff830000000000), -14, "hypervisor address");
    expect_rc(hypercall(PV_HYPERCALL_SET_TRAP_TABLE, 0x8000000000000000), -14, "non-canonical address");
    expect_rc(hypercall(PV_HYPERCALL_SET_TRAP_TABLE, 0x1000), -14, "unmapped address");
    expect(ud_works(), "the table is unchanged");
    step("a list that runs into an unmapped page");
    u8* pages = alloc_page();
    alloc_page();
    auto* last = reinterpret_cast<pv_trap_info*>(pages + kPageSize) - 1;
    *last = {.vector = kInvalidOpcode, .flags = 4, .cs = kKernelCs, .hole0 = 0, .address = stub_of(kBreakpoint)};
    u64 next = *entry_of(addr(pages) + kPageSize);
    require(set_mapping(pages + kPageSize, 0), "unmap");
    expect_rc(hypercall(PV_HYPERCALL_SET_TRAP_TABLE, addr(last)), -14, "entries after the first are unreadable");
    GUARDED("ud2");
    expect_eq(last_trap.vector, kBreakpoint, "the entries before the bad one hold");
    require(set_mapping(pages + kPageSize, next), "map again");
    require(set_trap(kInvalidOpcode, 4, kKernelCs, stub_of(kInvalidOpcode)), "#UD back");
    expect(ud_works(), "a later call replaces one vector");
    step("strange addresses");
    expect_rc(set_trap(kDivide, 4, kKernelCs, 0x0000800000000000), -22, "non-canonical handler");
    GUARDED("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx", ::: "eax", "ecx", "edx");
    expect_eq(last_trap.vector, kDivide, "the old handler is still in place");
    expect_rc(set_trap(kDivide, 4, 0xe008, stub_of(kDivide)), 0, "a hypervisor selector is corrected");
    GUARDED("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx", ::: "eax", "ecx", "edx");
    expect_eq(handler_cs, kKernelCs, "and not used");
    step("null clears all");
    expect_rc(hypercall(PV_HYPERCALL_SET_TRAP_TABLE, 0), 0, "a null table");
    install_traps();
    expect(ud_works(), "installed again");
}
