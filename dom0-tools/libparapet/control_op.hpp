// SPDX-License-Identifier: MIT
//
// Empty requests of the control hypercalls, in the interface version we speak. Internal to libparapet.
#pragma once
#include "libparapet/hypervisor.hpp"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"

namespace parapet {

inline pv_domctl domctl_for(DomainId domain, std::uint32_t cmd)
{
    pv_domctl op{};
    op.cmd = cmd;
    op.interface_version = PV_DOMCTL_INTERFACE_VERSION;
    op.domain = domain;
    return op;
}

inline pv_sysctl sysctl_for(std::uint32_t cmd)
{
    pv_sysctl op{};
    op.cmd = cmd;
    op.interface_version = PV_SYSCTL_INTERFACE_VERSION;
    return op;
}

} // namespace parapet
