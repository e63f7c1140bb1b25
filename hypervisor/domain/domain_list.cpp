// SPDX-License-Identifier: MIT
//
// All domains, by a hash of their ids, and the choice of ids: they grow and wrap around, so that the id given out is
// the one free for longest. One lock; a domain leaves with its last reference.
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/grants.hpp"

namespace hv::domain {
namespace {

cpu::SpinLock list_lock{cpu::Rank::domain_list};
std::array<Domain*, 256> buckets; ///< All below guarded by list_lock.
Domain* hardware;
std::uint16_t next_id = 1;

Domain*& bucket_of(DomainId id) { return buckets[id.raw() % buckets.size()]; }

} // namespace

struct DomainListAccess {
    static Domain* find(DomainId id)
    {
        Domain* d = bucket_of(id);
        while (d != nullptr && d->id() != id)
            d = d->hash_next_;
        return d;
    }
    /// The one with the lowest id >= @p id.
    static Domain* next(DomainId id)
    {
        Domain* best = nullptr;
        for (Domain* d : buckets)
            for (; d != nullptr; d = d->hash_next_)
                if (d->id() >= id && (best == nullptr || d->id() < best->id())) best = d;
        return best;
    }
    static Result<DomainId> choose()
    {
        for (unsigned tried = 0; tried < PV_DOMID_FIRST_RESERVED; ++tried) {
            const DomainId id{next_id};
            next_id = next_id + 1 == PV_DOMID_FIRST_RESERVED ? 1 : static_cast<std::uint16_t>(next_id + 1);
            if (find(id) == nullptr) return id;
        }
        return Error::enomem;
    }
    static void link(mm::Box<Domain> box)
    {
        Domain& d = *box;
        d.hash_next_ = std::exchange(bucket_of(d.id()), &d);
        if (d.is_hardware_domain()) hardware = &d;
        d.self_ = std::move(box);
    }
    static mm::Box<Domain> unlink(Domain& d)
    {
        Domain** at = &bucket_of(d.id());
        while (*at != &d)
            at = &(*at)->hash_next_;
        *at = d.hash_next_;
        return std::move(d.self_);
    }
    /// If nothing holds @p d any more. Under the lock to the end: whoever finds the id free may give it to another at
    /// once.
    static bool free_if_unused(Domain& d)
    {
        const cpu::Guard guard{list_lock};
        if (d.references_.load(Order::acquire) != 1) return false;
        d.grants_.reset();
        if (d.held() != 0) return false;
        const mm::Box<Domain> last = unlink(d);
        return true;
    }
};

Result<Domain*> Domain::create(const DomainConfig& config)
{
    const bool chosen = config.id == no_domain;
    if (config.max_vcpus == 0 || config.max_vcpus > max_vcpus_per_domain) return Error::einval;
    if (!chosen && config.id.raw() >= PV_DOMID_FIRST_RESERVED) return Error::einval;
    const cpu::Guard guard{list_lock};
    if (config.role == Role::hardware && hardware != nullptr) return Error::eexist;
    if (!chosen && DomainListAccess::find(config.id) != nullptr) return Error::eexist;
    const DomainId id = chosen ? TRY(DomainListAccess::choose()) : config.id;
    mm::Box<Domain> box = TRY(mm::make_box<Domain>(id, config));
    TRY(box->prepare(config));
    Domain* const d = box.get();
    DomainListAccess::link(std::move(box));
    return d;
}

/// Frees a dead domain and announces it, unless somebody still refers to it or to its frames.
void Domain::on_reap(cpu::Timer& t)
{
    constexpr Nanoseconds reap_interval = 5'000'000;
    Domain& d = static_cast<DomainTimer&>(t).domain;
    if (!DomainListAccess::free_if_unused(d))
        return d.reaper_.start(cpu::this_cpu().timers, cpu::now() + reap_interval);
    raise_virq(PV_VIRQ_DOM_EXC);
}

void DomainRef::drop()
{
    // The last thing done to it: when it is dead, the reaper on another CPU may find it free, and free it, at once.
    std::exchange(domain_, nullptr)->references_.fetch_sub(1, Order::acq_rel);
}

DomainRef find_domain(DomainId id)
{
    const cpu::Guard guard{list_lock};
    return DomainRef{DomainListAccess::find(id)};
}

Result<DomainRef> resolve(DomainId id, Vcpu& caller)
{
    if (id.raw() == PV_DOMID_SELF) return DomainRef{&caller.domain()};
    DomainRef d = find_domain(id);
    if (!d || d->is_dying()) return Error::esrch;
    return d;
}

DomainRef next_domain(DomainId id)
{
    const cpu::Guard guard{list_lock};
    return DomainRef{DomainListAccess::next(id)};
}

Domain* hardware_domain() { return hardware; }

} // namespace hv::domain
