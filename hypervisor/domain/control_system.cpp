// SPDX-License-Identifier: MIT
//
// sysctl: facts about the machine.
#include "domain/control.hpp"

namespace hv::domain {

Result<std::uint64_t> control_system(Vcpu&, pv_sysctl&) { return Error::enosys; }

} // namespace hv::domain
