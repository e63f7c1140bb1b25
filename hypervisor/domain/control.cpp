// SPDX-License-Identifier: MIT
//
// domctl: finding the domain, and the operations that are one step each.
#include "domain/control.hpp"
#include "domain/cpu_policy.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/frame.hpp"

namespace hv::domain {
namespace {

constexpr std::uint32_t most_bitmap_bytes = 512;
constexpr std::uint64_t most_frames_asked = 1024;

std::uint64_t frame_type(const mm::Frame& f)
{
    const mm::FrameState s = f.current();
    if (!mm::is_table(s.type) || s.count == 0) return PV_DOMCTL_PFINFO_NOTAB;
    const std::uint64_t type = static_cast<std::uint64_t>(s.type) << PV_DOMCTL_PFINFO_LTAB_SHIFT;
    return type | (f.details().pinned ? PV_DOMCTL_PFINFO_LPINTAB : 0U);
}

/// Replaces each frame number of the array by what the frame is used for.
Result<> page_frame_info(const Domain& d, const pv_domctl_getpageframeinfo3& q)
{
    if (q.num > most_frames_asked) return Error::e2big;
    const guest::InOut<std::uint64_t> array{GuestVa{q.array}};
    for (std::uint64_t i = 0; i < q.num; ++i) {
        const Mfn m{TRY(array.read(i))};
        const Result<mm::PageRef> page = mm::get_page(m, d);
        TRY(array.write(page.ok() ? frame_type(mm::frame(m)) : std::uint64_t{PV_DOMCTL_PFINFO_XTAB}, i));
    }
    return Ok{};
}

/// The credit scheduler's interface: weight 0 and cap 0xffff leave the value as it is.
Result<> scheduler_op(Domain& d, pv_domctl_scheduler_op& op)
{
    constexpr std::uint16_t keep = 0xffff;
    if (op.sched_id != scheduler_id) return Error::einval;
    switch (op.cmd) {
    case PV_DOMCTL_SCHEDOP_GETINFO:
        op.u.credit = {static_cast<std::uint16_t>(d.weight), static_cast<std::uint16_t>(d.cap)};
        return Ok{};
    case PV_DOMCTL_SCHEDOP_PUTINFO: {
        const auto& s = op.u.credit;
        if (s.cap != keep && s.cap > 100 * d.max_vcpus()) return Error::einval;
        d.set_share(s.weight == 0 ? d.weight : s.weight, s.cap == keep ? d.cap : s.cap);
        return Ok{};
    }
    default: return Error::einval;
    }
}

Result<> set_tsc(const pv_domctl_tsc_info& t)
{
    constexpr std::uint32_t mode_default = 0, mode_native = 2; // the others trap and emulate rdtsc
    return t.tsc_mode == mode_default || t.tsc_mode == mode_native ? Result<>{Ok{}} : Error::eopnotsupp;
}

/// There is one policy; what is set must be well formed, no more.
Result<> cpu_policy(pv_domctl& op)
{
    pv_domctl_cpu_policy& p = op.u.cpu_policy;
    if (op.cmd == PV_DOMCTL_GET_CPU_POLICY) {
        p.nr_leaves = TRY(write_policy(PolicyKind::guest, GuestVa{p.leaves}, p.nr_leaves));
        p.nr_msrs = 0;
        return Ok{};
    }
    p.err_leaf = p.err_subleaf = p.err_msr = ~0U;
    return check_policy(GuestVa{p.leaves}, p.nr_leaves);
}

/// Devices are not given to other domains: taking away what nobody has is done, giving is refused.
Result<> permission(std::uint8_t allow) { return allow == 0 ? Result<>{Ok{}} : Error::eopnotsupp; }

Result<> node_affinity(pv_domctl& op)
{
    const pv_xenctl_bitmap& map = op.u.nodeaffinity;
    const CpuSet node_0 = CpuSet::of(CpuId{0});
    if (op.cmd == PV_DOMCTL_GETNODEAFFINITY) return write_set(map, node_0);
    return TRY(read_set(map)).contains(node_0) ? Result<>{Ok{}} : Error::einval;
}

Result<> life_op(Vcpu& caller, Domain& d, std::uint32_t cmd)
{
    if (&d == &caller.domain()) return Error::einval;
    switch (cmd) {
    case PV_DOMCTL_DESTROYDOMAIN: return d.destroy();
    case PV_DOMCTL_PAUSEDOMAIN: return d.controller_pause();
    case PV_DOMCTL_UNPAUSEDOMAIN: return d.controller_unpause();
    default: d.resume(); return Ok{};
    }
}

Result<> property_op(Domain& d, pv_domctl& op)
{
    switch (op.cmd) {
    case PV_DOMCTL_MAX_MEM: d.set_max_pages(op.u.max_mem / (page_size / 1024)); return Ok{};
    case PV_DOMCTL_SETNODEAFFINITY:
    case PV_DOMCTL_GETNODEAFFINITY: return node_affinity(op);
    case PV_DOMCTL_SCHEDULER_OP: return scheduler_op(d, op.u.scheduler_op);
    case PV_DOMCTL_SETDOMAINHANDLE: {
        const cpu::Guard guard{d.lock()};
        for (std::size_t i = 0; i < d.handle.size(); ++i)
            d.handle[i] = op.u.setdomainhandle.handle[i];
        return Ok{};
    }
    case PV_DOMCTL_SET_ADDRESS_SIZE: return op.u.address_size == 64 ? Result<>{Ok{}} : Error::einval;
    case PV_DOMCTL_GET_ADDRESS_SIZE: op.u.address_size = 64; return Ok{};
    case PV_DOMCTL_SETTSCINFO: return set_tsc(op.u.tsc_info);
    case PV_DOMCTL_GETTSCINFO: op.u.tsc_info = {0, arch::tsc_scale().khz, 0, 0, 0}; return Ok{};
    case PV_DOMCTL_SET_CPU_POLICY:
    case PV_DOMCTL_GET_CPU_POLICY: return cpu_policy(op);
    case PV_DOMCTL_GETPAGEFRAMEINFO3: return page_frame_info(d, op.u.getpageframeinfo3);
    case PV_DOMCTL_SETTIMEOFFSET: // wallclocks are alike in all domains
        return op.u.settimeoffset == 0 ? Result<>{Ok{}} : Error::eopnotsupp;
    case PV_DOMCTL_IOMEM_PERMISSION: return permission(op.u.iomem_permission.allow_access);
    case PV_DOMCTL_IOPORT_PERMISSION: return permission(op.u.ioport_permission.allow_access);
    case PV_DOMCTL_IRQ_PERMISSION: return permission(op.u.irq_permission.allow_access);
    default: return Error::enosys;
    }
}

/// The domain asked for, or the next one there is: how toolstacks walk all domains.
Result<> domain_info(pv_domctl& op)
{
    if (op.domain >= PV_DOMID_FIRST_RESERVED) return Error::einval;
    const DomainRef d = next_domain(DomainId{op.domain});
    if (!d) return Error::esrch;
    describe(*d, op.u.getdomaininfo);
    op.domain = d->id().raw();
    return Ok{};
}

Result<> run(Vcpu& caller, pv_domctl& op)
{
    if (op.cmd == PV_DOMCTL_CREATEDOMAIN) return create_domain(op);
    if (op.cmd == PV_DOMCTL_GETDOMAININFO) return domain_info(op);
    const DomainRef d = find_domain(DomainId{op.domain});
    if (!d) return Error::esrch;
    switch (op.cmd) {
    case PV_DOMCTL_DESTROYDOMAIN:
    case PV_DOMCTL_PAUSEDOMAIN:
    case PV_DOMCTL_UNPAUSEDOMAIN:
    case PV_DOMCTL_RESUMEDOMAIN: return life_op(caller, *d, op.cmd);
    case PV_DOMCTL_MAX_VCPUS:
    case PV_DOMCTL_SETVCPUCONTEXT:
    case PV_DOMCTL_GETVCPUCONTEXT:
    case PV_DOMCTL_GETVCPUINFO:
    case PV_DOMCTL_SETVCPUAFFINITY:
    case PV_DOMCTL_GETVCPUAFFINITY: return control_vcpu(caller, *d, op);
    default: return property_op(*d, op);
    }
}

} // namespace

Result<CpuSet> read_set(const pv_xenctl_bitmap& map)
{
    CpuSet set;
    const guest::In<std::uint8_t> in{GuestVa{map.bitmap}};
    for (std::uint32_t i = 0; i * 8 < map.nr_bits && i * 8 < max_cpus; ++i) {
        const unsigned bits = map.nr_bits - i * 8 < 8 ? map.nr_bits - i * 8 : 8;
        const std::uint64_t byte = TRY(in.read(i)) & ((1U << bits) - 1);
        set.set_word(i / 8, set.word(i / 8) | byte << i % 8 * 8);
    }
    return set;
}

Result<> write_set(const pv_xenctl_bitmap& map, const CpuSet& set)
{
    const std::uint32_t bytes = map.nr_bits / 8 + (map.nr_bits % 8 != 0 ? 1U : 0U);
    if (bytes > most_bitmap_bytes) return Error::einval;
    const guest::Out<std::uint8_t> out{GuestVa{map.bitmap}};
    for (std::uint32_t i = 0; i < bytes; ++i)
        TRY(out.write(i < max_cpus / 8 ? static_cast<std::uint8_t>(set.word(i / 8) >> i % 8 * 8) : 0, i));
    return Ok{};
}

Result<std::uint64_t> control_domain(Vcpu& caller, pv_domctl& op)
{
    TRY(run(caller, op));
    return 0;
}

} // namespace hv::domain
