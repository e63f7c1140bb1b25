// SPDX-License-Identifier: MIT
//
// Life cycle and scheduling of a vCPU: blocked, paused, online, polling. Any CPU. It is woken in run_queues.cpp.
#include "domain/vcpu.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include "domain/time.hpp"
#include "guest/bounce.hpp"

namespace hv::domain {
namespace {

/// Where hot.info points once a dying vCPU has lost its place: never delivered from, never shown to anyone.
pv_vcpu_info nowhere{
    .evtchn_upcall_pending = 0, .evtchn_upcall_mask = 1, .hole0 = {}, .evtchn_pending_sel = 0, .arch = {}, .time = {}};

} // namespace

Vcpu::Vcpu(Domain& d, VcpuId id)
    : VcpuState{id, d, d.policy}, domain_{d}, singleshot_{*this, &on_singleshot}, periodic_{*this, &on_periodic},
      poll_timer_{*this, &on_poll_timeout}
{
    weight = d.weight;
    hard_affinity = soft_affinity = arch::online_cpus();
    cpu_number.store(arch::cpu_info().cpu, Order::relaxed);
    runstate.start(cpu::now());
}

[[gnu::cold]] Result<mm::Box<Vcpu>> Vcpu::create(Domain& d, VcpuId id)
{
    mm::Box<Vcpu> v = TRY(mm::make_box<Vcpu>(d, id));
    TRY(v->allocate());
    if (id.raw() < PV_LEGACY_MAX_VCPUS) {
        v->use_info(&d.shared_info().vcpu_info[id.raw()]);
    } else {
        v->private_info_ = TRY(mm::make_box<pv_vcpu_info>());
        v->use_info(v->private_info_.get());
    }
    v->hot.info->evtchn_upcall_mask = 1;
    return v;
}

[[gnu::cold]] Result<> Vcpu::initialise(const pv_vcpu_guest_context& c)
{
    TRY(guest::set_context(*this, c));
    publish_time(hot.info->time);
    initialised_.store(true, Order::release);
    online_.store((c.flags & PV_VGCF_ONLINE) != 0, Order::release);
    settle();
    return Ok{};
}

[[gnu::cold]] void Vcpu::context(pv_vcpu_guest_context& out)
{
    guest::get_context(*this, out);
    if (online()) out.flags |= PV_VGCF_ONLINE;
}

[[gnu::cold]] Result<> Vcpu::up()
{
    if (!initialised()) return Error::einval;
    online_.store(true, Order::release);
    settle();
    return Ok{};
}

[[gnu::cold]] void Vcpu::down()
{
    online_.store(false, Order::release);
    settle();
}

[[gnu::cold]] void Vcpu::release()
{
    ASSERT(loaded_on.load(Order::acquire) == no_cpu && domain_.is_dying()); // replace_root() relies on that
    singleshot_.finish();
    periodic_.finish();
    poll_timer_.finish();
    hot.info = &nowhere;
    info_page_.reset();
    drop_references();
}

void Vcpu::block()
{
    blocked_.store(true, Order::seq_cst);
    // Looked at after the store: a sender that comes later sees blocked_, and wakes it.
    if (event_deliverable(*this)) return stay_awake();
    cpu::raise(cpu::Softirq::reschedule); // which finds it blocked, or woken
}

void Vcpu::notify()
{
    if (blocked()) return wake();
    const std::uint32_t on = loaded_on.load(Order::acquire);
    if (on != no_cpu && on != arch::cpu_info().cpu) arch::kick_cpu(CpuId{on});
}

template <typename Ports>
[[gnu::always_inline]] inline Result<> Vcpu::poll(std::uint32_t which, Ports ports, Nanoseconds deadline)
{
    polling_ = true;
    poll_port.store(which, Order::relaxed);
    domain_.events.pollers[id().raw() / 64].fetch_or(1ULL << id().raw() % 64, Order::acq_rel);
    blocked_.store(true, Order::seq_cst);
    Result<bool> pending = domain_.events.pending(ports);
    if (pending.ok() && !pending.take() && !event_deliverable(*this) && (deadline == 0 || deadline > cpu::now())) {
        cpu::raise(cpu::Softirq::reschedule); // as in block()
        if (deadline != 0) poll_timer_.start(cpu::this_cpu().timers, deadline);
        if (deadline != 0 && !blocked()) poll_timer_.stop(); // a waker may have been too early to do it
        return Ok{};
    }
    stay_awake();
    TRY(std::move(pending));
    return Ok{};
}

Result<> Vcpu::poll_one(EventPort port, Nanoseconds deadline) { return poll(port.raw(), port, deadline); }

[[gnu::cold]] Result<> Vcpu::poll(std::span<const EventPort> ports, Nanoseconds deadline)
{
    return poll(ports.size() == 1 ? ports[0].raw() : ports.empty() ? no_port : any_port, ports, deadline);
}

} // namespace hv::domain
