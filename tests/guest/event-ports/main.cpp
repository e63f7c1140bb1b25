// SPDX-License-Identifier: MIT
// The life of event channel ports in one domain (CONTRACT E.1): allocation order, unbound and interdomain ports to
// oneself, sending both ways, closing and what the peer becomes, status words, and moving to another vCPU.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u32 alloc_unbound()
{
    pv_evtchn_alloc_unbound request = {.dom = PV_DOMID_SELF, .remote_dom = PV_DOMID_SELF, .port = 0};
    require(event_op(PV_EVTCHNOP_ALLOC_UNBOUND, &request), "alloc_unbound");
    return request.port;
}

long bind_interdomain(u32 remote, u32* local)
{
    pv_evtchn_bind_interdomain request = {
        .remote_dom = PV_DOMID_SELF, .hole0 = 0, .remote_port = remote, .local_port = 0};
    long rc = event_op(PV_EVTCHNOP_BIND_INTERDOMAIN, &request);
    *local = request.local_port;
    return rc;
}

u32 status_of(u32 port, pv_evtchn_status* out)
{
    require(port_status(port, out), "status");
    return out->status;
}

void check_interdomain()
{
    pv_evtchn_status s;
    u32 a = alloc_unbound(), b = 0;
    expect_eq(a, 1, "the lowest free port is 1");
    expect_eq(status_of(a, &s), PV_EVTCHNSTAT_UNBOUND, "status of an unbound port");
    expect_eq(s.u.unbound.dom, 0, "it waits for domain 0");
    clear_port_mask(a);
    expect_rc(send(a), 0, "send on an unbound port has no effect");
    expect(!port_pending(a), "none");
    expect_rc(bind_interdomain(a, &b), 0, "bind to it");
    expect_eq(b, 2, "the next port");
    expect(port_pending(b), "the binder's port starts pending");
    expect_eq(status_of(a, &s), PV_EVTCHNSTAT_INTERDOMAIN, "status of the first end");
    expect_eq(s.u.interdomain.port, b, "its peer");
    expect_eq(status_of(b, &s), PV_EVTCHNSTAT_INTERDOMAIN, "status of the second end");
    expect_eq(s.u.interdomain.port, a, "its peer");
    clear_port(a);
    clear_port(b);
    send(a);
    expect(!port_pending(a) && port_pending(b), "a send raises the other end");
    clear_port(b);
    send(b);
    expect(port_pending(a) && !port_pending(b), "and back");
    u32 c = 0;
    expect_rc(bind_interdomain(a, &c), -22, "a bound port cannot be bound again");
    expect_rc(close_port(b), 0, "close one end");
    expect_eq(status_of(b, &s), PV_EVTCHNSTAT_CLOSED, "it is closed");
    expect_eq(status_of(a, &s), PV_EVTCHNSTAT_UNBOUND, "its peer is unbound");
    expect_rc(bind_interdomain(a, &c), 0, "and can be bound again");
    expect_eq(c, b, "the freed port is used again");
    expect_rc(close_port(a), 0, "close the other");
    expect_rc(close_port(c), 0, "close its peer");
    expect_rc(close_port(c), -22, "a closed port cannot be closed");
    expect_rc(send(c), -22, "nor sent on");
}

void check_self_binding()
{
    u32 a = alloc_unbound(), b = 0;
    expect_rc(bind_interdomain(0, &b), -22, "port 0 is never valid");
    expect_rc(bind_interdomain(a + 1, &b), -22, "a closed port");
    expect_rc(bind_interdomain(5000000, &b), -22, "a port out of range");
    expect_rc(close_port(a), 0, "close");
}

void check_ipi()
{
    pv_evtchn_status s;
    u32 ipi = bind_ipi();
    expect_eq(status_of(ipi, &s), PV_EVTCHNSTAT_IPI, "status of an IPI");
    expect_eq(s.vcpu, 0, "its vCPU");
    expect_rc(send(ipi), 0, "send");
    expect(port_pending(ipi), "pending");
    pv_evtchn_bind_vcpu move = {.port = ipi, .vcpu = 0};
    expect_rc(event_op(PV_EVTCHNOP_BIND_VCPU, &move), -22, "an IPI cannot move");
    expect_rc(close_port(ipi), 0, "close");
    expect(!port_pending(ipi), "closing clears the pending bit");
    u32 a = alloc_unbound();
    move.port = a;
    expect_rc(event_op(PV_EVTCHNOP_BIND_VCPU, &move), 0, "an unbound port can be moved");
    move.vcpu = 1;
    expect_rc(event_op(PV_EVTCHNOP_BIND_VCPU, &move), -2, "but not to a vCPU that is not there");
    close_port(a);
}

void check_many()
{
    u32 first = alloc_unbound(), last = first;
    unsigned count = 1;
    for (;; ++count) {
        pv_evtchn_alloc_unbound request = {.dom = PV_DOMID_SELF, .remote_dom = PV_DOMID_SELF, .port = 0};
        long rc = event_op(PV_EVTCHNOP_ALLOC_UNBOUND, &request);
        if (rc != 0) {
            expect_rc(rc, -28, "when all ports are in use");
            break;
        }
        last = request.port;
    }
    expect_eq(last, 4095, "the last two-level port");
    expect_eq(count, 4095, "all but port 0");
    for (u32 port = first; port <= last; ++port) {
        if (close_port(port) != 0) {
            fail("closing one of many ports");
        }
    }
    expect_eq(alloc_unbound(), first, "all are free again");
    close_port(first);
}

} // namespace

void test_main()
{
    install_traps();
    step("interdomain to oneself");
    check_interdomain();
    step("binding errors");
    check_self_binding();
    step("IPIs and moving");
    check_ipi();
    step("all of them");
    check_many();
}
