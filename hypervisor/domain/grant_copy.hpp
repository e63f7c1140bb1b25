// SPDX-License-Identifier: MIT
//
// Copies between a caller's frames and granted frames without mapping either. Any CPU; holds both frames meanwhile.
#pragma once
#include "domain/grants.hpp"

namespace hv::domain {

struct CopyEnd {
    DomainId domain;    ///< PV_DOMID_SELF for a frame of the caller's.
    bool is_ref;        ///< A grant of that domain, else a frame.
    std::uint64_t name; ///< Grant reference or frame number.
    std::uint32_t offset;
};

/// The copies of one slice of a batch.
class GrantCopier {
public:
    explicit GrantCopier(Vcpu& v) : v_{v} {}
    GrantStatus copy(const CopyEnd& source, const CopyEnd& dest, std::uint32_t bytes);

private:
    Vcpu& v_;
    GranterCache sources_, dests_; ///< A claim of one end outlives the look for the other.
};

} // namespace hv::domain
