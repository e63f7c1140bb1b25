// SPDX-License-Identifier: MIT
// A list of four million memory operations, each of them short: a page of equal words, mapped over and over, is one. A
// timer event in the middle of it is taken in the middle of it.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr u64 kWindow = 2ul << 39; // root slot 2
u32 port;
u64 when;

bool on_event(TrapFrame& frame)
{
    if (frame.vector != kEvent) {
        return false;
    }
    acknowledge_upcall();
    if (port_pending(port)) {
        clear_port(port);
        when = system_time();
    }
    return true;
}

void map_window()
{
    u64* const page = alloc_table();
    u64 *const l1 = alloc_table(), *const l2 = alloc_table(), *const l3 = alloc_table();
    for (unsigned i = 0; i < 512; ++i) {
        page[i] = PV_MMUEXT_TLB_FLUSH_LOCAL;
        l1[i] = entry(mfn_of(page), kRo);
        l2[i] = entry(mfn_of(l1), kTable);
    }
    l3[0] = entry(mfn_of(l2), kTable);
    u64* const tables[] = {l1, l2, l3};
    for (u64* table : tables) {
        require(make_read_only(table), "read-only");
    }
    require(mmu_update(maddr_of(entry_of(kWindow, 4)), entry(mfn_of(l3), kTable)), "the window");
}

} // namespace

void test_main()
{
    install_traps();
    set_handler(on_event);
    require(bind_virq(PV_VIRQ_TIMER, 0, &port), "bind_virq");
    clear_port(port);
    acknowledge_upcall();
    clear_port_mask(port);
    vcpu_info().evtchn_upcall_mask = 0;
    map_window();

    const u64 count = by_hypervisor(1000ul, 4000000ul); // Xen makes every one of them
    u64 start = system_time();
    pv_vcpu_set_singleshot_timer request = {.timeout_abs_ns = start + 50000000, .flags = 0, .hole0 = 0};
    expect_rc(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &request), 0, "set_singleshot_timer");
    expect_rc(hypercall(PV_HYPERCALL_MMUEXT_OP, kWindow, count, 0, PV_DOMID_SELF), 0, "all flushes");
    u64 end = system_time();
    print("long-list: %lu us, event after %lu us\n", (end - start) / 1000, (when - start) / 1000);
    if (hypervisor() == Hypervisor::parapet) {
        expect(when >= start && when - start < (end - start) / 2, "the event came in between");
    }
}
