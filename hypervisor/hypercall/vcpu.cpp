// SPDX-License-Identifier: MIT
//
// vcpu_op: a guest's control of its own vCPUs. A vCPU that does not exist is enoent, found out first: kernels ask
// for thousands of them.
#include "cpu/clock.hpp"
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

Result<> initialise(Vcpu& target, GuestVa arg)
{
    if (target.initialised()) return Error::eexist;
    if (!target.has_info_place()) return Error::einval;
    const auto context = TRY(mm::make_box<pv_vcpu_guest_context>()); // too large for the stack
    TRY(guest::In<pv_vcpu_guest_context>{arg}.read_array(std::span{context.get(), 1}));
    const cpu::Guard guard{target.domain().lock()};
    if (target.initialised()) return Error::eexist;
    return target.initialise(*context);
}

/// The last vCPU to go takes the domain with it.
Result<> down(Vcpu& target)
{
    domain::Domain& d = target.domain();
    {
        const cpu::Guard guard{d.lock()};
        for (std::uint32_t i = 0; i < d.vcpu_count(); ++i) {
            const Vcpu* const other = d.vcpu(VcpuId{i});
            if (other == &target || !other->online()) continue;
            target.down();
            return Ok{};
        }
    }
    d.shutdown(PV_SHUTDOWN_POWEROFF);
    return Ok{};
}

Result<> register_info(Vcpu& caller, Vcpu& target, GuestVa arg)
{
    const auto op = TRY(guest::In<pv_vcpu_register_vcpu_info>{arg}.read());
    const cpu::Guard guard{target.domain().lock()};
    if (&target != &caller && target.online()) return Error::einval;
    const bool leaving = &target != &caller && target.loaded_on.load(Order::acquire) != Vcpu::no_cpu;
    if (leaving) return Error::restart; // the CPU it is about to leave goes by the old place
    return target.register_info(Mfn{op.mfn}, op.offset);
}

Result<> set_singleshot(Vcpu& caller, Vcpu& target, GuestVa arg)
{
    if (&target != &caller) return Error::einval;
    const auto op = TRY(guest::In<pv_vcpu_set_singleshot_timer>{arg}.read());
    if ((op.flags & PV_VCPU_SSHOTTMR_FUTURE) != 0 && op.timeout_abs_ns < cpu::now()) return Error::etime;
    target.set_singleshot(op.timeout_abs_ns);
    return Ok{};
}

Result<> run(Vcpu& caller, std::uint32_t cmd, Vcpu& target, GuestVa arg)
{
    switch (cmd) {
    case PV_VCPUOP_INITIALISE: return initialise(target, arg);
    case PV_VCPUOP_UP: return target.up();
    case PV_VCPUOP_DOWN: return down(target);
    case PV_VCPUOP_SET_PERIODIC_TIMER: return target.set_periodic(TRY(guest::In<Nanoseconds>{arg}.read()));
    case PV_VCPUOP_STOP_PERIODIC_TIMER: target.stop_periodic(); return Ok{};
    case PV_VCPUOP_SET_SINGLESHOT_TIMER: return set_singleshot(caller, target, arg);
    case PV_VCPUOP_STOP_SINGLESHOT_TIMER:
        if (&target != &caller) return Error::einval;
        target.stop_singleshot();
        return Ok{};
    case PV_VCPUOP_GET_RUNSTATE_INFO: return guest::Out<pv_vcpu_runstate_info>{arg}.write(domain::runstate_now(target));
    case PV_VCPUOP_REGISTER_VCPU_INFO: return register_info(caller, target, arg);
    case PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA: return target.register_runstate(TRY(guest::In<GuestVa>{arg}.read()));
    case PV_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA: return target.register_time(TRY(guest::In<GuestVa>{arg}.read()));
    default: return Error::enosys;
    }
}

} // namespace

Return vcpu_op(Vcpu& v, std::uint32_t cmd, std::uint32_t vcpu, GuestVa arg)
{
    Vcpu* const target = v.domain().vcpu(VcpuId{vcpu});
    if (target == nullptr) return Error::enoent;
    if (cmd == PV_VCPUOP_IS_UP) return target->online() ? 1 : 0;
    return in_rax(run(v, cmd, *target, arg));
}

} // namespace hv::hypercall
