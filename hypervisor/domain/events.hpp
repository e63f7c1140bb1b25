// SPDX-License-Identifier: MIT
//
// Event channels of one domain, 2-level ABI: port table, binding, and the pending bits a guest sees. Lookups hold the
// domain's event lock, but for one that ends at an IPI: such a port names nothing but a vCPU of the domain. Whatever
// pairs or unpairs two domains also holds the global binding lock, so that a port whose local record says "interdomain"
// has a live peer record for as long as the local lock is held. Any CPU.
#pragma once
#include "base/units.hpp"
#include "cpu/lock.hpp"
#include "mm/heap.hpp"
#include "pv-abi/event.h"
#include "pv-abi/vcpu.h"
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

    std::array<Atomic<std::uint64_t>, 2> pollers; ///< vCPUs in SCHEDOP_poll.
    pv_shared_info* shared_info = nullptr;        ///< The domain's, there until late in its death.

private:
    struct Channel {
        Atomic<PortState> state;     ///< Changes last.
        std::uint16_t remote_id = 0; ///< Who may bind an unbound port.
        std::uint32_t number = 0;    ///< Interdomain: the peer's port; pirq and virq: which.
        Domain* remote = nullptr;    ///< Interdomain: the peer.
        Atomic<Vcpu*> vcpu;          ///< Whom to notify; null: the first, which was not there yet.
        [[nodiscard]] bool is(PortState s) const { return state.load(Order::acquire) == s; }
    };
    static constexpr unsigned per_bucket = 128;
    static constexpr unsigned max_buckets = PV_EVTCHN_2L_NR_CHANNELS / per_bucket;
    using Bucket = std::array<Channel, per_bucket>;

    Channel& at(EventPort port) { return (*buckets_[port.raw() / per_bucket])[port.raw() % per_bucket]; }
    Channel* find(EventPort port) { return port.raw() < made_.load(Order::acquire) ? &at(port) : nullptr; }
    Result<Channel*> find_open(EventPort port)
    {
        Channel* const c = find(port);
        if (c == nullptr || c->is(PortState::closed)) return Error::einval;
        return c;
    }
    Result<EventPort> allocate(PortState state, std::uint32_t number = 0, VcpuId vcpu = VcpuId{0});
    void release(EventPort port, Channel& c);
    Result<> send_to_peer(EventPort port);
    [[nodiscard]] inline Vcpu* vcpu_of(const Channel& c) const;
    inline void mark(EventPort port, Vcpu& v);
    void notify(EventPort port, const Channel& c);
    void wake(EventPort port, Vcpu* v);

    Domain& owner_;
    cpu::SpinLock lock_{cpu::Rank::event};
    std::array<mm::Box<Bucket>, max_buckets> buckets_{}; ///< A bucket once there stays.
    Atomic<std::uint32_t> made_;                         ///< Ports in those there are; grows under lock_.
    std::uint32_t limit_ = PV_EVTCHN_2L_NR_CHANNELS;     ///< First port out of range.
    std::uint32_t lowest_free_ = 1;                      ///< No free port below. Guarded by lock_.
    bool closing_ = false;                               ///< No new ports. Guarded by lock_.
};

/// A per-vCPU interrupt of @p v; nothing happens while it is not bound.
void raise_virq(Vcpu& v, unsigned virq);
/// A global interrupt; goes to the hardware domain.
void raise_virq(unsigned virq);
[[nodiscard]] bool is_global_virq(unsigned virq);

} // namespace hv::domain
