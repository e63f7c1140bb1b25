// SPDX-License-Identifier: MIT
//
// Construction of a domain, pausing, and its vCPUs. Life and death are in domain_death.cpp.
#include "domain/domain.hpp"
#include "base/log.hpp"
#include "domain/grants.hpp"
#include "domain/run.hpp"
#include "domain/time.hpp"

namespace hv::domain {

Domain::Domain(DomainId id, const DomainConfig& config)
    : MemoryOwner{id, config.role == Role::hardware ? mm::Privilege::hardware : mm::Privilege::none},
      handle{config.handle}, max_vcpus_{config.max_vcpus}, pause_count_{1}, references_{1}, controller_pauses_{1},
      watchdogs_{{*this, &on_watchdog}, {*this, &on_watchdog}}, reaper_{*this, &on_reap}
{
    policy.hardware_domain = config.role == Role::hardware;
    events.set_limit(config.max_event_port);
}

Domain::~Domain() = default;

Result<> Domain::prepare(const DomainConfig& config)
{
    shared_page_.emplace(TRY(mm::SharedPage::create(*this)));
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
        requeue(*vcpus_[i]);
}

void Domain::wait_for_vcpus()
{
    for (std::uint32_t i = 0; i < vcpu_count(); ++i)
        wait_until_unloaded(*vcpus_[i]);
}

void Domain::pause()
{
    pause_count_.fetch_add(1, Order::acq_rel);
    settle_vcpus();
    wait_for_vcpus();
}

void Domain::unpause()
{
    const std::uint32_t before = pause_count_.fetch_sub(1, Order::acq_rel);
    ASSERT(before != 0);
    settle_vcpus();
}

Result<> Domain::controller_pause()
{
    {
        const cpu::Guard guard{lock_};
        const std::uint32_t pauses = controller_pauses_.load(Order::relaxed);
        if (pauses == 255) return Error::eoverflow;
        controller_pauses_.store(pauses + 1, Order::relaxed);
    }
    pause();
    return Ok{};
}

Result<> Domain::controller_unpause()
{
    {
        const cpu::Guard guard{lock_};
        const std::uint32_t pauses = controller_pauses_.load(Order::relaxed);
        if (pauses == 0) return Error::einval;
        controller_pauses_.store(pauses - 1, Order::relaxed);
    }
    // The builder may have cleared shared_info after it was filled.
    if (!is_dying() && paused()) {
        publish_wallclock();
        for (std::uint32_t i = 0; i < vcpu_count(); ++i)
            publish_time(vcpus_[i]->hot.info->time);
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

} // namespace hv::domain
