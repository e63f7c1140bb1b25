// SPDX-License-Identifier: MIT
// Thin wrappers; the overall result must be 0 whatever an entry's status is, so it is checked here once for all.
#include "tests/guest/lib/grant.hpp"

#include "tests/guest/lib/test.hpp"

namespace guest {

u64 grant_frame()
{
    static u64 frame;
    if (frame == 0) {
        pv_gnttab_setup_table setup = {};
        setup.dom = PV_DOMID_SELF;
        setup.nr_frames = 1;
        setup.frame_list = addr(&frame);
        require(grant_op(PV_GNTTABOP_SETUP_TABLE, &setup, 1), "setup_table");
        require(setup.status, "setup_table's status");
    }
    return frame;
}

volatile pv_grant_entry_v1* grant_table()
{
    static volatile pv_grant_entry_v1* table;
    if (table == nullptr) {
        u8* page = alloc_page();
        require(set_mapping(page, entry(grant_frame(), kRw)), "mapping the grant table");
        table = reinterpret_cast<volatile pv_grant_entry_v1*>(page);
    }
    return table;
}

void grant(u32 ref, const void* page, u16 flags, u16 domid)
{
    volatile pv_grant_entry_v1& e = grant_table()[ref];
    e.flags = 0;
    e.frame = static_cast<u32>(mfn_of(page));
    e.domid = domid;
    asm volatile("" ::: "memory");
    e.flags = flags;
}

Mapping map_grant(u32 ref, u64 host_addr, u32 flags, u16 domid)
{
    pv_gnttab_map_grant_ref request = {};
    request.host_addr = host_addr;
    request.flags = flags;
    request.ref = ref;
    request.dom = domid;
    request.status = 77;
    expect_rc(grant_op(PV_GNTTABOP_MAP_GRANT_REF, &request, 1), 0, "map_grant_ref as a whole");
    return {request.status, request.handle};
}

int unmap_grant(u32 handle, u64 host_addr, u64 device)
{
    pv_gnttab_unmap_grant_ref request = {};
    request.host_addr = host_addr;
    request.dev_bus_addr = device;
    request.handle = handle;
    request.status = 77;
    expect_rc(grant_op(PV_GNTTABOP_UNMAP_GRANT_REF, &request, 1), 0, "unmap_grant_ref as a whole");
    return request.status;
}

} // namespace guest
