// SPDX-License-Identifier: MIT
// Waiting (CONTRACT D.3, E.1): block unmasks and returns at once when something is pending; poll ends by port, by
// timeout and at once when a port is pending already; yield returns.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u32 ipi, timer;
unsigned upcalls;

bool on_event(TrapFrame& frame)
{
    if (frame.vector != kEvent) {
        return false;
    }
    ++upcalls;
    acknowledge_upcall();
    clear_port(ipi);
    clear_port(timer);
    return true;
}

void arm(u64 delay)
{
    pv_vcpu_set_singleshot_timer request = {.timeout_abs_ns = system_time() + delay, .flags = 0, .hole0 = 0};
    require(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &request), "singleshot");
}

long poll(u32* ports, u32 count, u64 timeout)
{
    pv_sched_poll request = {.ports = addr(ports), .nr_ports = count, .hole0 = 0, .timeout = timeout};
    return sched_op(PV_SCHEDOP_POLL, &request);
}

void check_block()
{
    mask_events();
    send(ipi);
    u64 start = system_time();
    expect_rc(sched_op(PV_SCHEDOP_BLOCK, nullptr), 0, "block with an event pending");
    expect(system_time() - start < 1000000000, "returns at once");
    expect_eq(vcpu_info().evtchn_upcall_mask, 0, "block unmasks");
    expect_eq(upcalls, 1, "and the event is delivered");
    mask_events();
    start = system_time();
    arm(20000000);
    expect_rc(sched_op(PV_SCHEDOP_BLOCK, nullptr), 0, "block until the timer");
    u64 slept = system_time() - start;
    expect(slept >= 19000000, "it slept");
    expect(slept < 2000000000, "and woke");
    expect_eq(upcalls, 2, "by the timer's event");
}

void check_poll()
{
    mask_events();
    u32 ports[2] = {ipi, timer};
    send(ipi);
    u64 start = system_time();
    expect_rc(poll(ports, 2, 0), 0, "poll with a port pending");
    expect(system_time() - start < 1000000000, "returns at once");
    expect(port_pending(ipi), "and leaves it pending");
    clear_port(ipi);
    acknowledge_upcall();
    start = system_time();
    expect_rc(poll(ports, 1, start + 20000000), 0, "poll with a timeout");
    u64 slept = system_time() - start;
    expect(slept >= 19000000 && slept < 2000000000, "ends by the timeout");
    mask_port(timer);
    arm(20000000);
    start = system_time();
    expect_rc(poll(&ports[1], 1, 0), 0, "poll for a masked port");
    expect(port_pending(timer), "ends when the port is raised, masked or not");
    expect(system_time() - start < 2000000000, "in time");
    clear_port(timer);
    clear_port_mask(timer);
    expect_eq(vcpu_info().evtchn_upcall_mask, 1, "poll does not unmask");
}

void check_errors()
{
    u32 bad = 5000000;
    expect_rc(poll(&bad, 1, 0), -22, "a port out of range");
    u32 ports[1] = {ipi};
    pv_sched_poll request = {.ports = addr(ports), .nr_ports = 129, .hole0 = 0, .timeout = 0};
    expect_rc(sched_op(PV_SCHEDOP_POLL, &request), -22, "more than 128 ports");
    request = {.ports = 0x8000000000000000, .nr_ports = 1, .hole0 = 0, .timeout = system_time() + 1000};
    expect_rc(sched_op(PV_SCHEDOP_POLL, &request), -14, "a bad port list");
    expect_rc(hypercall(PV_HYPERCALL_SCHED_OP, PV_SCHEDOP_POLL, 0x1000), -14, "a bad pointer");
    expect_rc(hypercall(PV_HYPERCALL_SCHED_OP, PV_SCHEDOP_SHUTDOWN, 0x1000), -14, "shutdown with a bad pointer");
    request = {.ports = 0, .nr_ports = 0, .hole0 = 0, .timeout = system_time() + 1000000};
    expect_rc(sched_op(PV_SCHEDOP_POLL, &request), 0, "no ports, only a timeout");
    pv_sched_remote_shutdown remote = {.domain_id = 77, .hole0 = 0, .reason = 0};
    expect_rc(sched_op(PV_SCHEDOP_REMOTE_SHUTDOWN, &remote), -3, "remote shutdown of nobody");
    expect_rc(sched_op(PV_SCHEDOP_YIELD, nullptr), 0, "yield");
}

} // namespace

void test_main()
{
    install_traps();
    set_handler(on_event);
    ipi = bind_ipi();
    require(bind_virq(PV_VIRQ_TIMER, 0, &timer), "bind_virq");
    clear_port_mask(timer);
    step("block");
    check_block();
    step("poll");
    check_poll();
    step("errors");
    check_errors();
}
