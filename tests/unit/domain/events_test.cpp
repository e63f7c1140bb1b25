// SPDX-License-Identifier: MIT
//
// Event channels: binding rules, delivery bits, and what is left when one side goes away.
#include "tests/abi.h"
#include "tests/unit/domain/world.hpp"

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

class Events : public World {
protected:
    Guest a = start_guest(2), b = start_guest();

    static bool pending(const Guest& g, EventPort p) { return ok(g.events().pending({&p, 1})); }
    static void clear(const Guest& g)
    {
        pv_shared_info& s = g.domain->shared_info();
        for (auto& word : s.evtchn_pending)
            word = 0;
        for (std::uint32_t i = 0; i < g.domain->vcpu_count(); ++i) {
            g.vcpu(i).hot.info->evtchn_upcall_pending = 0;
            g.vcpu(i).hot.info->evtchn_pending_sel = 0;
        }
    }
    std::pair<EventPort, EventPort> pair()
    {
        const EventPort pa = ok(a.events().alloc_unbound(b.domain->id()));
        const EventPort pb = ok(b.events().bind_interdomain(*a.domain, pa));
        return {pa, pb};
    }
};

TEST_F(Events, PortsAreLowestFirstAndNeverZero)
{
    EXPECT_EQ(ok(a.events().bind_ipi(VcpuId{0})), EventPort{1});
    EXPECT_EQ(ok(a.events().bind_ipi(VcpuId{1})), EventPort{2});
    EXPECT_EQ(ok(a.events().bind_ipi(VcpuId{1})), EventPort{3});
    ok(a.events().close(EventPort{2}));
    EXPECT_EQ(ok(a.events().bind_ipi(VcpuId{1})), EventPort{2});
    EXPECT_EQ(a.events().bind_ipi(VcpuId{2}).error(), Error::enoent);
}

TEST_F(Events, TheLimitOfTheDomainHolds)
{
    DomainConfig config;
    config.max_event_port = 5;
    const Guest small = make_guest(config);
    for (std::uint32_t i = 1; i <= 5; ++i)
        EXPECT_EQ(ok(small.events().bind_ipi(VcpuId{0})), EventPort{i});
    EXPECT_EQ(small.events().bind_ipi(VcpuId{0}).error(), Error::enospc);
    EXPECT_EQ(small.events().status(EventPort{6}).error(), Error::einval);
    EXPECT_EQ(ok(small.events().status(EventPort{5})).status, static_cast<unsigned>(PV_EVTCHNSTAT_IPI));
}

TEST_F(Events, AllPortsThenNoSpace)
{
    for (std::uint32_t i = 1; i < PV_EVTCHN_2L_NR_CHANNELS; ++i)
        ASSERT_EQ(ok(a.events().bind_ipi(VcpuId{0})), EventPort{i});
    EXPECT_EQ(a.events().bind_ipi(VcpuId{0}).error(), Error::enospc);
}

TEST_F(Events, SendSetsThePeersBitsAndOnlyOnce)
{
    const auto [pa, pb] = pair();
    EXPECT_TRUE(pending(b, pb)) << "a new binding starts pending, so that no kick is lost";
    clear(b);
    ok(a.events().send(pa));
    EXPECT_TRUE(pending(b, pb));
    EXPECT_FALSE(pending(a, pa));
    EXPECT_EQ(b.vcpu().hot.info->evtchn_upcall_pending, 1);
    EXPECT_EQ(b.vcpu().hot.info->evtchn_pending_sel, 1ULL << (pb.raw() / 64));
    ok(b.events().send(pb));
    EXPECT_TRUE(pending(a, pa));
}

TEST_F(Events, AMaskedPortIsPendingWithoutAnUpcallUntilUnmasked)
{
    const auto [pa, pb] = pair();
    clear(b);
    b.domain->shared_info().evtchn_mask[pb.raw() / 64] = 1ULL << pb.raw() % 64;
    ok(a.events().send(pa));
    EXPECT_TRUE(pending(b, pb));
    EXPECT_EQ(b.vcpu().hot.info->evtchn_upcall_pending, 0);
    ok(b.events().unmask(pb));
    EXPECT_EQ(b.vcpu().hot.info->evtchn_upcall_pending, 1);
    EXPECT_EQ(b.domain->shared_info().evtchn_mask[pb.raw() / 64], 0U);
}

TEST_F(Events, BindingWantsAnUnboundPortMeantForTheBinder)
{
    const auto [pa, pb] = pair();
    EXPECT_EQ(b.events().bind_interdomain(*a.domain, pa).error(), Error::einval) << "bound already";
    EXPECT_EQ(b.events().bind_interdomain(*a.domain, EventPort{77}).error(), Error::einval);
    EXPECT_EQ(b.events().bind_interdomain(*a.domain, EventPort{0}).error(), Error::einval);
    EXPECT_EQ(b.events().bind_interdomain(*a.domain, EventPort{~0U}).error(), Error::einval);
    const EventPort other = ok(a.events().alloc_unbound(dom0().domain->id()));
    EXPECT_EQ(b.events().bind_interdomain(*a.domain, other).error(), Error::einval) << "meant for somebody else";
}

TEST_F(Events, LoopbackWithinOneDomain)
{
    const EventPort first = ok(a.events().alloc_unbound(a.domain->id()));
    const EventPort second = ok(a.events().bind_interdomain(*a.domain, first));
    clear(a);
    ok(a.events().send(first));
    EXPECT_TRUE(pending(a, second));
    EXPECT_FALSE(pending(a, first));
    ok(a.events().close(first));
    EXPECT_EQ(ok(a.events().status(second)).status, static_cast<unsigned>(PV_EVTCHNSTAT_UNBOUND));
}

TEST_F(Events, ClosingUnbindsThePeerAndClearsThePendingBit)
{
    const auto [pa, pb] = pair();
    ok(a.events().send(pa));
    ok(b.events().close(pb));
    EXPECT_FALSE(pending(b, pb));
    const pv_evtchn_status s = ok(a.events().status(pa));
    EXPECT_EQ(s.status, static_cast<unsigned>(PV_EVTCHNSTAT_UNBOUND));
    EXPECT_EQ(s.u.unbound.dom, b.domain->id().raw());
    EXPECT_TRUE(a.events().send(pa).ok()) << "nobody listens, which is no mistake";
    EXPECT_EQ(b.events().close(pb).error(), Error::einval);
    EXPECT_EQ(b.events().send(pb).error(), Error::einval);
    EXPECT_TRUE(b.events().bind_interdomain(*a.domain, pa).ok()) << "and it can be bound again";
}

TEST_F(Events, VirqsBindOncePerVcpu)
{
    const EventPort t0 = ok(a.events().bind_virq(PV_VIRQ_TIMER, VcpuId{0}));
    const EventPort t1 = ok(a.events().bind_virq(PV_VIRQ_TIMER, VcpuId{1}));
    EXPECT_EQ(a.events().bind_virq(PV_VIRQ_TIMER, VcpuId{1}).error(), Error::eexist);
    EXPECT_EQ(a.events().bind_virq(PV_VIRQ_TIMER, VcpuId{2}).error(), Error::enoent);
    EXPECT_EQ(a.events().bind_virq(PV_NR_VIRQS, VcpuId{0}).error(), Error::einval);
    EXPECT_EQ(a.events().bind_virq(PV_VIRQ_DOM_EXC, VcpuId{1}).error(), Error::einval) << "global ones start on 0";
    raise_virq(a.vcpu(1), PV_VIRQ_TIMER);
    EXPECT_FALSE(pending(a, t0));
    EXPECT_TRUE(pending(a, t1));
    EXPECT_EQ(a.vcpu(1).hot.info->evtchn_upcall_pending, 1);
    EXPECT_EQ(a.events().send(t0).error(), Error::einval);
    ok(a.events().close(t1));
    EXPECT_TRUE(a.events().bind_virq(PV_VIRQ_TIMER, VcpuId{1}).ok());
}

TEST_F(Events, NotificationMovesOnlyWhereTheAbiSaysSo)
{
    const EventPort ipi = ok(a.events().bind_ipi(VcpuId{0}));
    const EventPort timer = ok(a.events().bind_virq(PV_VIRQ_TIMER, VcpuId{0}));
    const EventPort global = ok(a.events().bind_virq(PV_VIRQ_CON_RING, VcpuId{0}));
    const auto [pa, pb] = pair();
    EXPECT_EQ(a.events().bind_vcpu(ipi, VcpuId{1}).error(), Error::einval);
    EXPECT_EQ(a.events().bind_vcpu(timer, VcpuId{1}).error(), Error::einval);
    EXPECT_EQ(a.events().bind_vcpu(pa, VcpuId{2}).error(), Error::enoent);
    EXPECT_TRUE(a.events().bind_vcpu(global, VcpuId{1}).ok());
    EXPECT_TRUE(a.events().bind_vcpu(pa, VcpuId{1}).ok());
    clear(a);
    ok(b.events().send(pb));
    EXPECT_EQ(a.vcpu(0).hot.info->evtchn_upcall_pending, 0);
    EXPECT_EQ(a.vcpu(1).hot.info->evtchn_upcall_pending, 1);
    EXPECT_EQ(ok(a.events().status(pa)).vcpu, 1U);
    ok(a.events().close(global)); // must find the binding although it moved
    EXPECT_TRUE(a.events().bind_virq(PV_VIRQ_CON_RING, VcpuId{0}).ok());
}

TEST_F(Events, StatusTellsEachKind)
{
    const auto [pa, pb] = pair();
    const pv_evtchn_status s = ok(a.events().status(pa));
    EXPECT_EQ(s.status, static_cast<unsigned>(PV_EVTCHNSTAT_INTERDOMAIN));
    EXPECT_EQ(s.u.interdomain.dom, b.domain->id().raw());
    EXPECT_EQ(s.u.interdomain.port, pb.raw());
    EXPECT_EQ(ok(a.events().status(EventPort{100})).status, static_cast<unsigned>(PV_EVTCHNSTAT_CLOSED));
    const EventPort v = ok(a.events().bind_virq(PV_VIRQ_DEBUG, VcpuId{1}));
    EXPECT_EQ(ok(a.events().status(v)).u.virq, static_cast<unsigned>(PV_VIRQ_DEBUG));
    EXPECT_EQ(ok(a.events().status(v)).vcpu, 1U);
}

TEST_F(Events, APollerWakesOnAMaskedPort)
{
    const auto [pa, pb] = pair();
    clear(a);
    a.domain->shared_info().evtchn_mask[0] = ~0ULL;
    const EventPort ports[] = {pa};
    ok(a.vcpu().poll(ports, 0));
    EXPECT_TRUE(a.vcpu().blocked());
    EXPECT_EQ(a.domain->events.pollers[0].load(Order::relaxed), 1U);
    const EventPort unrelated = ok(a.events().bind_ipi(VcpuId{0}));
    ok(a.events().send(unrelated));
    EXPECT_TRUE(a.vcpu().blocked()) << "another masked port is none of its business";
    ok(b.events().send(pb));
    EXPECT_FALSE(a.vcpu().blocked());
    EXPECT_EQ(a.domain->events.pollers[0].load(Order::relaxed), 0U);
}

TEST_F(Events, PollReturnsAtOnceWhenAPortIsPending)
{
    const auto [pa, pb] = pair();
    const EventPort ports[] = {EventPort{100}, pa};
    ok(b.events().send(pb));
    ok(a.vcpu().poll(ports, 0));
    EXPECT_FALSE(a.vcpu().blocked());
    const EventPort bad[] = {EventPort{PV_EVTCHN_2L_NR_CHANNELS}};
    EXPECT_EQ(a.vcpu().poll(bad, 0).error(), Error::einval);
    EXPECT_FALSE(a.vcpu().blocked());
    EXPECT_EQ(a.domain->events.pollers[0].load(Order::relaxed), 0U);
}

TEST_F(Events, ADyingDomainLeavesItsPeersUnbound)
{
    const auto [pa, pb] = pair();
    end(find_domain(b.domain->id()));
    EXPECT_EQ(ok(a.events().status(pa)).status, static_cast<unsigned>(PV_EVTCHNSTAT_UNBOUND));
    EXPECT_TRUE(a.events().send(pa).ok());
}

} // namespace
