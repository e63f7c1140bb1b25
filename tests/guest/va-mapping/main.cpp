// SPDX-License-Identifier: MIT
// update_va_mapping: changes the L1 entry of an address in the current tables by the same rules as mmu_update, with
// the flush asked for; wrong addresses are refused and touch nothing.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

void check_mapping()
{
    u8 *a = alloc_page(), *b = alloc_page();
    u64 ea = *entry_of(addr(a)), eb = *entry_of(addr(b));
    a[0] = 1;
    b[0] = 2;
    const u64 flags[] = {PV_UVMF_INVLPG, PV_UVMF_TLB_FLUSH, PV_UVMF_INVLPG | PV_UVMF_ALL,
                         PV_UVMF_TLB_FLUSH | PV_UVMF_ALL};
    for (u64 f : flags) {
        bool ok = expect_rc(set_mapping(a, eb, f), 0, "map b's frame at a");
        ok &= expect_eq(*const_cast<volatile u8*>(a), 2, "the new frame is seen at once");
        ok &= expect_rc(set_mapping(a, ea, f), 0, "map a's frame again");
        ok &= expect_eq(*const_cast<volatile u8*>(a), 1, "and is seen");
        if (!ok) {
            print("  flags %lu\n", f);
        }
    }
    u64 vcpus = 1;
    expect_rc(set_mapping(a, eb, addr(&vcpus) | PV_UVMF_INVLPG), 0, "a vCPU bitmap");
    expect_eq(*const_cast<volatile u8*>(a), 2, "flushed here");
    expect_rc(set_mapping(a, ea, 0x8000000000000000 | PV_UVMF_INVLPG), -14, "an unreadable bitmap");
    expect_rc(set_mapping(a, ea), 0, "back");
    expect_rc(set_mapping(a, ea, 3), 0, "flush type 3 means none");
}

void check_rules()
{
    u8* a = alloc_page();
    u64 ea = *entry_of(addr(a)), table = mfn_of(reinterpret_cast<void*>(start_info->pt_base));
    expect_rc(set_mapping(a, entry(table, kRw)), -16, "a page table, writable");
    expect_rc(set_mapping(a, entry(1ul << 39, kRw)) < 0 ? -22 : 0, -22, "a frame beyond the machine");
    expect_rc(set_mapping(a, entry(0xfee00, kRw)), -1, "the local APIC");
    expect_eq(*entry_of(addr(a)), ea, "nothing changed");
    a[7] = 7;
    expect_eq(a[7], 7, "and the page works");
}

void check_addresses()
{
    u8* page = alloc_page();
    u64 e = entry(mfn_of(page), kRw);
    const u64 bad[] = {0xffff800000000000, 0xffff830000000000, 0xffff87fffffff000,
                       0x0000800000000000, 0x8000000000000000, 0xffff7ffffffff000};
    for (u64 va : bad) {
        if (!expect_rc(set_mapping(reinterpret_cast<void*>(va), e), -22, "an address that is not the guest's")) {
            print("  va 0x%lx\n", va);
        }
    }
    const u64 unmapped[] = {0x1000, 0x00007ffffffff000, 0xffff880000000000, 0xffffc90000000000, 0xfffffffffffff000};
    for (u64 va : unmapped) {
        if (!expect_rc(set_mapping(reinterpret_cast<void*>(va), e), -22, "no L1 table at the address")) {
            print("  va 0x%lx\n", va);
        }
    }
    expect_rc(set_mapping(page + 123, *entry_of(addr(page))), 0, "the low bits of the address do not matter");
    expect(can_be_writable(page), "and no count was lost");
}

void check_other_domain()
{
    u8* page = alloc_page();
    u64 e = *entry_of(addr(page));
    auto other = [&](u64 domid) {
        return hypercall(PV_HYPERCALL_UPDATE_VA_MAPPING_OTHERDOMAIN, addr(page), e, PV_UVMF_INVLPG, domid);
    };
    expect_rc(other(77), -3, "a domain that is not there");
    expect_rc(other(PV_DOMID_SELF), 0, "oneself");
}

void check_flush_operations()
{
    u8 *a = alloc_page(), *b = alloc_page();
    u64 ea = *entry_of(addr(a)), eb = *entry_of(addr(b));
    a[0] = 1;
    b[0] = 2;
    u64 vcpus = 1;
    struct Operation {
        u32 command;
        u64 arg1, arg2;
    };
    const Operation operations[] = {{PV_MMUEXT_TLB_FLUSH_LOCAL, 0, 0},
                                    {PV_MMUEXT_INVLPG_LOCAL, addr(a), 0},
                                    {PV_MMUEXT_TLB_FLUSH_MULTI, 0, addr(&vcpus)},
                                    {PV_MMUEXT_INVLPG_MULTI, addr(a), addr(&vcpus)},
                                    {PV_MMUEXT_TLB_FLUSH_ALL, 0, 0},
                                    {PV_MMUEXT_INVLPG_ALL, addr(a), 0}};
    for (const Operation& op : operations) {
        bool ok = expect_rc(set_mapping(a, eb, 0), 0, "map without a flush");
        ok &= expect_rc(mmuext(op.command, op.arg1, op.arg2), 0, "flush");
        ok &= expect_eq(*const_cast<volatile u8*>(a), 2, "the new frame is seen");
        ok &= expect_rc(set_mapping(a, ea), 0, "back");
        if (!ok) {
            print("  command %lu\n", static_cast<u64>(op.command));
        }
    }
    expect_rc(mmuext(PV_MMUEXT_TLB_FLUSH_MULTI, 0, 0x8000000000000000), -22, "an unreadable bitmap");
    expect_rc(mmuext(PV_MMUEXT_INVLPG_LOCAL, 0xffff830000000000), 0, "a hypervisor address is ignored");
    expect_rc(mmuext(PV_MMUEXT_INVLPG_LOCAL, 0x8000000000000000), 0, "a non-canonical address is ignored");
}

} // namespace

void test_main()
{
    install_traps();
    step("mapping");
    check_mapping();
    step("rules");
    check_rules();
    step("addresses");
    check_addresses();
    step("the other-domain form");
    check_other_domain();
    step("flush operations");
    check_flush_operations();
}
