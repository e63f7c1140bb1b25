// SPDX-License-Identifier: MIT
//
// domctl: vCPUs of a domain other than the caller's, which is paused while its state is read or written.
#include "domain/control.hpp"
#include "domain/run.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/heap.hpp"

namespace hv::domain {
namespace {

Result<Vcpu*> find_vcpu(Domain& d, std::uint32_t id)
{
    if (id >= d.max_vcpus()) return Error::einval;
    Vcpu* const v = d.vcpu(VcpuId{id});
    if (v == nullptr) return Error::esrch;
    return v;
}

Result<> set_context(Domain& d, const pv_domctl_vcpucontext& q)
{
    Vcpu& v = *TRY(find_vcpu(d, q.vcpu));
    if (d.is_dying()) return Error::einval;
    const auto context = TRY(mm::make_box<pv_vcpu_guest_context>()); // too large for the stack
    TRY(guest::In<pv_vcpu_guest_context>{GuestVa{q.ctxt}}.read_array(std::span{context.get(), 1}));
    d.pause();
    const Result<> done = v.initialise(*context);
    d.unpause();
    return done;
}

Result<> get_context(Domain& d, const pv_domctl_vcpucontext& q)
{
    Vcpu& v = *TRY(find_vcpu(d, q.vcpu));
    if (!v.initialised() || d.is_dying()) return Error::enodata;
    const auto context = TRY(mm::make_box<pv_vcpu_guest_context>());
    d.pause();
    v.context(*context);
    d.unpause();
    return guest::Out<pv_vcpu_guest_context>{GuestVa{q.ctxt}}.write_array(std::span{context.get(), 1});
}

Result<> get_info(Domain& d, pv_domctl_getvcpuinfo& info)
{
    Vcpu& v = *TRY(find_vcpu(d, info.vcpu));
    const pv_vcpu_runstate_info state = runstate_now(v);
    info.online = v.online();
    info.blocked = v.blocked();
    info.running = state.state == PV_RUNSTATE_RUNNING;
    info.cpu_time = state.time[PV_RUNSTATE_RUNNING];
    info.cpu = v.cpu_number.load(Order::relaxed);
    return Ok{};
}

/// Writes back what is in force. A hard set without a CPU that runs is refused; the soft one may name what it likes.
Result<> affinity(Domain& d, const pv_domctl& op)
{
    const pv_domctl_vcpuaffinity& a = op.u.vcpuaffinity;
    constexpr std::uint32_t which = PV_VCPUAFFINITY_HARD | PV_VCPUAFFINITY_SOFT;
    if ((a.flags & which) == 0 || (a.flags & ~(which | PV_VCPUAFFINITY_FORCE)) != 0) return Error::einval;
    Vcpu& v = *TRY(find_vcpu(d, a.vcpu));
    const bool with_hard = (a.flags & PV_VCPUAFFINITY_HARD) != 0, with_soft = (a.flags & PV_VCPUAFFINITY_SOFT) != 0;
    Affinity now = affinity_of(v);
    if (op.cmd == PV_DOMCTL_SETVCPUAFFINITY) {
        if (with_hard) now.hard = TRY(read_set(a.cpumap_hard));
        if (with_soft) now.soft = TRY(read_set(a.cpumap_soft));
        now.hard &= arch::online_cpus();
        if (now.hard.empty()) return Error::einval;
        set_affinity(v, now);
        now.soft &= now.hard; // what it comes to
    }
    if (with_hard) TRY(write_set(a.cpumap_hard, now.hard));
    if (with_soft) TRY(write_set(a.cpumap_soft, now.soft));
    return Ok{};
}

} // namespace

Result<> control_vcpu(Domain& d, pv_domctl& op)
{
    switch (op.cmd) {
    case PV_DOMCTL_MAX_VCPUS: return d.create_vcpus(op.u.max_vcpus);
    case PV_DOMCTL_SETVCPUCONTEXT: return set_context(d, op.u.vcpucontext);
    case PV_DOMCTL_GETVCPUCONTEXT: return get_context(d, op.u.vcpucontext);
    case PV_DOMCTL_GETVCPUINFO: return get_info(d, op.u.getvcpuinfo);
    case PV_DOMCTL_SETVCPUAFFINITY:
    case PV_DOMCTL_GETVCPUAFFINITY: return affinity(d, op);
    default: return Error::enosys;
    }
}

} // namespace hv::domain
