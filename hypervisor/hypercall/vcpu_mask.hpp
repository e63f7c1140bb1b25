// SPDX-License-Identifier: MIT
//
// CPUs that a flush is asked for on: the caller's, or those that run the vCPUs of a bitmap in guest memory.
#pragma once
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::hypercall {

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
