// SPDX-License-Identifier: MIT
// physdev_op as dom0 uses it at boot (CONTRACT B.2, B.3): IOAPIC reads, legacy interrupts mapped and bound, and wrong
// numbers refused without harm.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

void check_ioapic()
{
    pv_physdev_apic apic = {.apic_physbase = 0xfec00000, .reg = 1, .value = 0};
    expect_rc(physdev_op(PV_PHYSDEVOP_APIC_READ, &apic), 0, "IOAPIC version");
    expect_eq(apic.value & 0xff00ff, 0x170020, "24 pins, version 0x20");
    apic.reg = 0;
    expect_rc(physdev_op(PV_PHYSDEVOP_APIC_READ, &apic), 0, "IOAPIC id");
    apic = {.apic_physbase = 0xfee00000, .reg = 1, .value = 0};
    expect(physdev_op(PV_PHYSDEVOP_APIC_READ, &apic) < 0, "no IOAPIC there");
    apic.apic_physbase = 0x100000;
    expect(physdev_op(PV_PHYSDEVOP_APIC_READ, &apic) < 0, "nor there");
}

long map_gsi(s32 irq, s32* pirq)
{
    pv_physdev_map_pirq map = {};
    map.domid = PV_DOMID_SELF;
    map.type = PV_MAP_PIRQ_TYPE_GSI;
    map.index = irq;
    map.pirq = irq;
    long rc = physdev_op(PV_PHYSDEVOP_MAP_PIRQ, &map);
    *pirq = map.pirq;
    return rc;
}

void check_legacy()
{
    for (s32 irq = 1; irq < 16; ++irq) {
        s32 pirq = -1;
        bool ok = expect_rc(map_gsi(irq, &pirq), 0, "map a legacy interrupt");
        ok &= expect_eq(static_cast<u64>(pirq), static_cast<u64>(irq), "its PIRQ is its number");
        pv_physdev_irq vector = {.irq = static_cast<u32>(irq), .vector = 0};
        ok &= expect_rc(physdev_op(PV_PHYSDEVOP_ALLOC_IRQ_VECTOR, &vector), 0, "alloc_irq_vector");
        ok &= expect_eq(vector.vector, static_cast<u64>(irq), "its vector is its number");
        pv_physdev_irq_status_query query = {.irq = static_cast<u32>(irq), .flags = 0};
        ok &= expect_rc(physdev_op(PV_PHYSDEVOP_IRQ_STATUS_QUERY, &query), 0, "irq_status_query");
        if (!ok) {
            print("  irq %ld\n", static_cast<long>(irq));
        }
    }
}

void check_binding()
{
    pv_evtchn_bind_pirq bind = {.pirq = 9, .flags = PV_BIND_PIRQ__WILL_SHARE, .port = 0};
    expect_rc(event_op(PV_EVTCHNOP_BIND_PIRQ, &bind), 0, "bind the ACPI interrupt");
    pv_evtchn_status s;
    expect_rc(port_status(bind.port, &s), 0, "status");
    expect_eq(s.status, PV_EVTCHNSTAT_PIRQ, "a PIRQ port");
    expect_eq(s.u.pirq, 9, "of this number");
    pv_evtchn_bind_pirq again = {.pirq = 9, .flags = 0, .port = 0};
    expect_rc(event_op(PV_EVTCHNOP_BIND_PIRQ, &again), -17, "a second binding");
    pv_physdev_eoi eoi = {.irq = 9};
    expect_rc(physdev_op(PV_PHYSDEVOP_EOI, &eoi), 0, "eoi");
    expect_rc(close_port(bind.port), 0, "close");
    expect_rc(event_op(PV_EVTCHNOP_BIND_PIRQ, &again), 0, "bind after close");
    expect_rc(close_port(again.port), 0, "close");
}

void check_refused()
{
    s32 pirq;
    expect(map_gsi(100000, &pirq) < 0, "a wild GSI");
    expect(map_gsi(-5, &pirq) < 0, "a negative GSI");
    pv_physdev_eoi eoi = {.irq = 0xffffffff};
    expect_rc(physdev_op(PV_PHYSDEVOP_EOI, &eoi), -22, "eoi of a wild interrupt");
    pv_physdev_irq_status_query query = {.irq = 0xffffffff, .flags = 0};
    expect(physdev_op(PV_PHYSDEVOP_IRQ_STATUS_QUERY, &query) < 0, "a wild interrupt");
    pv_physdev_unmap_pirq unmap = {.domid = PV_DOMID_SELF, .hole0 = 0, .pirq = 0x7fffffff};
    expect(physdev_op(PV_PHYSDEVOP_UNMAP_PIRQ, &unmap) < 0, "unmap a wild PIRQ");
    unmap = {.domid = 77, .hole0 = 0, .pirq = 9};
    expect_rc(physdev_op(PV_PHYSDEVOP_UNMAP_PIRQ, &unmap), -3, "of a domain that is not there");
    const u64 ops[] = {PV_PHYSDEVOP_IRQ_STATUS_QUERY, PV_PHYSDEVOP_SET_IOPL, PV_PHYSDEVOP_APIC_READ,
                       PV_PHYSDEVOP_ALLOC_IRQ_VECTOR, PV_PHYSDEVOP_EOI,      PV_PHYSDEVOP_MAP_PIRQ,
                       PV_PHYSDEVOP_UNMAP_PIRQ,       PV_PHYSDEVOP_SETUP_GSI};
    const u64 bad[] = {0x1000, 0x8000000000000000, 0xffff830000000000};
    for (u64 op : ops) {
        for (u64 pointer : bad) {
            if (!expect_rc(hypercall(PV_HYPERCALL_PHYSDEV_OP, op, pointer), -14, "a bad pointer")) {
                print("  op %lu\n", op);
            }
        }
    }
}

} // namespace

void test_main()
{
    install_traps();
    step("IOAPIC");
    check_ioapic();
    step("legacy interrupts");
    check_legacy();
    step("binding");
    check_binding();
    step("refused");
    check_refused();
}
