// SPDX-License-Identifier: MIT
//
// Delivery by the 2-level ABI: pending and mask bitmaps in shared_info, a selector word and two bytes in vcpu_info.
// All guest-visible words are atomic; raising takes no lock, so it may happen in any context.
#include "domain/domain.hpp"

namespace hv::domain {
namespace {

struct Bit {
    std::uint64_t word;
    unsigned index;
    explicit Bit(EventPort p) : word{p.raw() / 64}, index{p.raw() % 64} {}
    [[nodiscard]] std::uint64_t mask() const { return 1ULL << index; }
    [[nodiscard]] bool in(const std::uint64_t* words) const { return (shared::load(&words[word]) >> index & 1) != 0; }
};

/// The second level: @p v learns that word @p b.word of the bitmap has something new. True if it must be told.
[[gnu::always_inline]] inline bool select(Vcpu& v, const Bit& b)
{
    const std::uint64_t selector = 1ULL << b.word;
    pv_vcpu_info& info = *shared::load(&v.hot.info);
    return (shared::fetch_or(&info.evtchn_pending_sel, selector) & selector) == 0 &&
           shared::exchange<std::uint8_t>(&info.evtchn_upcall_pending, 1) == 0;
}

} // namespace

void EventChannels::raise(EventPort port)
{
    if (const Channel* const c = find(port); c != nullptr) notify(port, *c);
}

[[gnu::always_inline]] inline void EventChannels::mark(EventPort port, Vcpu& v)
{
    const Bit b{port};
    pv_shared_info& info = *shared_info;
    if ((shared::fetch_or(&info.evtchn_pending[b.word], b.mask()) & b.mask()) != 0) return;
    if (!b.in(info.evtchn_mask) && select(v, b) && !(v.loaded() && !v.blocked())) return wake(port, &v);
    static_assert(std::tuple_size_v<decltype(pollers)> == 2 && max_vcpus_per_domain == 2 * 64);
    if ((pollers[0].load(Order::acquire) | pollers[1].load(Order::acquire)) != 0) wake(port, nullptr);
}

inline Vcpu* EventChannels::vcpu_of(const Channel& c) const
{
    Vcpu* const v = c.vcpu.load(Order::relaxed);
    return v != nullptr ? v : owner_.vcpu(VcpuId{0});
}

[[gnu::noinline]] void EventChannels::notify(EventPort port, const Channel& c)
{
    Vcpu* const v = vcpu_of(c);
    if (v != nullptr) return mark(port, *v);
    const Bit b{port}; // before there are vCPUs
    shared::fetch_or(&shared_info->evtchn_pending[b.word], b.mask());
}

/// @p v, which may be null, and those who poll for @p port.
[[gnu::noinline]] void EventChannels::wake(EventPort port, Vcpu* to)
{
    if (to != nullptr) to->notify();
#pragma GCC unroll 2
    for (std::uint32_t first = 0; first < max_vcpus_per_domain; first += 64)
        for (std::uint64_t left = pollers[first / 64].load(Order::acquire); left != 0; left &= left - 1) {
            Vcpu& v = *owner_.vcpus()[first + static_cast<unsigned>(__builtin_ctzll(left))];
            const std::uint32_t polled = v.poll_port.load(Order::acquire);
            if (polled == Vcpu::any_port || polled == port.raw()) v.wake();
        }
}

Result<> EventChannels::send(EventPort port)
{
    if (port.raw() >= made_.load(Order::acquire)) return send_to_peer(port);
    const Channel& c = at(port);
    if (!c.is(PortState::ipi)) return send_to_peer(port);
    mark(port, *c.vcpu.load(Order::relaxed)); // whatever becomes of the port meanwhile, that is one of the domain's
    return Ok{};
}

[[gnu::noinline]] Result<> EventChannels::send_to_peer(EventPort port)
{
    const cpu::Guard guard{lock_};
    if (port.raw() >= made_.load(Order::relaxed)) return Error::einval;
    const Channel& c = at(port);
    if (!c.is(PortState::interdomain)) return c.is(PortState::unbound) ? Result<>{Ok{}} : Error::einval;
    c.remote->events.notify(EventPort{c.number}, c.remote->events.at(EventPort{c.number}));
    return Ok{};
}

Result<> EventChannels::unmask(EventPort port)
{
    const cpu::Guard guard{lock_};
    const Channel* const c = TRY(find_open(port));
    const Bit b{port};
    if ((shared::fetch_and(&shared_info->evtchn_mask[b.word], ~b.mask()) & b.mask()) == 0) return Ok{};
    Vcpu* const v = vcpu_of(*c);
    if (v != nullptr && b.in(shared_info->evtchn_pending) && select(*v, b)) v->notify();
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
    const Domain* const d = hardware_domain();
    if (d != nullptr && !d->is_dying() && d->vcpu_count() != 0) raise_virq(*d->vcpu(VcpuId{0}), virq);
}

} // namespace hv::domain
