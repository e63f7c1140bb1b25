// SPDX-License-Identifier: MIT
//
// Port table: allocating, binding, closing. Cold paths; delivery is in events_deliver.cpp. Lock order: binding, event.
#include "domain/events.hpp"
#include "domain/domain.hpp"
#include "domain/upcalls.hpp"

namespace hv::domain {
namespace {

/// Serialises whatever pairs or unpairs domains; see events.hpp.
cpu::SpinLock binding_lock{cpu::Rank::binding};

} // namespace

void EventChannels::set_limit(std::uint32_t max_port)
{
    limit_ = max_port < PV_EVTCHN_2L_NR_CHANNELS ? max_port + 1 : PV_EVTCHN_2L_NR_CHANNELS;
}

/// The lowest free port, in its new state; under lock_.
Result<EventPort> EventChannels::allocate(PortState state, std::uint32_t number, VcpuId vcpu)
{
    if (closing_) return Error::einval;
    for (std::uint32_t port = lowest_free_; port < limit_; ++port) {
        if (port >= made_.load(Order::relaxed)) {
            buckets_[port / per_bucket] = TRY(mm::make_box<Bucket>());
            made_.store((port / per_bucket + 1) * per_bucket, Order::release);
        }
        Channel& c = *find(EventPort{port});
        if (!c.is(PortState::closed)) continue;
        c.number = number;
        c.vcpu.store(owner_.vcpu(vcpu), Order::relaxed);
        c.state.store(state, Order::release);
        lowest_free_ = port + 1;
        return EventPort{port};
    }
    return Error::enospc;
}

std::uint32_t EventChannels::open_ports()
{
    const cpu::Guard guard{lock_};
    std::uint32_t n = 0;
    for (std::uint32_t port = 1; port < made_.load(Order::relaxed); ++port)
        if (find_open(EventPort{port}).ok()) ++n;
    return n;
}

void EventChannels::release(EventPort port, Channel& c)
{
    c.state.store(PortState::closed, Order::release);
    c.remote = nullptr;
    shared::fetch_and(&shared_info->evtchn_pending[port.raw() / 64], ~(1ULL << port.raw() % 64));
    if (port.raw() < lowest_free_) lowest_free_ = port.raw();
}

Result<EventPort> EventChannels::alloc_unbound(DomainId remote)
{
    const cpu::Guard guard{lock_};
    const EventPort port = TRY(allocate(PortState::unbound));
    find(port)->remote_id = remote.raw();
    return port;
}

Result<EventPort> EventChannels::bind_interdomain(Domain& remote, EventPort remote_port)
{
    const cpu::Guard binding{binding_lock};
    Channel* peer = nullptr;
    {
        const cpu::Guard guard{remote.events.lock_};
        peer = TRY(remote.events.find_open(remote_port));
        if (!peer->is(PortState::unbound) || peer->remote_id != owner_.id().raw()) return Error::einval;
    }
    EventPort port;
    {
        const cpu::Guard guard{lock_};
        port = TRY(allocate(PortState::interdomain, remote_port.raw()));
        find(port)->remote = &remote;
    }
    {
        const cpu::Guard guard{remote.events.lock_};
        peer->remote = &owner_;
        peer->number = port.raw();
        peer->state.store(PortState::interdomain, Order::release);
    }
    raise(port); // whatever the peer sent before is not lost
    return port;
}

Result<EventPort> EventChannels::bind_virq(std::uint32_t virq, VcpuId vcpu)
{
    if (virq >= PV_NR_VIRQS || (is_global_virq(virq) && vcpu.raw() != 0)) return Error::einval;
    Vcpu* const v = owner_.vcpu(vcpu);
    if (v == nullptr) return Error::enoent;
    const cpu::Guard guard{lock_};
    if (v->virq_ports[virq].load(Order::relaxed) != 0) return Error::eexist;
    const EventPort port = TRY(allocate(PortState::virq, virq, vcpu));
    v->virq_ports[virq].store(port.raw(), Order::release);
    return port;
}

Result<EventPort> EventChannels::bind_ipi(VcpuId vcpu)
{
    if (owner_.vcpu(vcpu) == nullptr) return Error::enoent;
    const cpu::Guard guard{lock_};
    return allocate(PortState::ipi, 0, vcpu);
}

Result<EventPort> EventChannels::bind_pirq(Pirq pirq)
{
    const cpu::Guard binding{binding_lock}; // nobody closes it before it is attached
    EventPort port;
    {
        const cpu::Guard guard{lock_};
        port = TRY(allocate(PortState::pirq, pirq.raw()));
    }
    if (const Result<> attached = attach_pirq(owner_, pirq, port); !attached.ok()) {
        const cpu::Guard guard{lock_};
        release(port, *find(port));
        return attached.error();
    }
    return port;
}

Result<> EventChannels::close(EventPort port)
{
    const cpu::Guard binding{binding_lock};
    Channel* c = nullptr;
    {
        const cpu::Guard guard{lock_};
        c = TRY(find_open(port));
    }
    // What is open stays as it is under the binding lock. The peer is unbound first: it can then no longer reach this
    // port.
    if (c->is(PortState::interdomain)) {
        const cpu::Guard guard{c->remote->events.lock_};
        Channel& peer = *c->remote->events.find(EventPort{c->number});
        peer.state.store(PortState::unbound, Order::release);
        peer.remote_id = owner_.id().raw();
        peer.remote = nullptr;
    }
    if (c->is(PortState::pirq)) detach_pirq(owner_, Pirq{c->number});
    const cpu::Guard guard{lock_};
    if (c->is(PortState::virq)) {
        Vcpu* const holder = is_global_virq(c->number) ? owner_.vcpu(VcpuId{0}) : c->vcpu.load(Order::relaxed);
        holder->virq_ports[c->number].store(0, Order::release);
    }
    release(port, *c);
    return Ok{};
}

Result<> EventChannels::close_all()
{
    static constexpr unsigned batch = 256;
    {
        const cpu::Guard guard{lock_};
        closing_ = true;
    }
    unsigned closed = 0;
    for (std::uint32_t port = 1; port < made_.load(Order::acquire); ++port)
        if (close(EventPort{port}).ok() && ++closed == batch) return Error::restart;
    return Ok{};
}

Result<pv_evtchn_status> EventChannels::status(EventPort port)
{
    if (port.raw() >= limit_) return Error::einval;
    const cpu::Guard guard{lock_};
    pv_evtchn_status s{};
    s.dom = owner_.id().raw();
    s.port = port.raw();
    const Channel* const c = find(port);
    if (c == nullptr || c->is(PortState::closed)) return s;
    s.status = static_cast<std::uint32_t>(c->state.load(Order::relaxed));
    if (const Vcpu* const v = c->vcpu.load(Order::relaxed); v != nullptr) s.vcpu = v->id().raw();
    switch (c->state.load(Order::relaxed)) {
    case PortState::unbound: s.u.unbound.dom = c->remote_id; break;
    case PortState::interdomain:
        s.u.interdomain.dom = c->remote->id().raw();
        s.u.interdomain.port = c->number;
        break;
    case PortState::pirq: s.u.pirq = c->number; break;
    case PortState::virq: s.u.virq = c->number; break;
    default: break;
    }
    return s;
}

Result<> EventChannels::bind_vcpu(EventPort port, VcpuId vcpu)
{
    Vcpu* const v = owner_.vcpu(vcpu);
    if (v == nullptr) return Error::enoent;
    const cpu::Guard guard{lock_};
    Channel* const c = TRY(find_open(port));
    if (c->is(PortState::ipi) || (c->is(PortState::virq) && !is_global_virq(c->number))) return Error::einval;
    c->vcpu.store(v, Order::relaxed);
    return Ok{};
}

} // namespace hv::domain
