// SPDX-License-Identifier: MIT
//
// The list of all domains, in order of id, with a hash beside it, and the choice of ids: they grow and wrap around, so
// that the id given out is the one free for longest. One lock; a domain leaves the list with its last reference.
#include "domain/domain_list.hpp"
#include "domain/grants.hpp"

namespace hv::domain {
namespace {

cpu::SpinLock list_lock{cpu::Rank::domain_list};
Domain* first; ///< All below guarded by list_lock.
std::array<Domain*, 256> buckets;
Domain* hardware;
std::uint16_t next_id = 1;

Domain*& bucket_of(DomainId id) { return buckets[id.raw() % buckets.size()]; }

} // namespace

struct DomainListAccess {
    /// The link, the list's head or a member's, to the first domain whose id is @p id or more.
    static Domain*& link_to(DomainId id)
    {
        Domain** at = &first;
        while (*at != nullptr && (*at)->id() < id)
            at = &(*at)->next_;
        return *at;
    }
    static Domain* find(DomainId id)
    {
        Domain* d = bucket_of(id);
        while (d != nullptr && d->id() != id)
            d = d->hash_next_;
        return d;
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
        Domain*& at = link_to(d.id());
        d.next_ = std::exchange(at, &d);
        d.hash_next_ = std::exchange(bucket_of(d.id()), &d);
        if (d.is_hardware_domain()) hardware = &d;
        d.self_ = std::move(box);
    }
    static mm::Box<Domain> unlink(Domain& d)
    {
        link_to(d.id()) = d.next_;
        Domain** at = &bucket_of(d.id());
        while (*at != &d)
            at = &(*at)->hash_next_;
        *at = d.hash_next_;
        return std::move(d.self_);
    }
    /// The box of @p d if nothing holds it any more.
    static mm::Box<Domain> take_if_free(Domain& d)
    {
        const cpu::Guard guard{list_lock};
        if (d.references_.load(Order::acquire) != 1) return {};
        d.grants_.reset();
        return d.held() == 0 ? unlink(d) : mm::Box<Domain>{};
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

bool reap(Domain& d)
{
    {
        const mm::Box<Domain> last = DomainListAccess::take_if_free(d);
        if (!last) return false;
    }
    raise_virq(PV_VIRQ_DOM_EXC);
    return true;
}

void DomainRef::drop()
{
    // The last thing done to it: when it is dead, the reaper on another CPU may find it free, and free it, at once.
    std::exchange(domain_, nullptr)->references_.fetch_sub(1, Order::acq_rel);
}

DomainRef find_domain(DomainId id)
{
    const cpu::Guard guard{list_lock};
    Domain* const d = DomainListAccess::find(id);
    return d == nullptr ? DomainRef{} : DomainRef{*d};
}

Result<DomainRef> resolve(DomainId id, Vcpu& caller)
{
    if (id.raw() == PV_DOMID_SELF) return DomainRef{caller.domain()};
    DomainRef d = find_domain(id);
    if (!d || d->is_dying()) return Error::esrch;
    return d;
}

DomainRef next_domain(DomainId id)
{
    const cpu::Guard guard{list_lock};
    Domain* const d = DomainListAccess::link_to(id);
    return d == nullptr ? DomainRef{} : DomainRef{*d};
}

Domain* hardware_domain() { return hardware; }

} // namespace hv::domain
