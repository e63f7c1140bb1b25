// SPDX-License-Identifier: MIT
//
// The calling vCPU's registers: descriptor tables, segment bases, the kernel's stack, debug registers, TS, and how the
// domain wants to see them (vm_assist).
#include "domain/vcpu.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "mm/segdesc.hpp"

namespace hv::hypercall {

Result<> set_gdt(Vcpu& v, GuestVa list, std::uint32_t entries)
{
    if (entries > PV_FIRST_RESERVED_GDT_ENTRY) return Error::einval;
    std::array<Mfn, 14> frames;
    const std::span used = std::span{frames}.first((entries + 511) / 512);
    TRY(guest::In<Mfn>{list}.read_array(used));
    return v.set_gdt(used, entries);
}

Result<> update_descriptor(Vcpu& v, Maddr where, std::uint64_t descriptor)
{
    return mm::write_descriptor(where, descriptor, v.owner());
}

Result<> set_segment_base(Vcpu& v, std::uint32_t which, std::uint64_t base)
{
    const bool selector = which == PV_SEGBASE_GS_USER_SEL;
    if (which > PV_SEGBASE_GS_USER_SEL || (!selector && !is_canonical(base))) return Error::einval;
    selector ? arch::load_user_gs_selector(static_cast<std::uint16_t>(base)) : v.set_base(which, base);
    return Ok{};
}

Result<> stack_switch(Vcpu& v, std::uint64_t ss, std::uint64_t sp)
{
    v.kernel_ss = ss;
    v.set_kernel_sp(sp);
    return Ok{};
}

Result<> set_debugreg(Vcpu& v, std::uint32_t index, std::uint64_t value) { return v.set_debug_register(index, value); }

Return get_debugreg(Vcpu& v, std::uint32_t index)
{
    if (index > 7 || index == 4 || index == 5) return Error::enodev;
    return v.debug_register(index);
}

Result<> fpu_taskswitch(Vcpu& v, std::uint32_t set)
{
    v.set_task_switched(set != 0 ? arch::TaskSwitched::set : arch::TaskSwitched::clear);
    return Ok{};
}

Result<> vm_assist(Vcpu& v, std::uint32_t cmd, std::uint32_t type)
{
    if (cmd != PV_VMASST_CMD_ENABLE && cmd != PV_VMASST_CMD_DISABLE) return Error::enosys;
    if (type >= 64 || (guest::valid_assists >> type & 1) == 0) return Error::einval;
    auto& word = v.policy().vm_assist;
    const std::uint64_t bit = 1ULL << type;
    cmd == PV_VMASST_CMD_ENABLE ? word.fetch_or(bit, Order::acq_rel) : word.fetch_and(~bit, Order::acq_rel);
    v.choose_fast_paths();
    return Ok{};
}

} // namespace hv::hypercall
