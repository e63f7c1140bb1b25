// SPDX-License-Identifier: MIT
// A list of four million memory operations, each of them short: a page of equal words, mapped over and over, is one. A
// timer event in the middle of it is taken in the middle of it. The same with a multicall of long calls.
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

/// Makes the call, during which a timer event is due.
void check(const char* name, u64 number, u64 list, u64 count)
{
    u64 start = system_time();
    when = 0;
    pv_vcpu_set_singleshot_timer request = {.timeout_abs_ns = start + 2000000, .flags = 0, .hole0 = 0};
    expect_rc(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &request), 0, "set_singleshot_timer");
    expect_rc(hypercall(number, list, count, 0, PV_DOMID_SELF), 0, name);
    u64 end = system_time();
    print("long-list: %s: %lu us, event after %lu us\n", name, (end - start) / 1000, (when - start) / 1000);
    if (hypervisor() == Hypervisor::parapet) {
        expect(when >= start && when - start < (end - start) / 2, "the event came in between");
    }
}

pv_multicall_entry entries[128];

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

    // Xen makes every one of them in one go
    check("all flushes", PV_HYPERCALL_MMUEXT_OP, kWindow, by_hypervisor(1000ul, 4000000ul));
    for (auto& e : entries) {
        e = {.op = PV_HYPERCALL_MMUEXT_OP,
             .result = 1,
             .args = {kWindow, by_hypervisor(10ul, 1000ul), 0, PV_DOMID_SELF}};
    }
    check("128 lists of them", PV_HYPERCALL_MULTICALL, addr(entries), 128);
    for (const auto& e : entries) {
        expect_rc(static_cast<long>(e.result), 0, "each was made");
    }
}
