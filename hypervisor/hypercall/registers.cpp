// SPDX-License-Identifier: MIT
//
// set_debugreg, get_debugreg, fpu_taskswitch, vm_assist.
#include "domain/vcpu.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/hypercall.h"

namespace hv::hypercall {

Return set_debugreg(Vcpu& v, std::uint32_t index, std::uint64_t value)
{
    TRY(v.set_debug_register(index, value));
    return 0;
}

Return get_debugreg(Vcpu& v, std::uint32_t index)
{
    if (index > 7 || index == 4 || index == 5) return Error::enodev;
    return v.debug_register(index);
}

Return fpu_taskswitch(Vcpu& v, std::uint32_t set)
{
    v.set_task_switched(set != 0 ? arch::TaskSwitched::set : arch::TaskSwitched::clear);
    return 0;
}

Return vm_assist(Vcpu& v, std::uint32_t cmd, std::uint32_t type)
{
    if (cmd != PV_VMASST_CMD_ENABLE && cmd != PV_VMASST_CMD_DISABLE) return Error::enosys;
    if (type >= 64 || (guest::valid_assists >> type & 1) == 0) return Error::einval;
    auto& word = v.policy().vm_assist;
    if (cmd == PV_VMASST_CMD_ENABLE)
        word.fetch_or(1ULL << type, Order::acq_rel);
    else
        word.fetch_and(~(1ULL << type), Order::acq_rel);
    v.choose_fast_paths();
    return 0;
}

} // namespace hv::hypercall
