// SPDX-License-Identifier: MIT
//
// The CPUID policy as the control interface carries it: lists of leaves and feature words. There is one policy for
// all guests (guest/cpuid_policy.hpp); a toolstack may read it, and what it sets is checked but changes nothing.
#pragma once
#include "base/result.hpp"
#include "base/units.hpp"

namespace hv::domain {

enum class PolicyKind : std::uint8_t { hardware, guest };
/// PV_SYSCTL_CPU_POLICY_ and _FEATURESET_ numbers agree up to 3. eopnotsupp for HVM's, einval for what there is not.
Result<PolicyKind> policy_kind(std::uint32_t index, std::uint32_t guest_default);

/// Writes the leaves to guest array @p leaves with room for @p count and returns how many; a null array only counts.
/// enobufs if they do not fit.
Result<std::uint32_t> write_policy(PolicyKind kind, GuestVa leaves, std::uint32_t count);
/// Is @p leaves a readable list of @p count leaves that could have come from write_policy?
Result<> check_policy(GuestVa leaves, std::uint32_t count);

/// Feature words in the order of the ABI's feature sets. Returns how many were written; null array: how many there are.
Result<std::uint32_t> write_featureset(PolicyKind kind, GuestVa words, std::uint32_t count);
inline constexpr std::uint32_t featureset_words = 19;
std::uint32_t feature_word(PolicyKind kind, std::uint32_t index);

} // namespace hv::domain
