// SPDX-License-Identifier: MIT
//
// domctl: life and properties of domains.
#include "domain/control.hpp"

namespace hv::domain {

Result<std::uint64_t> control_domain(Vcpu&, pv_domctl&) { return Error::enosys; }

} // namespace hv::domain
