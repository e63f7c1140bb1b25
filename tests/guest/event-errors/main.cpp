// SPDX-License-Identifier: MIT
// Wrong arguments to event_channel_op: ports, vCPUs, domains, VIRQs, PIRQs and pointers that do not exist, and the
// operations Parapet leaves out (FIFO events, reset). Every refusal leaves the ports as they were.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr u32 kBadPorts[] = {0, 77, 4095, 4096, 131071, 131072, 0x7fffffff, 0xffffffff};

void check_ports()
{
    for (u32 port : kBadPorts) {
        bool ok = expect_rc(send(port), -22, "send");
        ok &= expect_rc(close_port(port), -22, "close");
        pv_evtchn_port unmask = {.port = port};
        ok &= expect_rc(event_op(PV_EVTCHNOP_UNMASK, &unmask), port == 0 ? by_hypervisor(0, -22) : -22, "unmask");
        pv_evtchn_bind_vcpu move = {.port = port, .vcpu = 0};
        ok &= expect_rc(event_op(PV_EVTCHNOP_BIND_VCPU, &move), -22, "bind_vcpu");
        pv_evtchn_status s;
        long rc = port_status(port, &s);
        // Below the limit a free port may answer "closed"; Xen does so only for ports it has room for already.
        ok &= expect(rc == -22 || (port < 4096 && rc == 0 && s.status == PV_EVTCHNSTAT_CLOSED), "status");
        if (!ok) {
            print("  port 0x%lx\n", static_cast<u64>(port));
        }
    }
}

void check_bindings()
{
    u32 port = 0;
    expect_rc(bind_virq(24, 0, &port), -22, "VIRQ 24");
    expect_rc(bind_virq(0xffffffff, 0, &port), -22, "VIRQ -1");
    expect_rc(bind_virq(PV_VIRQ_TIMER, 1, &port), -2, "VIRQ for a vCPU that is not there");
    expect_rc(bind_virq(PV_VIRQ_TIMER, 0x7fffffff, &port), -2, "VIRQ for a wild vCPU");
    pv_evtchn_bind_ipi ipi = {.vcpu = 1, .port = 0};
    expect_rc(event_op(PV_EVTCHNOP_BIND_IPI, &ipi), -2, "IPI for a vCPU that is not there");
    ipi.vcpu = 0xffffffff;
    expect_rc(event_op(PV_EVTCHNOP_BIND_IPI, &ipi), -2, "IPI for a wild vCPU");
    pv_evtchn_bind_pirq pirq = {.pirq = 0xffffffff, .flags = 0, .port = 0};
    expect_rc(event_op(PV_EVTCHNOP_BIND_PIRQ, &pirq), -22, "a wild PIRQ");
    pv_evtchn_alloc_unbound alloc = {.dom = 77, .remote_dom = 0, .port = 0};
    expect_rc(event_op(PV_EVTCHNOP_ALLOC_UNBOUND, &alloc), -3, "a port of a domain that is not there");
    alloc.dom = PV_DOMID_SELF;
    alloc.remote_dom = 77;
    expect_rc(event_op(PV_EVTCHNOP_ALLOC_UNBOUND, &alloc), 0, "a port for a domain that is not there yet");
    expect_rc(close_port(alloc.port), 0, "close");
    pv_evtchn_bind_interdomain bind = {.remote_dom = 77, .hole0 = 0, .remote_port = 1, .local_port = 0};
    expect_rc(event_op(PV_EVTCHNOP_BIND_INTERDOMAIN, &bind), -3, "a peer that is not there");
    bind.remote_dom = PV_DOMID_XEN;
    expect(event_op(PV_EVTCHNOP_BIND_INTERDOMAIN, &bind) < 0, "a special domain");
    pv_evtchn_status status = {};
    status.dom = 77;
    status.port = 1;
    expect_rc(event_op(PV_EVTCHNOP_STATUS, &status), -3, "status of a domain that is not there");
}

void check_pointers()
{
    const u64 bad[] = {0, 0x1000, 0x8000000000000000, 0xffff830000000000, ~0ul - 3};
    for (u64 pointer : bad) {
        for (u64 op = 0; op <= 9; ++op) {
            if (!expect_rc(hypercall(PV_HYPERCALL_EVENT_CHANNEL_OP, op, pointer), -14, "a bad pointer")) {
                print("  op %lu pointer 0x%lx\n", op, pointer);
            }
        }
    }
}

void check_left_out()
{
    pv_evtchn_init_control control = {};
    control.control_gfn = start_info->nr_pages + 100000;
    expect_rc(event_op(PV_EVTCHNOP_INIT_CONTROL, &control), -22, "init_control");
    pv_evtchn_expand_array array = {.array_gfn = 0};
    expect(event_op(PV_EVTCHNOP_EXPAND_ARRAY, &array) < 0, "expand_array without control block");
    pv_evtchn_reset reset = {.dom = 77};
    long rc = event_op(PV_EVTCHNOP_RESET, &reset);
    expect(rc == -3 || (hypervisor() == Hypervisor::parapet && rc == -38), "reset of a domain that is not there");
}

} // namespace

void test_main()
{
    install_traps();
    u32 probe = bind_ipi();
    step("ports");
    check_ports();
    step("bindings");
    check_bindings();
    step("pointers");
    check_pointers();
    step("operations left out");
    check_left_out();
    step("the bystander");
    expect_rc(send(probe), 0, "a port bound before still works");
    expect(port_pending(probe), "and is raised");
    u32 next = bind_ipi();
    expect_eq(next, probe + 1, "no port was lost on the way");
}
