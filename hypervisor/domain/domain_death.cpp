// SPDX-License-Identifier: MIT
//
// How a domain ends: shutdown and crash stop its vCPUs and keep it for inspection; destroy gives everything back, in
// steps that can be interrupted and run again; the reaper frees what is left when the last reference goes.
#include "base/log.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain_list.hpp"
#include "domain/grants.hpp"
#include "domain/upcalls.hpp"
#include "mm/allocator.hpp"

namespace hv::domain {
namespace {

constexpr Nanoseconds reap_interval = 5'000'000;
constexpr Nanoseconds ns_per_second = 1'000'000'000;
AfterCrash after_crash = AfterCrash::reset;

} // namespace

void set_after_crash(AfterCrash what) { after_crash = what; }

void Domain::end_machine(std::uint32_t reason)
{
    if (reason == PV_SHUTDOWN_POWEROFF) {
        log::warning("hardware domain shut down: power off");
        arch::power_off();
    }
    if (reason == PV_SHUTDOWN_REBOOT) {
        log::warning("hardware domain asks for a reboot");
        arch::reset();
    }
    log::error("hardware domain ended with reason {}", reason);
    if (after_crash == AfterCrash::halt) arch::halt_forever();
    arch::reset();
}

void Domain::shutdown(std::uint32_t reason)
{
    {
        const cpu::Guard guard{lock_};
        if (shutdown_reason() == ~0U) set_shutdown_code(reason);
        if (is_hardware_domain()) end_machine(shutdown_reason());
        if (shut_down_.exchange(true, Order::acq_rel)) return;
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
        shut_down_.store(false, Order::release);
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
        set_dying();
    }
    return Ok{};
}

/// Each step may be repeated; what it has given back is gone from the structure it walks.
Result<> Domain::give_back()
{
    TRY(events.close_all());
    release_pirqs(*this);
    TRY(grants_->release_all());
    for (std::uint32_t i = 0; i < vcpu_count(); ++i)
        vcpus_[i]->release();
    for (DomainTimer& w : watchdogs_)
        w.stop();
    TRY(mm::relinquish(*this));
    const cpu::Guard guard{lock_};
    shared_page_.reset();
    return Ok{};
}

Result<> Domain::destroy()
{
    TRY(begin_death());
    if (life() == Life::dead) return Ok{};
    settle_vcpus();
    wait_for_vcpus();
    TRY(give_back());
    {
        const cpu::Guard guard{lock_};
        life_.store(Life::dead, Order::release);
    }
    raise_virq(PV_VIRQ_DOM_EXC);
    reaper_.start(cpu::this_cpu().timers, cpu::now());
    return Ok{};
}

void Domain::on_reap(cpu::Timer& t)
{
    Domain& d = static_cast<DomainTimer&>(t).domain;
    if (!reap(d)) d.reaper_.start(cpu::this_cpu().timers, cpu::now() + reap_interval);
}

void Domain::on_watchdog(cpu::Timer& t) { static_cast<DomainTimer&>(t).domain.shutdown(PV_SHUTDOWN_WATCHDOG); }

Result<std::uint64_t> Domain::set_watchdog(std::uint32_t id, std::uint32_t seconds)
{
    const cpu::Guard guard{lock_};
    const Nanoseconds deadline = cpu::now() + seconds * ns_per_second;
    if (id == 0) {
        if (seconds == 0) return Error::einval;
        for (std::uint64_t i = 0; i < std::size(watchdogs_); ++i)
            if (!watchdogs_[i].active()) {
                watchdogs_[i].start(cpu::this_cpu().timers, deadline);
                return i + 1;
            }
        return Error::enospc;
    }
    if (id > std::size(watchdogs_) || !watchdogs_[id - 1].active()) return Error::einval;
    if (seconds == 0)
        watchdogs_[id - 1].stop();
    else
        watchdogs_[id - 1].start(cpu::this_cpu().timers, deadline);
    return 0;
}

} // namespace hv::domain
