// SPDX-License-Identifier: MIT
//
// domctl: creating and describing a domain.
#include "domain/control.hpp"
#include "domain/run.hpp"

namespace hv::domain {
namespace {

constexpr std::uint32_t default_grant_frames = 64, default_maptrack_frames = 1024;
constexpr std::uint32_t most_grant_frames = 1024, most_maptrack_frames = 4096;
constexpr std::uint32_t allowed_flags = PV_DOMCTL_CDF_XS_DOMAIN;

/// Only 64-bit PV domains without devices of their own.
Result<> check(const pv_domctl_createdomain& c)
{
    if ((c.flags & ~allowed_flags) != 0 || c.iommu_opts != 0 || c.vmtrace_size != 0) return Error::einval;
    if (c.max_vcpus == 0 || c.max_vcpus > max_vcpus_per_domain) return Error::einval;
    if (c.arch.emulation_flags != 0 || (c.arch.misc_flags & ~PV_X86_MISC_FLAGS_MAX) != 0) return Error::einval;
    const std::uint32_t grant_version = c.grant_opts & PV_DOMCTL_GRANT_VERSION_MASK; // the highest it may use
    if (grant_version == 0 || c.grant_opts > PV_DOMCTL_GRANT_VERSION_MASK) return Error::einval;
    if (c.cpupool_id != 0) return Error::enoent;
    return Ok{};
}

/// -1 asks for the default.
std::uint32_t limit(std::int32_t asked, std::uint32_t usual, std::uint32_t most)
{
    const std::uint32_t n = asked < 0 ? usual : static_cast<std::uint32_t>(asked);
    return n < most ? n : most;
}

struct VcpuSummary {
    std::uint32_t online = 0;
    Nanoseconds cpu_time = 0;
    bool all_blocked = true, any_running = false;
};

VcpuSummary summarise(Domain& d)
{
    VcpuSummary s;
    for (std::uint32_t i = 0; i < d.vcpu_count(); ++i) {
        Vcpu& v = *d.vcpu(VcpuId{i});
        const pv_vcpu_runstate_info state = runstate_now(v);
        s.cpu_time += state.time[PV_RUNSTATE_RUNNING];
        if (!v.online()) continue;
        ++s.online;
        if (!v.blocked()) s.all_blocked = false;
        if (state.state == PV_RUNSTATE_RUNNING) s.any_running = true;
    }
    return s;
}

std::uint32_t state_flags(const Domain& d, const VcpuSummary& s)
{
    std::uint32_t flags = 0;
    if (s.online != 0 && s.all_blocked) flags |= PV_DOMINF_BLOCKED;
    if (s.any_running) flags |= PV_DOMINF_RUNNING;
    if (d.is_dying()) flags |= PV_DOMINF_DYING;
    if (d.controller_paused()) flags |= PV_DOMINF_PAUSED;
    if (d.is_shut_down())
        flags |= PV_DOMINF_SHUTDOWN | (d.shutdown_reason() & PV_DOMINF_SHUTDOWNMASK) << PV_DOMINF_SHUTDOWNSHIFT;
    return flags;
}

} // namespace

Result<> create_domain(pv_domctl& op)
{
    const pv_domctl_createdomain& c = op.u.createdomain;
    TRY(check(c));
    DomainConfig config;
    if (op.domain != 0 && op.domain < PV_DOMID_FIRST_RESERVED) config.id = DomainId{op.domain};
    config.max_vcpus = c.max_vcpus;
    config.max_event_port = c.max_evtchn_port;
    config.max_grant_frames = limit(c.max_grant_frames, default_grant_frames, most_grant_frames);
    config.max_maptrack_frames = limit(c.max_maptrack_frames, default_maptrack_frames, most_maptrack_frames);
    for (std::size_t i = 0; i < config.handle.size(); ++i)
        config.handle[i] = c.handle[i];
    op.domain = TRY(Domain::create(config))->id().raw();
    return Ok{};
}

void describe(Domain& d, pv_domctl_getdomaininfo& info)
{
    const VcpuSummary s = summarise(d);
    info = {};
    info.domain = d.id().raw();
    info.flags = state_flags(d, s);
    info.tot_pages = d.page_count();
    info.max_pages = d.max_pages();
    info.shared_info_frame = d.shared_info_frame().raw();
    info.cpu_time = s.cpu_time;
    info.nr_online_vcpus = s.online;
    info.max_vcpu_id = d.vcpu_count() == 0 ? PV_INVALID_MAX_VCPU_ID : d.vcpu_count() - 1;
    const cpu::Guard guard{d.lock()};
    for (std::size_t i = 0; i < d.handle.size(); ++i)
        info.handle[i] = d.handle[i];
    info.gpaddr_bits = static_cast<std::uint8_t>(arch::cpu_features().physical_bits);
}

} // namespace hv::domain
