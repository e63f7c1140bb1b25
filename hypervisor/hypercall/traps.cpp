// SPDX-License-Identifier: MIT
//
// set_trap_table, callback_op, set_callbacks, iret: where the hypervisor enters this vCPU's kernel.
#include "domain/domain.hpp"
#include "guest/bounce.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/vcpu.h"

namespace hv::hypercall {

using guest::CallbackKind;

Result<> set_trap_table(Vcpu& v, GuestVa table)
{
    constexpr std::uint32_t entries_per_run = 256;
    const guest::In<pv_trap_info> entries{table};
    if (entries.null()) {
        std::fill_n(v.hot.traps, 256, pv_trap_info{});
        v.choose_fast_paths();
        return Ok{};
    }
    for (std::uint32_t i = 0; i < entries_per_run; ++i) {
        const pv_trap_info t = TRY(entries.read(i));
        if (t.address == 0) return Ok{};
        if (!is_canonical(t.address)) return Error::einval;
        v.hot.traps[t.vector] = t;
        if (t.vector == 14) v.choose_fast_paths();
    }
    v.set_continuation(table.raw() + entries_per_run * sizeof(pv_trap_info));
    return Error::restart;
}

static Result<CallbackKind> kind_of(std::uint16_t type)
{
    using enum CallbackKind;
    constexpr CallbackKind kinds[] = {event, failsafe, syscall, count,
                                      nmi,   sysenter, count,   syscall32}; // by CALLBACKTYPE
    if (type >= std::size(kinds) || kinds[type] == count) return Error::enosys;
    return kinds[type];
}

static Result<> set_callback(Vcpu& v, CallbackKind kind, std::uint64_t address, std::uint16_t flags)
{
    if (!is_canonical(address)) return Error::einval;
    const bool masks = (flags & PV_CALLBACKF_MASK_EVENTS) != 0 || kind == CallbackKind::event;
    v.set_callback(kind, {address, masks});
    return Ok{};
}

Result<> callback_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    if (cmd == PV_CALLBACKOP_REGISTER) {
        const auto reg = TRY(guest::In<pv_callback_register>{arg}.read());
        return set_callback(v, TRY(kind_of(reg.type)), reg.address, reg.flags);
    }
    if (cmd != PV_CALLBACKOP_UNREGISTER) return Error::enosys;
    const auto unreg = TRY(guest::In<pv_callback_unregister>{arg}.read());
    if (TRY(kind_of(unreg.type)) != CallbackKind::nmi) return Error::einval;
    return set_callback(v, CallbackKind::nmi, 0, 0);
}

Result<> set_callbacks(Vcpu& v, std::uint64_t event, std::uint64_t failsafe, std::uint64_t syscall)
{
    TRY(set_callback(v, CallbackKind::event, event, 0));
    TRY(set_callback(v, CallbackKind::failsafe, failsafe, 0));
    return set_callback(v, CallbackKind::syscall, syscall, 0);
}

Return iret(Vcpu& v)
{
    TRY(v.want_whole_frame());
    if (guest::iret(v) == guest::Outcome::crash) v.domain().crash("iret");
    return v.regs().rax; // the frame's, which the dispatcher stores back
}

} // namespace hv::hypercall
