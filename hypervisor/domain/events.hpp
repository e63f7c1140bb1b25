// SPDX-License-Identifier: MIT
//
// Event channels of one domain, 2-level ABI: port table, binding, and the pending bits a guest sees. Lookups hold the
// domain's event lock. Whatever pairs or unpairs two domains also holds the global binding lock, so that a port whose
// local record says "interdomain" has a live peer record for as long as the local lock is held. Any CPU.
#pragma once
#include "base/units.hpp"
#include "cpu/lock.hpp"
#include "mm/heap.hpp"
#include "pv-abi/event.h"
#include <span>

namespace hv::domain {

class Domain;
class Vcpu;

/// As evtchn_status counts them.
enum class PortState : std::uint8_t { closed, unbound, interdomain, pirq, virq, ipi };

class EventChannels {
public:
    explicit EventChannels(Domain& owner) : owner_{owner} {}
    /// @p max_port is the highest port the domain may use (createdomain's max_evtchn_port); clamped to the ABI.
    void set_limit(std::uint32_t max_port);

    Result<EventPort> alloc_unbound(DomainId remote);
    Result<EventPort> bind_interdomain(Domain& remote, EventPort remote_port);
    Result<EventPort> bind_virq(std::uint32_t virq, VcpuId vcpu);
    Result<EventPort> bind_ipi(VcpuId vcpu);
    Result<EventPort> bind_pirq(Pirq pirq);
    Result<> close(EventPort port);
    Result<> send(EventPort port);
    Result<pv_evtchn_status> status(EventPort port);
    Result<> bind_vcpu(EventPort port, VcpuId vcpu);
    Result<> unmask(EventPort port);
    /// Closes everything; the domain is dying. Preemptible.
    Result<> close_all();

    /// Sets @p port pending (virq, pirq or a peer's send) and notifies the vCPU it is bound to.
    void raise(EventPort port);
    /// Is one of @p ports? Einval for a port this domain cannot have.
    [[nodiscard]] Result<bool> pending(std::span<const EventPort> ports) const;
    [[nodiscard]] inline Result<bool> pending(EventPort port) const; ///< In domain.hpp.
    /// Ports that are not closed.
    [[nodiscard]] std::uint32_t open_ports();

private:
    struct Channel {
        PortState state = PortState::closed;
        std::uint16_t remote_id = 0; ///< Who may bind an unbound port.
        Atomic<std::uint32_t> vcpu;  ///< Whom to notify.
        Domain* remote = nullptr;    ///< Interdomain: the peer.
        std::uint32_t number = 0;    ///< Interdomain: the peer's port; pirq and virq: which.
        std::uint32_t pad = 0;
    };
    static constexpr unsigned per_bucket = 128;
    static constexpr unsigned max_buckets = PV_EVTCHN_2L_NR_CHANNELS / per_bucket;
    struct Bucket {
        std::array<Channel, per_bucket> channels;
    };

    Channel* find(EventPort port)
    {
        if (port.raw() == 0 || port.raw() >= limit_) return nullptr;
        Bucket* const bucket = buckets_[port.raw() / per_bucket].get();
        return bucket == nullptr ? nullptr : &bucket->channels[port.raw() % per_bucket];
    }
    Result<Channel*> find_open(EventPort port)
    {
        Channel* const c = find(port);
        if (c == nullptr || c->state == PortState::closed) return Error::einval;
        return c;
    }
    Result<EventPort> allocate(PortState state, std::uint32_t number = 0, VcpuId vcpu = VcpuId{0});
    void release(EventPort port, Channel& c);
    void notify(EventPort port, const Channel& c);
    void wake_pollers(EventPort port);

    Domain& owner_;
    cpu::SpinLock lock_{cpu::Rank::event};
    std::array<mm::Box<Bucket>, max_buckets> buckets_{}; ///< Guarded by lock_; a bucket once there stays.
    std::uint32_t limit_ = PV_EVTCHN_2L_NR_CHANNELS;     ///< First port out of range.
    std::uint32_t lowest_free_ = 1;                      ///< No free port below. Guarded by lock_.
    bool closing_ = false;                               ///< No new ports. Guarded by lock_.
};

/// A per-vCPU interrupt of @p v; nothing happens while it is not bound.
void raise_virq(Vcpu& v, unsigned virq);
/// A global interrupt; goes to the hardware domain.
void raise_virq(unsigned virq);
[[nodiscard]] bool is_global_virq(unsigned virq);

/// Marks that @p v has an event to take: upcall pending, and awake.
void kick(Vcpu& v);

} // namespace hv::domain
