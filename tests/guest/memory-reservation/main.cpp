// SPDX-License-Identifier: MIT
// decrease_reservation, populate_physmap and the reservation's size (CONTRACT B.5): frames go and come with the M2P
// kept, mapped or typed frames do not leave, limits hold, and wrong arguments give what they should.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u64* p2m() { return reinterpret_cast<u64*>(start_info->mfn_list); }

long reserve(u64 op, u64* list, u64 count, u32 order = 0, u64 domid = PV_DOMID_SELF)
{
    pv_memory_reservation r = {};
    r.extent_start = addr(list);
    r.nr_extents = count;
    r.extent_order = order;
    r.domid = static_cast<u16>(domid);
    return memory_op(op, &r);
}

long current()
{
    pv_memory_domain d = {.domid = PV_DOMID_SELF};
    return memory_op(PV_XENMEM_CURRENT_RESERVATION, &d);
}

// PFNs of the top of memory are in nobody's use.
u64 spare_pfn(u64 i) { return start_info->nr_pages - 1 - i; }

void check_give_and_take()
{
    u64 frames[8], pfns[8];
    for (u64 i = 0; i < 8; ++i) {
        pfns[i] = spare_pfn(i);
        frames[i] = p2m()[pfns[i]];
    }
    long before = current();
    expect_rc(before, static_cast<long>(start_info->nr_pages), "current_reservation");
    expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, frames, 8), 8, "give eight frames back");
    expect_rc(current(), before - 8, "the reservation shrinks");
    u8* window = alloc_page();
    u64 original = *entry_of(addr(window));
    expect(set_mapping(window, entry(frames[0], kRw)) < 0, "a frame given back cannot be mapped");
    expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, frames, 1), 0, "nor given back twice");
    u64 list[8];
    __builtin_memcpy(list, pfns, sizeof list);
    expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, list, 8), 8, "take eight");
    expect_rc(current(), before, "the reservation is whole again");
    for (u64 i = 0; i < 8; ++i) {
        expect_eq(m2p(list[i]), pfns[i], "the M2P has the PFN asked for");
        p2m()[pfns[i]] = list[i];
        expect_rc(set_mapping(window, entry(list[i], kRw)), 0, "the new frame can be mapped");
        u64 dirty = 0;
        for (unsigned w = 0; w < 512; ++w) {
            dirty += reinterpret_cast<u64*>(window)[w] != 0;
        }
        expect_eq(dirty, 0, "and is zero");
    }
    require(set_mapping(window, original), "window");
}

void check_held()
{
    u8* page = alloc_page();
    u64 frame = mfn_of(page);
    page[0] = 0x77;
    long before = current();
    long rc = reserve(PV_XENMEM_DECREASE_RESERVATION, &frame, 1);
    print("memory-reservation: giving back a mapped frame gives %ld, reservation %ld -> %ld\n", rc, before, current());
    expect_eq(page[0], 0x77, "a mapped frame keeps its contents");
    u64* table = alloc_table();
    u64 table_frame = mfn_of(table);
    require(pin(1, table), "pin");
    rc = reserve(PV_XENMEM_DECREASE_RESERVATION, &table_frame, 1);
    print("memory-reservation: giving back a pinned table gives %ld\n", rc);
    expect(!can_be_writable(table), "the pinned table is still a table");
    const u64 wild[] = {1ul << 39, ~0ul, 0xa0, 0x100};
    for (u64 mfn : wild) {
        u64 list[1] = {mfn};
        if (!expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, list, 1), 0, "a frame that is not the domain's")) {
            print("  mfn 0x%lx\n", mfn);
        }
    }
}

void check_limits()
{
    u64 list[2] = {0x100000, 0x100001};
    long max = -1;
    pv_memory_domain d = {.domid = PV_DOMID_SELF};
    max = memory_op(PV_XENMEM_MAXIMUM_RESERVATION, &d);
    expect(max >= static_cast<long>(start_info->nr_pages), "maximum_reservation");
    print("memory-reservation: current %ld maximum %ld\n", current(), max);
    if (max == current()) {
        expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, list, 1), 0, "no more than the maximum");
    }
    expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, list, 0), 0, "none");
    expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, list, 1, 63), 0, "a wild order");
    expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, list, 1, 0, 77), 0, "a domain that is not there");
    expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, list, 1, 0, 77), 0, "a domain that is not there");
    expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, list, 1, 63), 0, "a wild order");
    u64 ceiling = ~0ul >> 6;
    expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, list, ceiling), 0, "more extents than fit an operation");
    d.domid = 77;
    expect_rc(memory_op(PV_XENMEM_CURRENT_RESERVATION, &d), -3, "a domain that is not there");
    expect_rc(hypercall(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_POPULATE_PHYSMAP, 0x1000), 0,
              "a bad pointer: nothing was done");
    expect_rc(reserve(PV_XENMEM_POPULATE_PHYSMAP, reinterpret_cast<u64*>(0xffff830000000000), 1), 0, "a bad list");
    expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, reinterpret_cast<u64*>(0x1000), 1), 0, "a bad list");
}

// XSA-231: node numbers beyond the machine's are ignored or refused; what is taken is given back.
void check_nodes()
{
    long before = current();
    for (u32 node = 0; node < 256; ++node) {
        for (u32 exact = 0; exact < 2; ++exact) {
            u64 list[1] = {spare_pfn(20)};
            pv_memory_reservation r = {};
            r.extent_start = addr(list);
            r.nr_extents = 1;
            r.mem_flags = node << PV_XENMEMF_NODE_SHIFT | (exact != 0 ? PV_XENMEMF_EXACT_NODE_REQUEST : 0);
            r.domid = PV_DOMID_SELF;
            long rc = memory_op(PV_XENMEM_POPULATE_PHYSMAP, &r);
            if (!expect(rc == 0 || rc == 1, "populate with a node")) {
                print("  node %lu rc %ld\n", static_cast<u64>(node), rc);
            }
            if (rc == 1) {
                expect_rc(reserve(PV_XENMEM_DECREASE_RESERVATION, list, 1), 1, "give back");
            }
        }
    }
    expect_rc(current(), before, "the reservation is as before");
}

} // namespace

void test_main()
{
    install_traps();
    step("give and take");
    check_give_and_take();
    step("held frames");
    check_held();
    step("limits");
    check_limits();
    step("nodes");
    check_nodes();
}
