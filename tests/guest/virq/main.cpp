// SPDX-License-Identifier: MIT
// Virtual interrupts (CONTRACT E.4): one port a VIRQ, -EEXIST for a second, per-vCPU ones cannot move, all can be
// bound by dom0, and a closed one can be bound again.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

void test_main()
{
    install_traps();
    const u32 needed[] = {PV_VIRQ_TIMER,    PV_VIRQ_DEBUG,      PV_VIRQ_CONSOLE, PV_VIRQ_DOM_EXC,
                          PV_VIRQ_CON_RING, PV_VIRQ_PCPU_STATE, PV_VIRQ_ARCH_0};
    step("bind, bind again, status, close, bind");
    for (u32 virq : needed) {
        u32 port = 0, second = 0;
        bool ok = expect_rc(bind_virq(virq, 0, &port), 0, "bind");
        ok &= expect_rc(bind_virq(virq, 0, &second), -17, "a second binding");
        pv_evtchn_status s;
        ok &= expect_rc(port_status(port, &s), 0, "status");
        ok &= expect_eq(s.status, PV_EVTCHNSTAT_VIRQ, "it is a VIRQ port");
        ok &= expect_eq(s.u.virq, virq, "of this number");
        bool per_vcpu = virq == PV_VIRQ_TIMER || virq == PV_VIRQ_DEBUG;
        pv_evtchn_bind_vcpu move = {.port = port, .vcpu = 0};
        ok &= expect_rc(event_op(PV_EVTCHNOP_BIND_VCPU, &move), per_vcpu ? -22 : 0, "moving");
        ok &= expect_rc(send(port), -22, "a guest cannot raise a VIRQ by send");
        ok &= expect_rc(close_port(port), 0, "close");
        ok &= expect_rc(bind_virq(virq, 0, &port), 0, "bind after close");
        if (!ok) {
            print("  virq %lu\n", static_cast<u64>(virq));
        }
    }
    step("a global VIRQ needs vCPU 0");
    u32 port = 0;
    expect_rc(bind_virq(PV_VIRQ_TBUF, 1, &port), -22, "any other");
    expect_rc(bind_virq(PV_VIRQ_DEBUG, 1, &port), -2, "a per-vCPU one needs a vCPU that exists");
}
