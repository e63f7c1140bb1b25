// SPDX-License-Identifier: MIT
//
// domctl (36): control of domains by the hardware domain. The record is copied in whole, worked on, and copied back.
#include "pv-abi/domctl.h"
#include "domain/control.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {

Return domctl(Vcpu& v, GuestVa arg)
{
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const guest::InOut<pv_domctl> ptr{arg};
    pv_domctl op = TRY(ptr.read());
    if (op.interface_version != PV_DOMCTL_INTERFACE_VERSION) return Error::eacces;
    const std::uint64_t result = TRY(domain::control_domain(v, op));
    TRY(ptr.write(op));
    return result;
}

} // namespace hv::hypercall
