// SPDX-License-Identifier: MIT
// What mmu_update may write to: page tables by the rules of their level, the domain's ordinary memory as a plain
// store, nothing else; commands, counts, domain ids and pointers that are wrong; what the done word says.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

long update(const pv_mmu_update* list, u64 count, u32* done, u64 domid = PV_DOMID_SELF)
{
    return hypercall(PV_HYPERCALL_MMU_UPDATE, addr(list), count, addr(done), domid);
}

void check_plain_memory()
{
    u64* page = alloc_table();
    expect_rc(mmu_update(maddr_of(&page[3]), 0xdeadbeef12345677), 0, "a store to ordinary memory");
    expect_eq(page[3], 0xdeadbeef12345677, "is stored unvalidated");
    require(make_read_only(page), "read-only");
    expect_rc(mmu_update(maddr_of(&page[4]), 0xffffffffffffffff), 0, "even when mapped read-only");
    expect_eq(page[4], 0xffffffffffffffff, "stored");
    require(make_writable(page), "writable");
    expect(can_be_writable(page), "no count was kept");
}

void check_bad_targets()
{
    expect_rc(mmu_update(1ul << 51, 0), -22, "a frame that does not exist");
    expect_rc(mmu_update(0xa0000, 0), -22, "memory-mapped I/O");
    expect_rc(mmu_update(0xfee00000, 0), -22, "the local APIC");
    expect_rc(mmu_update(0xfffffffffffff000, 0), -22, "the highest address");
    expect_rc(mmu_update(start_info->shared_info + 0x900, 0), 0, "the shared info page is ordinary memory");
}

void check_commands()
{
    u64* page = alloc_table();
    expect_rc(mmu_update(maddr_of(page) | 4, 1), -38, "command 4");
    expect_rc(mmu_update(maddr_of(page) | 7, 1), -38, "command 7");
    expect_eq(page[0], 0, "nothing was stored");
    expect_rc(mmu_update(maddr_of(page) | PV_MMU_PT_UPDATE_NO_TRANSLATE, 5), 0, "command 3, no translation");
    expect_eq(page[0], 5, "stored");
}

void check_lists()
{
    u64* page = alloc_table();
    pv_mmu_update list[4];
    for (unsigned i = 0; i < 4; ++i) {
        list[i] = {.ptr = maddr_of(&page[i]), .val = i + 1};
    }
    u32 done = 77;
    expect_rc(update(list, 4, &done), 0, "four entries");
    expect_eq(done, 4, "done");
    expect_eq(page[3], 4, "the last was stored");
    list[0].val = 11;
    list[2].ptr = 1ul << 51;
    list[3].val = 44;
    expect_rc(update(list, 4, &done), -22, "the third is bad");
    expect_eq(done, 2, "two were done");
    expect_eq(page[0], 11, "the first holds");
    expect_eq(page[3], 4, "the fourth was not reached");
    expect_rc(update(list, 0, &done), 0, "an empty list");
    expect_eq(done, 0, "nothing done");
    done = 77;
    expect_rc(update(list, 4, &done, 77), -3, "an absent domain's frames");
    expect_eq(done, 0, "nothing done"); // Linux adds the word up, past the end of its list if it is left alone
    expect_rc(hypercall(PV_HYPERCALL_MMU_UPDATE, 0x1000, 1, 0, PV_DOMID_SELF), -14, "an unreadable list");
    expect_rc(hypercall(PV_HYPERCALL_MMU_UPDATE, 0xffff830000000000, 1, 0, PV_DOMID_SELF), -14, "the hypervisor's");
    expect_rc(hypercall(PV_HYPERCALL_MMU_UPDATE, 0x8000000000000000, 1, 0, PV_DOMID_SELF), -14, "non-canonical");
    expect_rc(hypercall(PV_HYPERCALL_MMU_UPDATE, addr(list), 1, 0x1000, PV_DOMID_SELF), 0, "a bad done pointer");
}

void check_list_end()
{
    u8* pages = alloc_page();
    alloc_page();
    auto* last = reinterpret_cast<pv_mmu_update*>(pages + kPageSize) - 1;
    u64* target = alloc_table();
    *last = {.ptr = maddr_of(target), .val = 9};
    require(set_mapping(pages + kPageSize, 0), "unmap the page behind");
    u32 done = 0;
    expect_rc(update(last, 2, &done), -14, "the list runs into a hole");
    expect_eq(done, 1, "the first was done");
    expect_eq(target[0], 9, "and stored");
}

void check_domains()
{
    u64* page = alloc_table();
    pv_mmu_update one = {.ptr = maddr_of(page), .val = 1};
    expect_rc(update(&one, 1, nullptr, 77), -3, "a domain that is not there");
    expect_rc(update(&one, 1, nullptr, 77 << 16 | PV_DOMID_SELF), -3, "a table owner that is not there");
    expect_rc(update(&one, 1, nullptr, 1 << 16 | PV_DOMID_SELF), 0, "the owner by number");
    expect_rc(update(&one, 1, nullptr, 0), -3, "oneself by number is no foreign domain");
    expect_rc(update(&one, 1, nullptr, PV_DOMID_IO), 0, "DOMID_IO is allowed for dom0");
    expect(update(&one, 1, nullptr, PV_DOMID_INVALID) < 0, "an invalid domain");
}

} // namespace

void test_main()
{
    install_traps();
    step("plain memory");
    check_plain_memory();
    step("bad targets");
    check_bad_targets();
    step("commands");
    check_commands();
    step("lists");
    check_lists();
    check_list_end();
    step("domains");
    check_domains();
}
