// SPDX-License-Identifier: MIT
//
// The CPUID policy of domain/control.hpp.
#include "domain/control.hpp"
#include "guest/cpuid_policy.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::domain {
namespace {

using arch::CpuidLeaf;

constexpr std::uint32_t most_leaves = 1024;

CpuidLeaf leaf_of(PolicyKind kind, std::uint32_t leaf, std::uint32_t subleaf)
{
    if (kind == PolicyKind::guest) return guest::guest_cpuid({}, leaf, subleaf);
    return arch::cpuid(leaf, subleaf == PV_CPUID_NO_SUBLEAF ? 0 : subleaf);
}

/// Where each feature word comes from: leaf, subleaf, register.
struct Source {
    std::uint32_t leaf;
    std::uint8_t subleaf;
    std::uint32_t CpuidLeaf::*reg;
};
constexpr auto a = &CpuidLeaf::eax, b = &CpuidLeaf::ebx, c = &CpuidLeaf::ecx, d = &CpuidLeaf::edx;
constexpr Source sources[] = {
    {1, 0, d}, {1, 0, c},          {0x80000001, 0, d}, {0x80000001, 0, c}, {0xd, 1, a}, {7, 0, b},
    {7, 0, c}, {0x80000007, 0, d}, {0x80000008, 0, b}, {7, 0, d},          {7, 1, a},   {0x80000021, 0, a},
    {7, 1, b}, {7, 2, d},          {7, 1, c},          {7, 1, d},
}; // the words that follow are of model-specific registers, which guests do not see
constexpr std::uint32_t copies_of_leaf_1 = 0x0183f3ff; ///< AMD repeats these in 0x80000001; a feature has one place.

} // namespace

Result<PolicyKind> policy_kind(std::uint32_t index, std::uint32_t guest_default)
{
    if (index <= PV_SYSCTL_CPU_POLICY_HOST) return PolicyKind::hardware;
    if (index == PV_SYSCTL_CPU_POLICY_PV_MAX || index == guest_default) return PolicyKind::guest;
    return index <= PV_SYSCTL_CPU_POLICY_HVM_DEFAULT ? Error::eopnotsupp : Error::einval;
}

Result<> write_policy(PolicyKind kind, GuestVa leaves, std::uint32_t& count)
{
    const guest::Out<pv_cpuid_leaf> out{leaves};
    const std::uint32_t room = std::exchange(count, 0);
    Result<> status = Ok{};
    guest::for_each_leaf([&](std::uint32_t leaf, std::uint32_t subleaf) {
        const std::uint32_t n = count++;
        if (out.null() || !status.ok()) return;
        const CpuidLeaf l = leaf_of(kind, leaf, subleaf);
        status = n < room ? out.write({leaf, subleaf, l.eax, l.ebx, l.ecx, l.edx}, n) : Result<>{Error::enobufs};
    });
    return status;
}

Result<> check_policy(GuestVa leaves, std::uint32_t count)
{
    if (count > most_leaves) return Error::e2big;
    const guest::In<pv_cpuid_leaf> in{leaves};
    for (std::uint32_t i = 0; i < count; ++i) {
        const pv_cpuid_leaf l = TRY(in.read(i));
        const std::uint32_t range = l.leaf >> 16;
        if (range != 0 && range != 0x4000 && range != 0x8000) return Error::erange;
    }
    return Ok{};
}

std::uint32_t feature_word(PolicyKind kind, std::uint32_t index)
{
    if (index >= std::size(sources)) return 0;
    const Source& s = sources[index];
    const bool has_leaf = s.leaf <= arch::cpuid(s.leaf & 0x80000000, 0).eax;
    const bool has_subleaf = s.leaf != 7 || s.subleaf == 0 || s.subleaf <= leaf_of(kind, 7, 0).eax;
    const std::uint32_t word = has_leaf && has_subleaf ? leaf_of(kind, s.leaf, s.subleaf).*s.reg : 0;
    return s.leaf == 0x80000001 && s.reg == d ? word & ~copies_of_leaf_1 : word;
}

Result<> write_featureset(PolicyKind kind, GuestVa words, std::uint32_t& count)
{
    const guest::Out<std::uint32_t> out{words};
    if (out.null() || count > featureset_words) count = featureset_words;
    for (std::uint32_t i = 0; i < count && !out.null(); ++i)
        TRY(out.write(feature_word(kind, i), i));
    return Ok{};
}

} // namespace hv::domain
