// SPDX-License-Identifier: MIT
//
// The places in guest memory a vCPU has registered: vcpu_info by frame, runstate and time by guest address. Addresses
// are written through the vCPU's own kernel page tables; one that no longer maps is skipped, as the ABI has it. And its
// timers.
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include "domain/time.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::domain {
/// The guest unmapped the area it registered: its loss, as the ABI has it.
static void ignore_fault(const Result<>&) {}

void Vcpu::use_info(pv_vcpu_info* place)
{
    shared::store(&hot.info, place); // who raises an event on another CPU reads it
    if (loaded()) arch::cpu_info().guest_info = place;
    publish_time(place->time);
}

[[gnu::cold]] Result<> Vcpu::register_info(Mfn frame, std::uint32_t offset)
{
    if (info_page_) return Error::einval;
    if (offset > page_size - sizeof(pv_vcpu_info) || offset % alignof(pv_vcpu_info) != 0) return Error::enxio;
    Result<mm::MappedPage, false> page = mm::MappedPage::map(frame, domain_);
    if (!page.ok()) return Error::einval;
    info_page_.emplace(std::move(page).take());
    auto* const place = info_page_->at<pv_vcpu_info>(offset);
    const pv_vcpu_info& old = *hot.info;
    place->evtchn_upcall_mask = shared::load(&old.evtchn_upcall_mask);
    place->evtchn_pending_sel = shared::load(&old.evtchn_pending_sel);
    place->arch = old.arch;
    use_info(place);
    // Whoever raised something meanwhile may have marked the old place: look at everything once.
    shared::store<std::uint64_t>(&place->evtchn_pending_sel, ~0ULL);
    shared::store<std::uint8_t>(&place->evtchn_upcall_pending, 1);
    return Ok{};
}

[[gnu::cold]] Result<> Vcpu::register_runstate(GuestVa area)
{
    if (!is_guest_va(area.raw())) return Error::efault;
    runstate_area_ = area;
    if (area.raw() != 0) ignore_fault(guest::Out<pv_vcpu_runstate_info>{area}.write(runstate_now(*this)));
    return Ok{};
}

[[gnu::cold]] Result<> Vcpu::register_time(GuestVa area)
{
    if (!is_guest_va(area.raw())) return Error::efault;
    // The record never changes, so writing it now is all there is to keep up to date.
    if (area.raw() != 0) ignore_fault(guest::Out<pv_vcpu_time_info>{area}.write(time_record()));
    return Ok{};
}

void Vcpu::publish_runstate()
{
    pv_vcpu_runstate_info info = runstate_at_last_change(*this);
    const guest::Out<pv_vcpu_runstate_info> area{runstate_area_};
    const guest::Out<std::uint64_t> entry_time{runstate_area_ + offsetof(pv_vcpu_runstate_info, state_entry_time)};
    if (!policy().assists(PV_VMASST_TYPE_RUNSTATE_UPDATE_FLAG)) return ignore_fault(area.store(info));
    const std::uint64_t settled = info.state_entry_time;
    info.state_entry_time |= PV_RUNSTATE_UPDATE;
    if (!entry_time.store(info.state_entry_time).ok()) return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!area.store(info).ok()) return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    ignore_fault(entry_time.store(settled));
}

// ---- timers: they live on the queue of the CPU that starts them and raise VIRQ_TIMER ----

static Vcpu& owner_of(cpu::Timer& t) { return static_cast<VcpuTimer&>(t).vcpu; }

void Vcpu::on_singleshot(cpu::Timer& t) { raise_virq(owner_of(t), PV_VIRQ_TIMER); }

void Vcpu::on_periodic(cpu::Timer& t)
{
    Vcpu& v = owner_of(t);
    // The next beat stays on the grid; beats missed while nothing ran are not made up for.
    const Nanoseconds late = cpu::now() - t.deadline();
    const Nanoseconds period = v.period_.load(Order::relaxed);
    t.start(cpu::this_cpu().timers, t.deadline() + (late / period + 1) * period);
    raise_virq(v, PV_VIRQ_TIMER);
}

void Vcpu::on_poll_timeout(cpu::Timer& t) { owner_of(t).wake(); }

void Vcpu::set_singleshot(Nanoseconds deadline)
{
    singleshot_.stop();
    const bool gone = deadline <= cpu::now() || deadline >> 63 != 0; // it is signed
    gone ? raise_virq(*this, PV_VIRQ_TIMER) : singleshot_.start(cpu::this_cpu().timers, deadline);
}

[[gnu::cold]] Result<> Vcpu::set_periodic(Nanoseconds period)
{
    constexpr Nanoseconds shortest_period = 1'000'000, longest_period = 1ULL << 62;
    if (period < shortest_period || period > longest_period) return Error::einval;
    period_.store(period, Order::relaxed);
    periodic_.start(cpu::this_cpu().timers, cpu::now() + period);
    return Ok{};
}

} // namespace hv::domain
