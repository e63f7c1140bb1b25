// SPDX-License-Identifier: MIT
//
// From a number and five registers to a handler. Runs on the calling vCPU's CPU.
#pragma once
#include "hypercall/table.hpp"

namespace hv::hypercall {

/// Runs one hypercall; restart may come back, with v.continuation() filled if the arguments changed.
Result<std::uint64_t> dispatch(domain::Vcpu& v, std::uint64_t number, const Args& args);

} // namespace hv::hypercall
