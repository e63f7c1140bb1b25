// SPDX-License-Identifier: MIT
//
// A domain's life: construction, pausing, and its end. Shutdown and crash stop its vCPUs and keep it for inspection;
// destroy gives everything back, in steps that can be interrupted and run again; the reaper (domain_list.cpp) frees
// what is left when the last reference goes.
#include "base/log.hpp"
#include "base/options.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/grants.hpp"
#include "domain/run.hpp"
#include "domain/time.hpp"
#include "mm/allocator.hpp"
#include "mm/update.hpp"

namespace hv::domain {

Domain::Domain(DomainId id, const DomainConfig& config)
    : MemoryOwner{id, config.role == Role::hardware ? mm::Privilege::hardware : mm::Privilege::none},
      handle{config.handle}, max_vcpus_{config.max_vcpus}, references_{1}, controller_pauses_{1},
      watchdogs_{{*this, &on_watchdog}, {*this, &on_watchdog}}, reaper_{*this, &on_reap}
{
    policy.hardware_domain = config.role == Role::hardware;
    events.set_limit(config.max_event_port);
}

Domain::~Domain() = default;

Result<> Domain::prepare(const DomainConfig& config)
{
    shared_page_.emplace(TRY(mm::SharedPage::create(*this)));
    events.shared_info = shared_page_->as<pv_shared_info>();
    for (pv_vcpu_info& v : shared_info().vcpu_info)
        v.evtchn_upcall_mask = 1;
    domain::publish_wallclock(shared_info());
    vcpus_ = TRY(mm::make_array<mm::Box<Vcpu>>(config.max_vcpus));
    grants_ = TRY(GrantTable::create(*this, config.max_grant_frames, config.max_maptrack_frames));
    return Ok{};
}

Mfn Domain::shared_info_frame()
{
    const cpu::Guard guard{lock_};
    return shared_page_ ? shared_page_->mfn() : invalid_mfn;
}

void Domain::publish_wallclock()
{
    const cpu::Guard guard{lock_};
    if (shared_page_) domain::publish_wallclock(shared_info());
}

Result<> Domain::create_vcpus(std::uint32_t count)
{
    if (count == 0 || count > max_vcpus_ || is_dying()) return Error::einval;
    for (std::uint32_t i = vcpu_count(); i < count; ++i) {
        vcpus_[i] = TRY(Vcpu::create(*this, VcpuId{i}));
        vcpu_count_.store(i + 1, Order::release);
    }
    return Ok{};
}

void Domain::settle_vcpus()
{
    for (std::uint32_t i = 0; i < vcpu_count(); ++i)
        vcpus_[i]->settle();
}

void Domain::stop_vcpus()
{
    settle_vcpus();
    for (std::uint32_t i = 0; i < vcpu_count(); ++i)
        wait_until_unloaded(*vcpus_[i]);
}

void Domain::pause()
{
    stops_.fetch_add(1, Order::acq_rel);
    stop_vcpus();
}

void Domain::unpause()
{
    ASSERT(paused());
    stops_.fetch_sub(1, Order::acq_rel);
    settle_vcpus();
}

Result<> Domain::controller_pause()
{
    if (controller_pauses_.load(Order::relaxed) == 255) return Error::eoverflow;
    controller_pauses_.fetch_add(1, Order::relaxed);
    pause();
    return Ok{};
}

Result<> Domain::controller_unpause()
{
    if (!controller_paused()) return Error::einval;
    controller_pauses_.fetch_sub(1, Order::relaxed);
    // The builder may have cleared shared_info after it was filled.
    if (!is_dying() && paused()) {
        publish_wallclock();
        for (std::uint32_t i = 0; i < vcpu_count(); ++i)
            publish_time(shared::load(&vcpus_[i]->hot.info)->time);
    }
    unpause();
    return Ok{};
}

void Domain::set_share(std::uint32_t w, std::uint32_t percent)
{
    const cpu::Guard guard{lock_};
    weight = w;
    cap = percent;
    const std::uint32_t each = vcpu_count() == 0 ? 0 : (percent + vcpu_count() - 1) / vcpu_count();
    for (std::uint32_t i = 0; i < vcpu_count(); ++i)
        reweigh(*vcpus_[i], w, each);
}

void Domain::end_machine(std::uint32_t reason)
{
    // One that wants the machine off has asked for ACPI soft off beforehand.
    const bool halt = reason == PV_SHUTDOWN_POWEROFF || (reason != PV_SHUTDOWN_REBOOT && options.noreboot);
    log::error("hardware domain ended with reason {}: {}", reason, halt ? "halted" : "reset");
    halt ? arch::halt_forever() : arch::reset();
}

void Domain::shutdown(std::uint32_t reason)
{
    {
        const cpu::Guard guard{lock_};
        if (shutdown_reason() == ~0U) set_shutdown_code(reason);
        if (is_hardware_domain()) end_machine(shutdown_reason());
        if ((stops_.fetch_or(shut_down_bit, Order::acq_rel) & shut_down_bit) != 0) return;
    }
    settle_vcpus();
    raise_virq(PV_VIRQ_DOM_EXC);
}

void Domain::crash(const char* why)
{
    if (is_shut_down()) return;
    log::error("domain {} crashed: {}", id(), why);
    shutdown(PV_SHUTDOWN_CRASH);
}

void Domain::resume()
{
    {
        const cpu::Guard guard{lock_};
        stops_.fetch_and(~shut_down_bit, Order::acq_rel);
        set_shutdown_code(~0U);
    }
    settle_vcpus();
}

Result<> Domain::begin_death()
{
    const auto* const running = static_cast<const Vcpu*>(arch::cpu_info().current);
    if (is_hardware_domain() || (running != nullptr && &running->owner() == this)) return Error::einval;
    const cpu::Guard guard{lock_};
    if (life() == Life::alive) {
        life_.store(Life::dying, Order::release);
        stops_.fetch_or(dying_bit, Order::acq_rel);
        set_dying();
    }
    return Ok{};
}

/// Each step may be repeated; what it has given back is gone from the structure it walks.
Result<> Domain::give_back()
{
    TRY(events.close_all());
    TRY(grants_->release_all());
    mm::Work work;
    for (std::uint32_t i = 0; i < vcpu_count(); ++i) {
        vcpus_[i]->release();
        TRY(mm::finish_deferred(*this, work)); // its roots, before there are more than can wait
    }
    for (DomainTimer& w : watchdogs_)
        w.finish();
    TRY(mm::relinquish(*this));
    const cpu::Guard guard{lock_};
    shared_page_.reset();
    return Ok{};
}

Result<> Domain::destroy()
{
    TRY(begin_death());
    if (life() == Life::dead) return Ok{};
    stop_vcpus();
    TRY(give_back());
    {
        const cpu::Guard guard{lock_};
        life_.store(Life::dead, Order::release);
    }
    raise_virq(PV_VIRQ_DOM_EXC);
    reaper_.start(cpu::this_cpu().timers, cpu::now());
    return Ok{};
}

void Domain::on_watchdog(cpu::Timer& t) { static_cast<DomainTimer&>(t).domain.shutdown(PV_SHUTDOWN_WATCHDOG); }

Result<std::uint64_t> Domain::set_watchdog(std::uint32_t id, std::uint32_t seconds)
{
    const cpu::Guard guard{lock_};
    std::size_t i = id - 1;
    if (id == 0) {
        if (seconds == 0) return Error::einval;
        for (i = 0; i < std::size(watchdogs_) && watchdogs_[i].active();)
            ++i;
        if (i == std::size(watchdogs_)) return Error::enospc;
    } else if (id > std::size(watchdogs_) || !watchdogs_[i].active()) {
        return Error::einval;
    }
    watchdogs_[i].stop();
    if (seconds != 0) watchdogs_[i].start(cpu::this_cpu().timers, cpu::now() + seconds * 1'000'000'000ULL);
    return id == 0 ? i + 1 : 0;
}

} // namespace hv::domain
