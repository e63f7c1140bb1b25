// SPDX-License-Identifier: MIT
// Stale translations (XSA-286, 401, 408): a page that becomes a page table, a descriptor page or another domain's frame
// cannot be written through an old translation even if the guest asked for no flush; a replaced table is not edited.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

bool can_write(volatile u64* at)
{
    GUARDED("movq $0x1badb002, (%0)", ::"r"(at) : "memory");
    return last_trap.vector == kNone;
}

void check_page_table()
{
    u64* page = alloc_table();
    for (unsigned round = 0; round < 50; ++round) {
        u64 e = *entry_of(addr(page));
        page[7] = 0; // the writable translation is in the TLB now
        require(set_mapping(page, e & ~kWrite, PV_UVMF_NONE), "read-only, no flush");
        require(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(page)), "pin");
        // An emulated store of a value that is no valid entry is refused; a stale translation would let it through.
        GUARDED("movq %1, 56(%0)", ::"r"(page), "r"(entry(mfn_of(page), kRw)) : "memory");
        expect_eq(last_trap.vector, kPageFault, "the stale translation is gone");
        expect_eq(page[7], 0, "nothing was written");
        require(unpin(page), "unpin");
        require(set_mapping(page, e), "writable");
    }
}

void check_descriptors()
{
    u64* page = alloc_table();
    u64 e = *entry_of(addr(page));
    page[9] = 0;
    require(set_mapping(page, e & ~kWrite, PV_UVMF_NONE), "read-only, no flush");
    u64 frames[1] = {mfn_of(page)};
    require(hypercall(PV_HYPERCALL_SET_GDT, addr(frames), 16), "set_gdt");
    expect(!can_write(&page[9]), "a GDT page cannot be written through a stale translation");
    expect_eq(page[9], 0, "nothing was written");
    require(hypercall(PV_HYPERCALL_SET_GDT, addr(frames), 0), "no GDT");
    require(set_mapping(page, e), "writable");
}

void check_given_back()
{
    u64* list = reinterpret_cast<u64*>(start_info->mfn_list);
    u64 pfn = start_info->nr_pages - 1, mfn = list[pfn];
    u64* window = alloc_table();
    u64 e = *entry_of(addr(window));
    require(set_mapping(window, entry(mfn, kRw)), "map a frame");
    window[0] = 0;
    require(set_mapping(window, 0, PV_UVMF_NONE), "unmap without a flush");
    pv_memory_reservation r = {};
    r.extent_start = addr(&mfn);
    r.nr_extents = 1;
    r.domid = PV_DOMID_SELF;
    expect_rc(memory_op(PV_XENMEM_DECREASE_RESERVATION, &r), 1, "give it back");
    // The stale translation may live until the frame is used again, but never longer, and nothing may rely on what the
    // free frame holds.
    bool stale = can_write(window);
    can_write(window + 1);
    print("tlb-stale: the translation of a frame given back is %s\n", stale ? "still there" : "gone");
    r.extent_start = addr(&pfn);
    expect_rc(memory_op(PV_XENMEM_POPULATE_PHYSMAP, &r), 1, "take one");
    list[start_info->nr_pages - 1] = pfn;
    expect(!can_write(window), "taking a frame ends every stale translation");
    require(set_mapping(window, entry(pfn, kRw)), "map the new frame");
    u64 dirty = 0;
    for (unsigned i = 0; i < 512; ++i) {
        dirty += window[i] != 0;
    }
    expect_eq(hypervisor() == Hypervisor::xen ? 0 : dirty, 0, "the new frame is clean");
    require(set_mapping(window, e), "the window's page");
}

// XSA-286: within one batch the L1 under an address changes; the second update must land in the new one.
void check_replaced_table()
{
    u64 va = 0xffffff0000000000;
    auto* l4 = reinterpret_cast<u64*>(start_info->pt_base);
    u64 *l3 = alloc_table(), *l2a = alloc_table(), *l2b = alloc_table(), *l1a = alloc_table(), *l1b = alloc_table();
    l2a[0] = entry(mfn_of(l1a), kTable);
    l2b[0] = entry(mfn_of(l1b), kTable);
    l3[0] = entry(mfn_of(l2a), kTable);
    l3[1] = entry(mfn_of(l2b), kTable);
    u64* tables[] = {l3, l2a, l2b, l1a, l1b};
    for (u64* table : tables) {
        require(make_read_only(table), "read-only");
    }
    require(mmu_update(maddr_of(&l4[(va >> 39) & 511]), entry(mfn_of(l3), kTable)), "install");
    u8 *first = alloc_page(), *second = alloc_page();
    pv_mmu_update swap = {.ptr = maddr_of(&l3[0]), .val = entry(mfn_of(l2b), kTable)};
    pv_multicall_entry batch[3] = {};
    batch[0] = {PV_HYPERCALL_UPDATE_VA_MAPPING, 0, {va, entry(mfn_of(first), kRw), 0, 0, 0, 0}};
    batch[1] = {PV_HYPERCALL_MMU_UPDATE, 0, {addr(&swap), 1, 0, PV_DOMID_SELF, 0, 0}};
    batch[2] = {PV_HYPERCALL_UPDATE_VA_MAPPING, 0, {va, entry(mfn_of(second), kRw), 0, 0, 0, 0}};
    require(hypercall(PV_HYPERCALL_MULTICALL, addr(batch), 3), "the batch");
    for (const auto& e : batch) {
        expect_eq(e.result, 0, "each entry");
    }
    expect_eq(frame_of(l1a[0]), mfn_of(first), "the old L1 is as it was");
    expect_eq(frame_of(l1b[0]), mfn_of(second), "the new L1 has the new entry");
    second[0] = 0x5c;
    require(mmuext(PV_MMUEXT_TLB_FLUSH_LOCAL), "flush");
    expect_eq(*reinterpret_cast<volatile u8*>(va), 0x5c, "and is in force");
}

} // namespace

void test_main()
{
    install_traps();
    step("page tables");
    check_page_table();
    step("descriptor pages");
    check_descriptors();
    step("frames given back");
    check_given_back();
    step("a replaced table");
    check_replaced_table();
}
