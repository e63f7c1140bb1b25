// SPDX-License-Identifier: MIT
//
// event_channel_op: decode and rights only. Structures are fetched before anything else is looked at.
#include "domain/domain.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

using domain::DomainRef;
using domain::EventChannels;

/// @p id as seen by @p v; anyone but the hardware domain may only name itself.
Result<DomainRef> subject(Vcpu& v, std::uint16_t id)
{
    DomainRef d = TRY(domain::resolve(DomainId{id}, v));
    if (d.get() != &v.domain() && !v.domain().is_hardware_domain()) return Error::eperm;
    return d;
}

/// Fetches T, runs @p fn on it, and gives it back; a port that cannot be told to the guest is closed again.
template <typename T, typename F> Return allocating(Vcpu& v, GuestVa arg, F&& fn)
{
    const guest::InOut<T> p{arg};
    T op = TRY(p.read());
    const EventPort made = TRY(fn(op));
    const Result<> told = p.write(op);
    if (told.ok()) return 0;
    static_cast<void>(v.domain().events.close(made).ok()); // it was there a moment ago
    return told.error();
}

template <typename T, typename F> Return reading(GuestVa arg, F&& fn)
{
    const T op = TRY(guest::In<T>{arg}.read());
    TRY(fn(op));
    return 0;
}

Return alloc_unbound(Vcpu& v, GuestVa arg)
{
    const guest::InOut<pv_evtchn_alloc_unbound> p{arg};
    pv_evtchn_alloc_unbound op = TRY(p.read());
    const DomainRef d = TRY(subject(v, op.dom));
    const DomainId remote = op.remote_dom == PV_DOMID_SELF ? v.domain().id() : DomainId{op.remote_dom};
    const EventPort made = TRY(d->events.alloc_unbound(remote));
    op.port = made.raw();
    const Result<> told = p.write(op);
    if (told.ok()) return 0;
    static_cast<void>(d->events.close(made).ok()); // it was there a moment ago
    return told.error();
}

Return status(Vcpu& v, GuestVa arg)
{
    const guest::InOut<pv_evtchn_status> p{arg};
    const pv_evtchn_status op = TRY(p.read());
    const DomainRef d = TRY(subject(v, op.dom));
    pv_evtchn_status s = TRY(d->events.status(EventPort{op.port}));
    s.dom = op.dom;
    TRY(p.write(s));
    return 0;
}

Return bind(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    EventChannels& events = v.domain().events;
    switch (cmd) {
    case PV_EVTCHNOP_BIND_INTERDOMAIN:
        return allocating<pv_evtchn_bind_interdomain>(v, arg, [&](auto& op) -> Result<EventPort> {
            const DomainRef remote = TRY(domain::resolve(DomainId{op.remote_dom}, v));
            const EventPort port = TRY(events.bind_interdomain(*remote, EventPort{op.remote_port}));
            op.local_port = port.raw();
            return port;
        });
    case PV_EVTCHNOP_BIND_VIRQ:
        return allocating<pv_evtchn_bind_virq>(v, arg, [&](auto& op) -> Result<EventPort> {
            const EventPort port = TRY(events.bind_virq(op.virq, VcpuId{op.vcpu}));
            op.port = port.raw();
            return port;
        });
    case PV_EVTCHNOP_BIND_IPI:
        return allocating<pv_evtchn_bind_ipi>(v, arg, [&](auto& op) -> Result<EventPort> {
            const EventPort port = TRY(events.bind_ipi(VcpuId{op.vcpu}));
            op.port = port.raw();
            return port;
        });
    default: // PV_EVTCHNOP_BIND_PIRQ
        return allocating<pv_evtchn_bind_pirq>(v, arg, [&](auto& op) -> Result<EventPort> {
            const bool share = (op.flags & PV_BIND_PIRQ__WILL_SHARE) != 0;
            const EventPort port =
                TRY(events.bind_pirq(Pirq{op.pirq}, share ? domain::Sharing::shared : domain::Sharing::exclusive));
            op.port = port.raw();
            return port;
        });
    }
}

} // namespace

Return event_channel_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    EventChannels& events = v.domain().events;
    switch (cmd) {
    case PV_EVTCHNOP_SEND: {
        static_assert(sizeof(pv_evtchn_port) == sizeof(std::uint32_t));
        TRY(events.send(EventPort{TRY(guest::load_word_from_guest(arg))}));
        return 0;
    }
    case PV_EVTCHNOP_UNMASK:
        return reading<pv_evtchn_port>(arg, [&](auto& op) { return events.unmask(EventPort{op.port}); });
    case PV_EVTCHNOP_CLOSE:
        return reading<pv_evtchn_port>(arg, [&](auto& op) { return events.close(EventPort{op.port}); });
    case PV_EVTCHNOP_BIND_VCPU:
        return reading<pv_evtchn_bind_vcpu>(
            arg, [&](auto& op) { return events.bind_vcpu(EventPort{op.port}, VcpuId{op.vcpu}); });
    case PV_EVTCHNOP_BIND_INTERDOMAIN:
    case PV_EVTCHNOP_BIND_VIRQ:
    case PV_EVTCHNOP_BIND_IPI:
    case PV_EVTCHNOP_BIND_PIRQ: return bind(v, cmd, arg);
    case PV_EVTCHNOP_ALLOC_UNBOUND: return alloc_unbound(v, arg);
    case PV_EVTCHNOP_STATUS: return status(v, arg);
    case PV_EVTCHNOP_INIT_CONTROL: return Error::einval; // no FIFO ABI: guests fall back to two levels
    default: return Error::enosys;
    }
}

} // namespace hv::hypercall
