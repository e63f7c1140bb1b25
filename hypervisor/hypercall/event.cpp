// SPDX-License-Identifier: MIT
//
// event_channel_op: decode and rights only. Structures are fetched before anything else is looked at.
#include "guest/guest_ptr.hpp"
#include "hypercall/foreign.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

using domain::EventChannels;

/// Stores @p made where the guest wants it; a port that cannot be told is closed again.
Return tell(EventChannels& of, EventPort made, GuestVa at)
{
    const Result<> told = guest::Out<EventPort>{at}.write(made);
    if (!told.ok()) static_cast<void>(of.close(made).ok()); // it was there a moment ago
    return in_rax(told);
}

Return alloc_unbound(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(guest::In<pv_evtchn_alloc_unbound>{arg}.read());
    const Subject d = TRY(Subject::resolve(DomainId{op.dom}, v));
    const DomainId remote = op.remote_dom == PV_DOMID_SELF ? v.domain().id() : DomainId{op.remote_dom};
    return tell(d->events, TRY(d->events.alloc_unbound(remote)), arg + offsetof(pv_evtchn_alloc_unbound, port));
}

Return status(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(guest::In<pv_evtchn_status>{arg}.read());
    const Subject d = TRY(Subject::resolve(DomainId{op.dom}, v));
    pv_evtchn_status s = TRY(d->events.status(EventPort{op.port}));
    s.dom = op.dom;
    return in_rax(guest::Out<pv_evtchn_status>{arg}.write(s));
}

Return bind_interdomain(Vcpu& v, GuestVa arg)
{
    EventChannels& events = v.domain().events;
    const auto op = TRY(guest::In<pv_evtchn_bind_interdomain>{arg}.read());
    const domain::DomainRef remote = TRY(domain::resolve(DomainId{op.remote_dom}, v));
    const EventPort port = TRY(events.bind_interdomain(*remote, EventPort{op.remote_port}));
    return tell(events, port, arg + offsetof(pv_evtchn_bind_interdomain, local_port));
}

[[gnu::cold, gnu::noinline]] Return less_frequent(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    EventChannels& events = v.domain().events;
    switch (cmd) {
    case PV_EVTCHNOP_UNMASK: return in_rax(events.unmask(EventPort{TRY(guest::load_word_from_guest(arg))}));
    case PV_EVTCHNOP_CLOSE: return in_rax(events.close(EventPort{TRY(guest::load_word_from_guest(arg))}));
    case PV_EVTCHNOP_BIND_VCPU: {
        const auto op = TRY(guest::In<pv_evtchn_bind_vcpu>{arg}.read());
        return in_rax(events.bind_vcpu(EventPort{op.port}, VcpuId{op.vcpu}));
    }
    case PV_EVTCHNOP_BIND_INTERDOMAIN: return bind_interdomain(v, arg);
    case PV_EVTCHNOP_BIND_VIRQ: {
        const auto op = TRY(guest::In<pv_evtchn_bind_virq>{arg}.read());
        return tell(events, TRY(events.bind_virq(op.virq, VcpuId{op.vcpu})), arg + offsetof(pv_evtchn_bind_virq, port));
    }
    case PV_EVTCHNOP_BIND_IPI: {
        const auto op = TRY(guest::In<pv_evtchn_bind_ipi>{arg}.read());
        return tell(events, TRY(events.bind_ipi(VcpuId{op.vcpu})), arg + offsetof(pv_evtchn_bind_ipi, port));
    }
    case PV_EVTCHNOP_BIND_PIRQ: { // no line is ever shared, whatever its flags say
        const auto op = TRY(guest::In<pv_evtchn_bind_pirq>{arg}.read());
        return tell(events, TRY(events.bind_pirq(Pirq{op.pirq})), arg + offsetof(pv_evtchn_bind_pirq, port));
    }
    case PV_EVTCHNOP_ALLOC_UNBOUND: return alloc_unbound(v, arg);
    case PV_EVTCHNOP_STATUS: return status(v, arg);
    case PV_EVTCHNOP_INIT_CONTROL: return Error::einval; // no FIFO ABI: guests fall back to two levels
    default: return Error::enosys;
    }
}

} // namespace

Return event_channel_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    if (cmd != PV_EVTCHNOP_SEND) return less_frequent(v, cmd, arg);
    TRY(v.domain().events.send(EventPort{TRY(guest::load_word_from_guest(arg))}));
    return 0;
}

} // namespace hv::hypercall
