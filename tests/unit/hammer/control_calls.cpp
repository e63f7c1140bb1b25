// SPDX-License-Identifier: MIT
//
// See calls.hpp. A domain that is paused is let go, one that is created is destroyed, by the calls that follow.
#include "calls.hpp"
#include "cpu/clock.hpp"
#include "domain/control.hpp"
#include "pv-abi/domctl.h"
#include "pv-abi/hypercall.h"
#include "pv-abi/physdev.h"
#include "pv-abi/platform.h"
#include "pv-abi/sched.h"
#include "pv-abi/sysctl.h"

namespace hv::hammer {
namespace {

constexpr std::size_t list_at = 1024; ///< In the caller's page.

pv_domctl& control(Caller& c, std::uint32_t cmd, DomainId domain)
{
    c.put(0, pv_domctl{cmd, PV_DOMCTL_INTERFACE_VERSION, domain.raw(), {}, {}});
    c.call(PV_HYPERCALL_DOMCTL, c.va());
    return c.at<pv_domctl>(0);
}

void pause_and_unpause(Caller& c)
{
    control(c, PV_DOMCTL_PAUSEDOMAIN, c.other.id());
    c.afterwards = [&c](bool success) {
        if (success) c.owed.emplace_back([](Caller& me) { control(me, PV_DOMCTL_UNPAUSEDOMAIN, me.other.id()); });
    };
}

void create_and_destroy(Caller& c)
{
    auto& config = control(c, PV_DOMCTL_CREATEDOMAIN, DomainId{0}).u.createdomain;
    config.max_vcpus = 2;
    config.max_evtchn_port = 63;
    config.max_grant_frames = config.max_maptrack_frames = 2;
    config.grant_opts = 1;
    c.afterwards = [&c](bool success) {
        if (!success) return;
        const DomainId made{c.at<pv_domctl>(0).domain};
        c.owed.emplace_back([made](Caller& me) { control(me, PV_DOMCTL_MAX_VCPUS, made).u.max_vcpus = 2; });
        c.owed.emplace_back([made](Caller& me) { control(me, PV_DOMCTL_MAX_MEM, made).u.max_mem = 64; });
        c.owed.emplace_back([made](Caller& me) { control(me, PV_DOMCTL_DESTROYDOMAIN, made); });
    };
}

void shut_down_and_resume(Caller& c)
{
    const pv_sched_remote_shutdown stop{c.other.id().raw(), {}, PV_SHUTDOWN_REBOOT};
    c.call(PV_HYPERCALL_SCHED_OP, PV_SCHEDOP_REMOTE_SHUTDOWN, c.put(0, stop));
    c.owed.emplace_back([](Caller& me) { control(me, PV_DOMCTL_RESUMEDOMAIN, me.other.id()); });
}

void set_affinity(Caller& c)
{
    auto& a = control(c, PV_DOMCTL_SETVCPUAFFINITY, c.other.id()).u.vcpuaffinity;
    a.vcpu = c.below(3);
    a.flags = PV_VCPUAFFINITY_HARD;
    a.cpumap_hard.bitmap = c.put(list_at, static_cast<std::uint8_t>(1 + c.below(15)));
    a.cpumap_hard.nr_bits = 8;
}

void set_share(Caller& c)
{
    auto& s = control(c, PV_DOMCTL_SCHEDULER_OP, c.other.id()).u.scheduler_op;
    s.sched_id = PV_SCHEDULER_CREDIT;
    s.cmd = PV_DOMCTL_SCHEDOP_PUTINFO;
    s.u.credit.weight = static_cast<std::uint16_t>(64 + c.below(1000));
    s.u.credit.cap = static_cast<std::uint16_t>(c.below(2) * (100 + c.below(200)));
}

} // namespace

void domctl(Caller& c)
{
    switch (c.below(11)) {
    case 10: return shut_down_and_resume(c);
    case 0: return pause_and_unpause(c);
    case 1: return create_and_destroy(c);
    case 2: return set_affinity(c);
    case 3: return set_share(c);
    case 4: control(c, PV_DOMCTL_GETDOMAININFO, c.other.id()); return;
    case 5: control(c, PV_DOMCTL_GETVCPUINFO, c.other.id()).u.getvcpuinfo.vcpu = c.below(3); return;
    case 6: {
        auto& a = control(c, PV_DOMCTL_GETVCPUAFFINITY, c.other.id()).u.vcpuaffinity;
        a.vcpu = c.below(3);
        a.flags = PV_VCPUAFFINITY_HARD;
        a.cpumap_hard.bitmap = c.va(list_at);
        a.cpumap_hard.nr_bits = 8;
        return;
    }
    case 7: {
        auto& q = control(c, PV_DOMCTL_GETPAGEFRAMEINFO3, c.other.id()).u.getpageframeinfo3;
        q.num = 8;
        for (std::size_t i = 0; i < q.num; ++i)
            c.put(list_at + i * 8, c.any_foreign_frame());
        q.array = c.va(list_at);
        return;
    }
    case 8: {
        auto& q = control(c, PV_DOMCTL_GETVCPUCONTEXT, c.other.id()).u.vcpucontext;
        q.vcpu = c.below(3);
        q.ctxt = Caller::context_va;
        return;
    }
    default:
        control(c, PV_DOMCTL_SETDOMAINHANDLE, c.other.id()).u.setdomainhandle.handle[0] =
            static_cast<std::uint8_t>(c.below(256));
    }
}

void sysctl(Caller& c)
{
    static constexpr std::uint32_t commands[] = {PV_SYSCTL_PHYSINFO,      PV_SYSCTL_GETDOMAININFOLIST,
                                                 PV_SYSCTL_GETCPUINFO,    PV_SYSCTL_READCONSOLE,
                                                 domain::sysctl_counters, domain::sysctl_vcpu_times};
    pv_sysctl op{commands[c.below(std::size(commands))], PV_SYSCTL_INTERFACE_VERSION, {}};
    switch (op.cmd) {
    case PV_SYSCTL_GETDOMAININFOLIST: op.u.getdomaininfolist = {0, 0, 4, c.va(list_at), 0, 0}; break;
    case PV_SYSCTL_GETCPUINFO: op.u.getcpuinfo = {4, 0, c.va(list_at), 0, 0}; break;
    case PV_SYSCTL_READCONSOLE: op.u.readconsole = {0, 0, 0, 0, 0, c.va(list_at), 256, 0}; break;
    case domain::sysctl_vcpu_times:
        op.u.words[0] = c.other.id().raw();
        op.u.words[1] = c.below(3);
        break;
    default: break;
    }
    c.call(PV_HYPERCALL_SYSCTL, c.put(0, op));
}

void platform_op(Caller& c)
{
    const std::uint32_t fetch_or_cpus = c.below(2) == 0 ? PV_MC_FETCH : PV_MC_PHYSCPUINFO;
    if (c.below(4) == 0) return c.call(PV_HYPERCALL_MCA, c.put(0, pv_mc{fetch_or_cpus, PV_MCA_INTERFACE_VERSION, 1}));
    pv_platform_op op{PV_XENPF_GET_CPUINFO, PV_XENPF_INTERFACE_VERSION, {}};
    if (c.below(2) == 0) {
        op.cmd = PV_XENPF_SETTIME64;
        op.u.settime64 = {1'800'000'000 + c.below(1000), 0, 0, cpu::now()};
    } else {
        op.u.pcpu_info.xen_cpuid = c.below(6);
    }
    c.call(PV_HYPERCALL_PLATFORM_OP, c.put(0, op));
}

void physdev_op(Caller& c)
{
    const auto op = [&c](std::uint32_t cmd, const auto& arg) { c.call(PV_HYPERCALL_PHYSDEV_OP, cmd, c.put(0, arg)); };
    const std::int32_t gsi = static_cast<std::int32_t>(5 + c.below(8));
    const auto irq = static_cast<std::uint32_t>(gsi);
    switch (c.below(4)) {
    case 0: return op(PV_PHYSDEVOP_SETUP_GSI, pv_physdev_setup_gsi{gsi, 1, 1, 0});
    case 1:
        return op(PV_PHYSDEVOP_MAP_PIRQ,
                  pv_physdev_map_pirq{PV_DOMID_SELF, 0, PV_MAP_PIRQ_TYPE_GSI, gsi, gsi, 0, 0, 0, 0, 0});
    case 2: return op(PV_PHYSDEVOP_IRQ_STATUS_QUERY, pv_physdev_irq_status_query{irq, 0});
    default: return op(PV_PHYSDEVOP_EOI, pv_physdev_eoi{irq});
    }
}

void set_iopl(Caller& c) { c.call(PV_HYPERCALL_PHYSDEV_OP, PV_PHYSDEVOP_SET_IOPL, c.put(0, pv_physdev_set_iopl{1})); }

} // namespace hv::hammer
