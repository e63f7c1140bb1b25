// SPDX-License-Identifier: MIT
//
// The hypercalls about CPUs: where vCPUs run, what part they get, what they did with it. See hypervisor.hpp.
#include "libparapet/control_op.hpp"
#include "libparapet/hypervisor.hpp"

namespace parapet {
namespace {

constexpr std::uint32_t parapet_locks = 0x70617262, parapet_vcpu_times = 0x70617263; // hypervisor/domain/counters.hpp

void put(CallBuffer<std::uint8_t>& to, const CpuList& list)
{
    for (std::size_t n = 0; n < most_cpus; ++n)
        to[n / 8] = static_cast<std::uint8_t>(to[n / 8] | (list.test(n) ? 1U << n % 8 : 0U));
}

CpuList get(CallBuffer<std::uint8_t>& from)
{
    CpuList list;
    for (std::size_t n = 0; n < most_cpus; ++n)
        list.set(n, (from[n / 8] >> n % 8 & 1) != 0);
    return list;
}

bool absent(int result) { return result == -ESRCH || result == -ENOENT || result == -EINVAL; }

} // namespace

std::optional<pv_domctl_getvcpuinfo> Hypervisor::vcpu(DomainId domain, std::uint32_t vcpu)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_GETVCPUINFO);
    op.u.getvcpuinfo.vcpu = vcpu;
    const int result = call_domctl(op);
    if (absent(result)) return std::nullopt;
    if (result < 0) fail_errno("getvcpuinfo");
    return op.u.getvcpuinfo;
}

std::optional<pv_vcpu_guest_context> Hypervisor::context(DomainId domain, std::uint32_t vcpu)
{
    CallBuffer<pv_vcpu_guest_context> buffer{call_, 1};
    pv_domctl op = domctl_for(domain, PV_DOMCTL_GETVCPUCONTEXT);
    op.u.vcpucontext.vcpu = vcpu;
    op.u.vcpucontext.ctxt = buffer.address();
    const int result = call_domctl(op);
    if (result == -ENODATA) return std::nullopt;
    if (result < 0) throw Error{fmt::format("getvcpucontext: {}", std::strerror(-result)), -result};
    return buffer[0];
}

std::optional<VcpuTimes> Hypervisor::vcpu_times(DomainId domain, std::uint32_t vcpu)
{
    pv_sysctl op = sysctl_for(parapet_vcpu_times);
    auto& w = op.u.words;
    w[0] = domain;
    w[1] = vcpu;
    if (call_sysctl(op) < 0) return std::nullopt;
    return VcpuTimes{static_cast<std::uint32_t>(w[0]), w[1], w[2], w[3], w[4], w[6], w[7]};
}

Affinity Hypervisor::affinity_op(DomainId domain, std::uint32_t vcpu, std::uint32_t cmd, const Affinity& wanted)
{
    CallBuffer<std::uint8_t> hard{call_, most_cpus / 8}, soft{call_, most_cpus / 8};
    put(hard, wanted.hard);
    put(soft, wanted.soft);
    pv_domctl op = domctl_for(domain, cmd);
    auto& a = op.u.vcpuaffinity;
    a.vcpu = vcpu;
    a.flags = PV_VCPUAFFINITY_HARD | PV_VCPUAFFINITY_SOFT;
    a.cpumap_hard.bitmap = hard.address();
    a.cpumap_soft.bitmap = soft.address();
    a.cpumap_hard.nr_bits = a.cpumap_soft.nr_bits = most_cpus;
    domctl(op, "vcpuaffinity");
    return {get(hard), get(soft)};
}

Affinity Hypervisor::affinity(DomainId domain, std::uint32_t vcpu)
{
    return affinity_op(domain, vcpu, PV_DOMCTL_GETVCPUAFFINITY, {});
}

void Hypervisor::set_affinity(DomainId domain, std::uint32_t vcpu, const Affinity& wanted)
{
    (void)affinity_op(domain, vcpu, PV_DOMCTL_SETVCPUAFFINITY, wanted);
}

pv_domctl_sched_credit Hypervisor::credit_op(DomainId domain, std::uint32_t cmd, pv_domctl_sched_credit credit)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_SCHEDULER_OP);
    op.u.scheduler_op.sched_id = PV_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = cmd;
    op.u.scheduler_op.u.credit = credit;
    domctl(op, "scheduler_op");
    return op.u.scheduler_op.u.credit;
}

Share Hypervisor::share(DomainId domain)
{
    const pv_domctl_sched_credit c = credit_op(domain, PV_DOMCTL_SCHEDOP_GETINFO, {});
    return {c.weight, c.cap};
}

void Hypervisor::set_share(DomainId domain, Share s)
{
    const pv_domctl_sched_credit c{static_cast<std::uint16_t>(s.weight), static_cast<std::uint16_t>(s.cap)};
    (void)credit_op(domain, PV_DOMCTL_SCHEDOP_PUTINFO, c);
}

std::vector<LockUse> Hypervisor::locks()
{
    std::vector<LockUse> all;
    for (;;) {
        pv_sysctl op = sysctl_for(parapet_locks);
        op.u.words[0] = all.size();
        if (call_sysctl(op) < 0) return all;
        all.push_back({op.u.words[0], op.u.words[1], op.u.words[2]});
    }
}

} // namespace parapet
