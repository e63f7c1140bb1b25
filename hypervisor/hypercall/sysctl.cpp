// SPDX-License-Identifier: MIT
//
// sysctl (35): what the hardware domain asks of the machine. The record is copied in whole, worked on, and copied back.
#include "pv-abi/sysctl.h"
#include "domain/control.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {

Return sysctl(Vcpu& v, GuestVa arg)
{
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const guest::InOut<pv_sysctl> ptr{arg};
    pv_sysctl op = TRY(ptr.read());
    if (op.interface_version != PV_SYSCTL_INTERFACE_VERSION) return Error::eacces;
    const std::uint64_t result = TRY(domain::control_system(v, op));
    TRY(ptr.write(op));
    return result;
}

} // namespace hv::hypercall
