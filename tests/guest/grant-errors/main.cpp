// SPDX-License-Identifier: MIT
// Wrong grant operations: references, handles, addresses, domains, counts and pointers; the setup calls; and what
// Parapet leaves out (version 2, transfer, swap, status frames). Nothing leaks: the table is as before.
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u8 *page, *window;

void check_references()
{
    const u32 wild[] = {511, 512, 32768, 1u << 30, 0xffffffff};
    for (u32 ref : wild) {
        int status = map_grant(ref, addr(window)).status;
        int want = ref == 511 ? PV_GNTST_GENERAL_ERROR : PV_GNTST_BAD_GNTREF;
        if (!expect_rc(status, want, "a reference that grants nothing")) {
            print("  ref %lu\n", static_cast<u64>(ref));
        }
    }
    grant(30, page, PV_GTF_PERMIT_ACCESS, 77);
    expect_rc(map_grant(30, addr(window)).status, PV_GNTST_GENERAL_ERROR, "a grant to another domain");
    expect_eq(grant_flags(30), PV_GTF_PERMIT_ACCESS, "leaves no flag");
    grant(30, page, PV_GTF_ACCEPT_TRANSFER);
    expect_rc(map_grant(30, addr(window)).status, PV_GNTST_GENERAL_ERROR, "a transfer grant");
    grant(30, page);
    grant_table()[30].frame = 0xa0;
    print("grant-errors: grant of the VGA frame gives %ld\n", static_cast<long>(map_grant(30, addr(window)).status));
    grant_table()[30].frame = 0xfee00;
    expect(map_grant(30, addr(window)).status < 0, "a grant of the local APIC");
    grant_table()[30].frame = 0xffffffff;
    expect(map_grant(30, addr(window)).status < 0, "a grant of a wild frame");
    grant_table()[30].frame = 0x100;
    expect(map_grant(30, addr(window)).status < 0, "a grant of the hypervisor's memory");
    expect_eq(grant_flags(30), PV_GTF_PERMIT_ACCESS, "leaves no flag");
    grant_table()[30].frame = static_cast<u32>(mfn_of(page));
}

void check_addresses()
{
    const u64 bad[] = {0xffff830000000000, 0x8000000000000000, 0x7000, 0xffff880000000000, 1};
    for (u64 va : bad) {
        if (!expect_rc(map_grant(30, va).status, PV_GNTST_GENERAL_ERROR, "an address that cannot be mapped")) {
            print("  address 0x%lx\n", va);
        }
        expect_eq(grant_flags(30), PV_GTF_PERMIT_ACCESS, "leaves no flag");
    }
    expect_rc(map_grant(30, addr(window), 0).status, PV_GNTST_BAD_GNTREF, "neither host nor device");
    expect_rc(map_grant(30, addr(window), PV_GNTMAP_HOST_MAP, 77).status, PV_GNTST_BAD_DOMAIN, "a domain not there");
    const u32 handles[] = {0, 5, 100, 1u << 30, 0xffffffff};
    for (u32 handle : handles) {
        int status = unmap_grant(handle, addr(window));
        if (!expect(status == PV_GNTST_BAD_HANDLE, "a handle never given")) {
            print("  handle %lu status %ld\n", static_cast<u64>(handle), static_cast<long>(status));
        }
    }
}

void check_setup()
{
    u64 frames[70];
    pv_gnttab_setup_table setup = {};
    setup.dom = PV_DOMID_SELF;
    setup.frame_list = addr(frames);
    setup.nr_frames = 1000;
    expect_rc(grant_op(PV_GNTTABOP_SETUP_TABLE, &setup, 1), 0, "setup_table with too many frames");
    expect_rc(setup.status, PV_GNTST_GENERAL_ERROR, "its status");
    setup.nr_frames = 4;
    expect_rc(grant_op(PV_GNTTABOP_SETUP_TABLE, &setup, 1), 0, "growing to four frames");
    expect_rc(setup.status, 0, "its status");
    expect_eq(frames[0], grant_frame(), "the first stays");
    expect(frames[1] != frames[0] && frames[2] != frames[1], "the others are new");
    setup.dom = 77;
    expect_rc(grant_op(PV_GNTTABOP_SETUP_TABLE, &setup, 1), 0, "another domain's");
    expect_rc(setup.status, PV_GNTST_BAD_DOMAIN, "its status");
    expect_rc(grant_op(PV_GNTTABOP_SETUP_TABLE, &setup, 2), -22, "two at once");
    pv_gnttab_query_size query = {};
    query.dom = PV_DOMID_SELF;
    expect_rc(grant_op(PV_GNTTABOP_QUERY_SIZE, &query, 1), 0, "query_size");
    expect_eq(query.nr_frames, 4, "four frames");
    expect(query.max_nr_frames >= 32 && query.max_nr_frames <= 64, "of so many");
    expect_rc(query.status, 0, "its status");
    pv_gnttab_set_version version = {.version = 1};
    expect_rc(grant_op(PV_GNTTABOP_SET_VERSION, &version, 1), 0, "version 1");
    version.version = 3;
    expect(grant_op(PV_GNTTABOP_SET_VERSION, &version, 1) < 0, "version 3");
    pv_gnttab_get_version get = {};
    get.dom = PV_DOMID_SELF;
    expect_rc(grant_op(PV_GNTTABOP_GET_VERSION, &get, 1), 0, "get_version");
    expect_eq(get.version, 1, "is 1");
}

void check_left_out()
{
    if (hypervisor() == Hypervisor::xen) {
        return;
    }
    pv_gnttab_set_version version = {.version = 2};
    expect_rc(grant_op(PV_GNTTABOP_SET_VERSION, &version, 1), -38, "version 2");
    u64 buffer[16] = {};
    const u64 ops[] = {PV_GNTTABOP_TRANSFER, PV_GNTTABOP_SWAP_GRANT_REF, PV_GNTTABOP_GET_STATUS_FRAMES,
                       PV_GNTTABOP_CACHE_FLUSH};
    for (u64 op : ops) {
        long rc = grant_op(op, buffer, 1);
        if (!expect(rc == -38 || rc == -95, "an operation that is left out")) {
            print("  op %lu rc %ld\n", op, rc);
        }
    }
}

void check_pointers()
{
    const u64 bad[] = {0x1000, 0x8000000000000000, 0xffff830000000000};
    const u64 ops[] = {PV_GNTTABOP_MAP_GRANT_REF, PV_GNTTABOP_UNMAP_GRANT_REF, PV_GNTTABOP_SETUP_TABLE,
                       PV_GNTTABOP_COPY,          PV_GNTTABOP_QUERY_SIZE,      PV_GNTTABOP_SET_VERSION};
    for (u64 pointer : bad) {
        for (u64 op : ops) {
            if (!expect_rc(hypercall(PV_HYPERCALL_GRANT_TABLE_OP, op, pointer, 1), -14, "a bad pointer")) {
                print("  op %lu pointer 0x%lx\n", op, pointer);
            }
        }
    }
    expect_rc(hypercall(PV_HYPERCALL_GRANT_TABLE_OP, PV_GNTTABOP_MAP_GRANT_REF, addr(page), 0), 0, "a count of 0");
    expect_rc(hypercall(PV_HYPERCALL_GRANT_TABLE_OP, PV_GNTTABOP_MAP_GRANT_REF, addr(page), 0x80000000), -22, "2^31");
}

} // namespace

void test_main()
{
    install_traps();
    page = alloc_page();
    window = alloc_page();
    require(set_mapping(window, 0), "make a hole");
    step("references");
    check_references();
    step("addresses and handles");
    check_addresses();
    step("setup");
    check_setup();
    step("left out");
    check_left_out();
    step("pointers");
    check_pointers();
    expect(can_be_writable(page), "the page is sound");
    Mapping m = map_grant(30, addr(window));
    expect_rc(m.status, 0, "a good map works after all that");
    expect_rc(unmap_grant(m.handle, addr(window)), 0, "and its unmap");
}
