// SPDX-License-Identifier: MIT
//
// Delivery by the 2-level ABI: pending and mask bitmaps in shared_info, a selector word and two bytes in vcpu_info.
// All guest-visible words are atomic; raising takes no lock, so it may happen in any context.
#include "domain/domain.hpp"

namespace hv::domain {
namespace {

struct Bit {
    std::uint64_t word, mask;
    explicit Bit(EventPort p) : word{p.raw() / 64}, mask{1ULL << p.raw() % 64} {}
};

/// The second level: @p v learns that word @p b.word of the bitmap has something new.
[[gnu::always_inline]] inline void select(Vcpu& v, const Bit& b)
{
    const std::uint64_t selector = 1ULL << b.word;
    if ((shared::fetch_or(&v.hot.info->evtchn_pending_sel, selector) & selector) == 0) kick(v);
}

} // namespace

void kick(Vcpu& v)
{
    if (shared::exchange<std::uint8_t>(&v.hot.info->evtchn_upcall_pending, 1) == 0) v.notify();
}

void EventChannels::raise(EventPort port)
{
    Channel* const c = find(port);
    if (c != nullptr) notify(port, *c);
}

[[gnu::noinline]] void EventChannels::notify(EventPort port, const Channel& c)
{
    const Bit b{port};
    pv_shared_info& info = owner_.shared_info();
    if ((shared::fetch_or(&info.evtchn_pending[b.word], b.mask) & b.mask) != 0) return;
    Vcpu* const v = owner_.vcpu(VcpuId{c.vcpu.load(Order::relaxed)});
    if (v != nullptr && (shared::load(&info.evtchn_mask[b.word]) & b.mask) == 0) select(*v, b);
    for (const Atomic<std::uint64_t>& word : owner_.pollers)
        if (word.load(Order::acquire) != 0) [[unlikely]]
            return wake_pollers(port);
}

[[gnu::noinline]] void EventChannels::wake_pollers(EventPort port)
{
#pragma GCC unroll 2
    for (std::uint32_t first = 0; first < max_vcpus_per_domain; first += 64)
        for (std::uint64_t left = owner_.pollers[first / 64].load(Order::acquire); left != 0; left &= left - 1) {
            Vcpu& v = *owner_.vcpus()[first + static_cast<unsigned>(__builtin_ctzll(left))];
            const std::uint32_t polled = v.poll_port.load(Order::acquire);
            if (polled == Vcpu::any_port || polled == port.raw()) v.wake();
        }
}

Result<> EventChannels::send(EventPort port)
{
    const cpu::Guard guard{lock_};
    const Channel* c = TRY(find_open(port));
    EventChannels* to = this;
    if (c->state == PortState::interdomain) {
        to = &c->remote->events;
        port = EventPort{c->number};
        c = to->find(port);
    } else if (c->state != PortState::ipi) {
        return c->state == PortState::unbound ? Result<>{Ok{}} : Error::einval;
    }
    to->notify(port, *c);
    return Ok{};
}

Result<> EventChannels::unmask(EventPort port)
{
    const cpu::Guard guard{lock_};
    const Channel* const c = TRY(find_open(port));
    const Bit b{port};
    pv_shared_info& info = owner_.shared_info();
    if ((shared::fetch_and(&info.evtchn_mask[b.word], ~b.mask) & b.mask) == 0) return Ok{};
    Vcpu* const v = owner_.vcpu(VcpuId{c->vcpu.load(Order::relaxed)});
    if (v != nullptr && (shared::load(&info.evtchn_pending[b.word]) & b.mask) != 0) select(*v, b);
    return Ok{};
}

[[gnu::cold]] Result<bool> EventChannels::pending(std::span<const EventPort> ports) const
{
    bool any = false;
    for (const EventPort port : ports)
        any |= TRY(pending(port));
    return any;
}

bool is_global_virq(unsigned virq)
{
    return virq != PV_VIRQ_TIMER && virq != PV_VIRQ_DEBUG && virq != PV_VIRQ_XENOPROF && virq != PV_VIRQ_XENPMU;
}

void raise_virq(Vcpu& v, unsigned virq)
{
    const std::uint32_t port = v.virq_ports[virq].load(Order::acquire);
    if (port != 0) v.domain().events.raise(EventPort{port});
}

void raise_virq(unsigned virq)
{
    Domain* const d = hardware_domain();
    Vcpu* const v = d == nullptr || d->is_dying() ? nullptr : d->vcpu(VcpuId{0});
    if (v != nullptr) raise_virq(*v, virq);
}

} // namespace hv::domain
