// SPDX-License-Identifier: MIT
//
// All domains, in order of their ids, and the choice of ids: they grow and wrap around, so that the id given out is
// the one free for longest. One lock; domains are made and freed under it, so that every owner of frames is a listed
// domain to whoever holds it.
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/console.hpp"
#include "domain/domain.hpp"
#include "domain/grants.hpp"

namespace hv::domain {
namespace {

cpu::SpinLock list_lock{cpu::Rank::domain_list};
Domain* first; ///< In order of ids. All below guarded by list_lock.
Domain* hardware;
std::uint16_t next_id = 1;

Result<DomainId> choose_id()
{
    for (unsigned tried = 0; tried < PV_DOMID_FIRST_RESERVED; ++tried) {
        const DomainId id{next_id};
        next_id = next_id + 1 == PV_DOMID_FIRST_RESERVED ? 1 : static_cast<std::uint16_t>(next_id + 1);
        if (mm::find_owner(id) == nullptr) return id;
    }
    return Error::enomem;
}

} // namespace

Domain*& Domain::list_from(DomainId id)
{
    Domain** at = &first;
    while (*at != nullptr && (*at)->id() < id)
        at = &(*at)->next_;
    return *at;
}

Result<Domain*> Domain::create(const DomainConfig& config)
{
    const bool chosen = config.id == no_domain;
    if (config.max_vcpus == 0 || config.max_vcpus > max_vcpus_per_domain) return Error::einval;
    if (!chosen && config.id.raw() >= PV_DOMID_FIRST_RESERVED) return Error::einval;
    const cpu::Guard guard{list_lock};
    if (config.role == Role::hardware && hardware != nullptr) return Error::eexist;
    if (!chosen && mm::find_owner(config.id) != nullptr) return Error::eexist;
    const DomainId id = chosen ? TRY(choose_id()) : config.id;
    mm::Box<Domain> box = TRY(mm::make_box<Domain>(id, config));
    TRY(box->prepare(config));
    Domain* const d = box.get();
    if (d->is_hardware_domain()) hardware = d;
    Domain*& at = list_from(id);
    d->next_ = std::exchange(at, d);
    d->self_ = std::move(box);
    return d;
}

bool Domain::free_if_alone()
{
    const cpu::Guard guard{list_lock};
    if (references_.load(Order::acquire) != 1) return false;
    grants_.reset();
    if (held() != 0) return false;
    list_from(id()) = next_;
    const mm::Box<Domain> last = std::move(self_);
    return true;
}

/// Frees a dead domain and announces it, unless somebody still refers to it or to its frames. Debug builds then audit
/// all frames: no lock is held here.
void Domain::on_reap(cpu::Timer& t)
{
    constexpr Nanoseconds reap_interval = 5'000'000;
    Domain& d = static_cast<DomainTimer&>(t).domain;
    if (!d.free_if_alone()) return d.reaper_.start(cpu::this_cpu().timers, cpu::now() + reap_interval);
    if (cpu::debug_build) console_key('A');
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
    return DomainRef{static_cast<Domain*>(mm::find_owner(id))};
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
    return DomainRef{Domain::list_from(id)};
}

Domain* hardware_domain() { return hardware; }

} // namespace hv::domain
