// SPDX-License-Identifier: MIT
//
// set_trap_table, callback_op, set_callbacks, iret: where the hypervisor enters this vCPU's kernel.
#include "domain/domain.hpp"
#include "guest/bounce.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/vcpu.h"
#include <optional>

namespace hv::hypercall {

using guest::CallbackKind;

Return set_trap_table(Vcpu& v, GuestVa table)
{
    constexpr std::uint32_t entries_per_run = 256;
    const guest::In<pv_trap_info> entries{table};
    if (entries.null()) {
        std::fill_n(v.hot.traps, 256, pv_trap_info{});
        return 0;
    }
    for (std::uint32_t i = 0; i < entries_per_run; ++i) {
        const pv_trap_info t = TRY(entries.read(i));
        if (t.address == 0) return 0;
        if (!is_canonical(t.address)) return Error::einval;
        v.hot.traps[t.vector] = t;
    }
    v.set_continuation(table.raw() + entries_per_run * sizeof(pv_trap_info));
    return Error::restart;
}

static std::optional<CallbackKind> kind_of(std::uint16_t type)
{
    switch (type) {
    case PV_CALLBACKTYPE_EVENT: return CallbackKind::event;
    case PV_CALLBACKTYPE_FAILSAFE: return CallbackKind::failsafe;
    case PV_CALLBACKTYPE_SYSCALL: return CallbackKind::syscall;
    case PV_CALLBACKTYPE_NMI: return CallbackKind::nmi;
    case PV_CALLBACKTYPE_SYSENTER: return CallbackKind::sysenter;
    case PV_CALLBACKTYPE_SYSCALL32: return CallbackKind::syscall32;
    default: return std::nullopt;
    }
}

static Return set_callback(Vcpu& v, CallbackKind kind, std::uint64_t address, std::uint16_t flags)
{
    if (!is_canonical(address)) return Error::einval;
    const bool masks = (flags & PV_CALLBACKF_MASK_EVENTS) != 0 || kind == CallbackKind::event;
    v.set_callback(kind, {address, masks});
    return 0;
}

Return callback_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    if (cmd == PV_CALLBACKOP_REGISTER) {
        const auto reg = TRY(guest::In<pv_callback_register>{arg}.read());
        const auto kind = kind_of(reg.type);
        return kind ? set_callback(v, *kind, reg.address, reg.flags) : Return{Error::enosys};
    }
    if (cmd == PV_CALLBACKOP_UNREGISTER) {
        const auto unreg = TRY(guest::In<pv_callback_unregister>{arg}.read());
        const auto kind = kind_of(unreg.type);
        if (!kind) return Error::enosys;
        if (*kind != CallbackKind::nmi) return Error::einval;
        return set_callback(v, *kind, 0, 0);
    }
    return Error::enosys;
}

Return set_callbacks(Vcpu& v, std::uint64_t event, std::uint64_t failsafe, std::uint64_t syscall)
{
    TRY(set_callback(v, CallbackKind::event, event, 0));
    TRY(set_callback(v, CallbackKind::failsafe, failsafe, 0));
    return set_callback(v, CallbackKind::syscall, syscall, 0);
}

Return iret(Vcpu& v)
{
    if (guest::iret(v) == guest::Outcome::crash) v.domain().crash("iret");
    return v.regs().rax; // the frame's, which the dispatcher stores back
}

} // namespace hv::hypercall
