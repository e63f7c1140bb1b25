// SPDX-License-Identifier: MIT
// Grant mappings to oneself (CONTRACT F.1): by address and by page-table entry, read-only, available bits, the busy
// flags while mapped, what holds the page, and unmapping in every order.
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

u8 *page, *window;
u64 hole; // the window's own entry, put back at the end

void check_host_map()
{
    grant(10, page);
    page[5] = 0x42;
    Mapping m = map_grant(10, addr(window));
    expect_rc(m.status, 0, "map");
    expect_eq(const_cast<volatile u8*>(window)[5], 0x42, "the page is seen");
    const_cast<volatile u8*>(window)[6] = 0x43;
    expect_eq(const_cast<volatile u8*>(page)[6], 0x43, "and written");
    expect_eq(frame_of(*entry_of(addr(window))), mfn_of(page), "the entry has the frame");
    expect_eq(grant_flags(10), PV_GTF_PERMIT_ACCESS | PV_GTF_READING | PV_GTF_WRITING, "busy for reading and writing");
    Mapping second = map_grant(10, addr(window) + kPageSize);
    expect_rc(second.status, 0, "map a second time");
    expect(second.handle != m.handle, "with another handle");
    expect_rc(unmap_grant(m.handle, addr(window)), 0, "unmap the first");
    expect_eq(*entry_of(addr(window)), 0, "the entry is cleared");
    expect_eq(grant_flags(10), PV_GTF_PERMIT_ACCESS | PV_GTF_READING | PV_GTF_WRITING, "still busy");
    expect_rc(unmap_grant(m.handle, addr(window)), PV_GNTST_BAD_HANDLE, "the first handle is gone");
    expect_rc(unmap_grant(second.handle, addr(window) + kPageSize), 0, "unmap the second");
    expect_eq(grant_flags(10), PV_GTF_PERMIT_ACCESS, "not busy any more");
}

void check_read_only()
{
    grant(11, page, PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY);
    expect_rc(map_grant(11, addr(window)).status, PV_GNTST_GENERAL_ERROR, "a writable map of a read-only grant");
    expect_eq(grant_flags(11), PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY, "leaves no flag");
    Mapping m = map_grant(11, addr(window), PV_GNTMAP_HOST_MAP | PV_GNTMAP_READONLY);
    expect_rc(m.status, 0, "a read-only map");
    expect_eq(grant_flags(11), PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY | PV_GTF_READING, "busy for reading only");
    GUARDED("movb $1, (%0)", ::"r"(window) : "memory");
    expect_eq(last_trap.vector, kPageFault, "cannot be written");
    expect_rc(unmap_grant(m.handle, addr(window)), 0, "unmap");
    expect_eq(grant_flags(11), PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY, "free");
}

void check_contains_pte(UserSpace& space)
{
    grant(12, page);
    u64* slot = &space.l1()[7];
    u32 flags = PV_GNTMAP_HOST_MAP | PV_GNTMAP_APPLICATION_MAP | PV_GNTMAP_CONTAINS_PTE | 1u << 16;
    Mapping m = map_grant(12, maddr_of(slot), flags);
    expect_rc(m.status, 0, "map by the entry's address");
    expect_eq(*slot & (kFrameMask | kPresent | kWrite | kUser), entry(mfn_of(page), kPresent | kWrite | kUser),
              "entry");
    expect_eq(*slot >> 9 & 1, 1, "the available bit asked for");
    expect_rc(unmap_grant(m.handle, maddr_of(slot)), 0, "unmap");
    expect_eq(*slot, 0, "cleared");
    u64 before = space.l1()[8];
    expect_rc(map_grant(12, maddr_of(slot) + 4, flags).status, PV_GNTST_GENERAL_ERROR, "a misaligned entry");
    expect_eq(*slot, 0, "is not written");
    expect_eq(space.l1()[8], before, "nor its neighbour");
    u8* ordinary = alloc_page();
    expect_rc(map_grant(12, maddr_of(ordinary), flags).status, PV_GNTST_GENERAL_ERROR, "an entry in no page table");
    expect_rc(map_grant(12, 1ul << 51, flags).status, PV_GNTST_GENERAL_ERROR, "an entry beyond the machine");
    expect_eq(grant_flags(12), PV_GTF_PERMIT_ACCESS, "no flag was left");
}

void check_tampering(UserSpace& space)
{
    grant(13, page);
    u64* slot = &space.l1()[9];
    u32 flags = PV_GNTMAP_HOST_MAP | PV_GNTMAP_CONTAINS_PTE;
    Mapping m = map_grant(13, maddr_of(slot), flags);
    require(m.status, "map");
    u64* other = &space.l1()[10];
    Mapping o = map_grant(13, maddr_of(other), flags);
    require(o.status, "map");
    require(mmu_update(maddr_of(slot), 0), "the guest clears a granted entry itself");
    int status = unmap_grant(m.handle, maddr_of(slot));
    print("grant-map: unmap of an entry the guest cleared gives %ld\n", static_cast<long>(status));
    expect(status == 0 || status == PV_GNTST_GENERAL_ERROR, "unmap answers");
    expect_rc(unmap_grant(o.handle, maddr_of(slot)), PV_GNTST_GENERAL_ERROR, "a handle with another's address");
    expect_rc(unmap_grant(o.handle, maddr_of(other)), 0, "and with its own");
    expect(can_be_writable(page), "the page is sound");
}

void check_holding()
{
    u8* fresh = alloc_page();
    grant(14, fresh);
    Mapping m = map_grant(14, addr(window));
    require(m.status, "map");
    require(make_read_only(fresh), "the owner's mapping read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(fresh)), -22, "a page mapped by grant cannot become a table");
    expect_rc(unmap_grant(m.handle, addr(window)), 0, "unmap");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(fresh)), 0, "now it can");
    grant(14, fresh);
    expect(map_grant(14, addr(window)).status < 0, "a page table cannot be mapped writable by grant");
    expect_rc(unpin(fresh), 0, "unpin");
    require(make_writable(fresh), "writable");
}

void check_device_map()
{
    u8* fresh = alloc_page();
    grant(15, fresh);
    pv_gnttab_map_grant_ref request = {};
    request.host_addr = addr(window);
    request.flags = PV_GNTMAP_HOST_MAP | PV_GNTMAP_DEVICE_MAP;
    request.ref = 15;
    expect_rc(grant_op(PV_GNTTABOP_MAP_GRANT_REF, &request, 1), 0, "map for host and device");
    expect_rc(request.status, 0, "its status");
    expect_eq(request.dev_bus_addr, mfn_of(fresh) << 12, "the device address");
    expect_rc(unmap_grant(request.handle, addr(window), 0), 0, "unmap the host half");
    expect_eq(grant_flags(15) & (PV_GTF_READING | PV_GTF_WRITING), PV_GTF_READING | PV_GTF_WRITING, "still busy");
    require(make_read_only(fresh), "read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(fresh)), -22, "the device half still holds the page");
    expect_rc(unmap_grant(request.handle, 0, mfn_of(fresh) << 12), 0, "unmap the device half");
    expect_eq(grant_flags(15), PV_GTF_PERMIT_ACCESS, "free");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(fresh)), 0, "nobody holds it");
    expect_rc(unpin(fresh), 0, "unpin");
}

} // namespace

void test_main()
{
    install_traps();
    page = alloc_page();
    window = alloc_page();
    alloc_page();
    hole = *entry_of(addr(window));
    require(set_mapping(window, 0), "make a hole");
    require(set_mapping(window + kPageSize, 0), "make a hole");
    auto* space = new (alloc_page()) UserSpace;
    step("by address");
    check_host_map();
    step("read-only");
    check_read_only();
    step("by entry");
    check_contains_pte(*space);
    step("entries the guest changes");
    check_tampering(*space);
    step("what a mapping holds");
    check_holding();
    step("device mappings");
    check_device_map();
    expect_rc(set_mapping(window, hole), 0, "the window's own page");
    expect(can_be_writable(page), "the granted page is sound");
}
