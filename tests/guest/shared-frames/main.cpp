// SPDX-License-Identifier: MIT
// XSA-248: frames the hypervisor shares with the domain (shared_info, grant table) can be mapped, and nothing else: not
// pinned, no descriptors, not granted away, not given back, not exchanged.
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

void check(u64 mfn, const char* name)
{
    print("shared-frames: %s\n", name);
    for (u32 command = PV_MMUEXT_PIN_L1_TABLE; command <= PV_MMUEXT_NEW_BASEPTR; ++command) {
        expect_rc(mmuext(command, mfn), -22, "pin, unpin, base pointer");
    }
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn), -22, "user base pointer");
    u64 frames[1] = {mfn};
    expect_rc(hypercall(PV_HYPERCALL_SET_GDT, addr(frames), 16), -22, "GDT");
    auto* l4 = reinterpret_cast<u64*>(start_info->pt_base);
    expect_rc(mmu_update(maddr_of(&l4[300]), entry(mfn, kTable)), -22, "a page table");
    pv_memory_exchange x = {};
    u64 in = mfn, out = start_info->nr_pages - 1;
    x.in.extent_start = addr(&in);
    x.out.extent_start = addr(&out);
    x.in.nr_extents = x.out.nr_extents = 1;
    x.in.domid = x.out.domid = PV_DOMID_SELF;
    expect(memory_op(PV_XENMEM_EXCHANGE, &x) < 0, "exchange");
    pv_vcpu_register_vcpu_info info = {.mfn = mfn, .offset = 0x800, .rsvd = 0};
    if (hypervisor() == Hypervisor::parapet) {
        expect(vcpu_op(PV_VCPUOP_REGISTER_VCPU_INFO, 0, &info) < 0, "vcpu_info");
        pv_memory_reservation r = {};
        r.extent_start = addr(&in);
        r.nr_extents = 1;
        r.domid = PV_DOMID_SELF;
        expect_rc(memory_op(PV_XENMEM_DECREASE_RESERVATION, &r), 0, "decrease_reservation");
    }
    u8* window = alloc_page();
    u64 original = *entry_of(addr(window));
    grant_table()[40].frame = static_cast<u32>(mfn);
    grant_table()[40].flags = PV_GTF_PERMIT_ACCESS;
    require(set_mapping(window, 0), "hole");
    Mapping m = map_grant(40, addr(window));
    if (hypervisor() == Hypervisor::parapet) {
        expect(m.status < 0, "grant");
    }
    if (m.status == 0) {
        unmap_grant(m.handle, addr(window));
    }
    expect_rc(set_mapping(window, entry(mfn, kRw)), 0, "it can still be mapped");
    expect_rc(set_mapping(window, original), 0, "and unmapped");
}

} // namespace

void test_main()
{
    install_traps();
    u32 port = bind_ipi();
    check(start_info->shared_info >> 12, "shared_info");
    check(grant_frame(), "the grant table");
    expect_rc(send(port), 0, "events work");
    expect(port_pending(port), "in the shared page");
    u8* page = alloc_page();
    grant(41, page);
    u8* window = alloc_page();
    require(set_mapping(window, 0), "hole");
    Mapping m = map_grant(41, addr(window));
    expect_rc(m.status, 0, "grants work");
    expect_rc(unmap_grant(m.handle, addr(window)), 0, "unmap");
}
