// SPDX-License-Identifier: MIT
//
// sched_op and set_timer_op. Giving up the CPU takes effect on the way back to the guest, when rax already holds 0.
#include "domain/domain.hpp"
#include "guest/bounce.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

constexpr std::uint32_t max_polled_ports = 128;

[[gnu::cold, gnu::noinline]] Result<> poll_list(Vcpu& v, const pv_sched_poll& op)
{
    if (op.nr_ports > max_polled_ports) return Error::einval;
    std::array<EventPort, max_polled_ports> ports;
    const std::span named = std::span{ports}.first(op.nr_ports);
    TRY(guest::In<EventPort>{GuestVa{op.ports}}.read_array(named));
    return v.poll(named, op.timeout);
}

Result<> poll(Vcpu& v, GuestVa arg)
{
    pv_sched_poll op;
    TRY(guest::load_from_guest(std::span{&op, 1}, arg));
    if (op.nr_ports != 1) return poll_list(v, op);
    const EventPort port{TRY(guest::load_word_from_guest(GuestVa{op.ports}))}; // Linux's
    return v.poll_one(port, op.timeout);
}

Result<> shutdown(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    const std::uint32_t reason = TRY(guest::In<std::uint32_t>{arg}.read()) & 0xff;
    if (cmd == PV_SCHEDOP_SHUTDOWN_CODE) {
        v.domain().set_shutdown_code(reason);
        return Ok{};
    }
    // The machine ends with the hardware domain, and others are often gone soon: where were they?
    TRY(v.want_whole_frame());
    if (reason == PV_SHUTDOWN_CRASH) guest::print_crash_report(v, "reports its own crash");
    v.domain().shutdown(reason);
    return Ok{};
}

Result<> remote_shutdown(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(guest::In<pv_sched_remote_shutdown>{arg}.read());
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const domain::DomainRef d = TRY(domain::resolve(DomainId{op.domain_id}, v));
    d->shutdown(op.reason & 0xff);
    return Ok{};
}

[[gnu::cold, gnu::noinline]] Return less_frequent(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    switch (cmd) {
    case PV_SCHEDOP_SHUTDOWN:
    case PV_SCHEDOP_SHUTDOWN_CODE: return in_rax(shutdown(v, cmd, arg));
    case PV_SCHEDOP_REMOTE_SHUTDOWN: return in_rax(remote_shutdown(v, arg));
    case PV_SCHEDOP_WATCHDOG: {
        const auto op = TRY(guest::In<pv_sched_watchdog>{arg}.read());
        return v.domain().set_watchdog(op.id, op.timeout);
    }
    default: return Error::enosys;
    }
}

} // namespace

Return sched_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    switch (cmd) {
    case PV_SCHEDOP_YIELD: v.yield(); return 0;
    case PV_SCHEDOP_BLOCK:
        shared::store<std::uint8_t>(&v.hot.info->evtchn_upcall_mask, 0);
        v.block();
        return 0;
    case PV_SCHEDOP_POLL: return in_rax(poll(v, arg));
    default: return less_frequent(v, cmd, arg);
    }
}

Result<> set_timer_op(Vcpu& v, std::uint64_t deadline)
{
    deadline == 0 ? v.stop_singleshot() : v.set_singleshot(deadline);
    return Ok{};
}

} // namespace hv::hypercall
