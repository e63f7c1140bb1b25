// SPDX-License-Identifier: MIT
//
// Whose memory a call is about: the caller's, or for the hardware domain another domain's, held for the call.
#pragma once
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::hypercall {

class Subject {
public:
    /// @p id as in a reservation: PV_DOMID_SELF or a domain. esrch if there is none, eperm without the right.
    static Result<Subject, false> resolve(DomainId id, domain::Vcpu& caller)
    {
        if (id == DomainId{PV_DOMID_SELF}) return Subject{caller.domain()}; // alive as long as it makes calls
        domain::DomainRef d = TRY(domain::resolve(id, caller));
        if (d.get() != &caller.domain() && !caller.domain().is_hardware_domain()) return Error::eperm;
        return Subject{std::move(d)};
    }
    /// As the memory-management calls name the owner of frames: the caller's own number is no foreign domain, and
    /// device memory is the hardware domain's own.
    static Result<Subject, false> resolve_foreign(DomainId id, domain::Vcpu& caller)
    {
        if (id == caller.domain().id()) return Error::esrch;
        const bool devices = id == DomainId{PV_DOMID_IO} && caller.domain().is_hardware_domain();
        return resolve(devices ? DomainId{PV_DOMID_SELF} : id, caller);
    }
    domain::Domain& operator*() const { return *domain_; }
    domain::Domain* operator->() const { return domain_; }

private:
    explicit Subject(domain::Domain& own) : domain_{&own} {}
    explicit Subject(domain::DomainRef ref) : ref_{std::move(ref)}, domain_{ref_.get()} {}
    domain::DomainRef ref_;
    domain::Domain* domain_;
};

// ---- CPUs that a flush is asked for on ----
inline CpuSet this_cpu() { return CpuSet::of(CpuId{arch::cpu_info().cpu}); }

/// @p mask is a bitmap of the caller's vCPUs, as many words as those take. efault as reading it.
inline Result<CpuSet> cpus_of(domain::Vcpu& v, GuestVa mask)
{
    std::array<std::uint64_t, (domain::max_vcpus_per_domain + 63) / 64> words{};
    const auto used = std::span{words}.first((v.domain().vcpu_count() + 63) / 64);
    TRY(guest::In<std::uint64_t>{mask}.read_array(used));
    return domain::cpus_of_vcpus(v.domain(), used);
}

} // namespace hv::hypercall
