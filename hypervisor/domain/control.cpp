// SPDX-License-Identifier: MIT
//
// domctl: finding the domain, creating and describing one, and the operations that are one step each. A domain is
// paused while the state of its vCPUs is read or written.
#include "domain/control.hpp"
#include "domain/run.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/frame.hpp"
#include "mm/heap.hpp"

namespace hv::domain {
namespace {

constexpr std::uint32_t default_grant_frames = 64, default_maptrack_frames = 1024;
constexpr std::uint32_t most_grant_frames = 1024, most_maptrack_frames = 4096;
constexpr std::uint32_t allowed_flags = PV_DOMCTL_CDF_XS_DOMAIN;

constexpr std::uint64_t most_frames_asked = 1024;

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

Result<Vcpu*> find_vcpu(Domain& d, std::uint32_t id)
{
    if (Vcpu* const v = d.vcpu(VcpuId{id}); v != nullptr) return v;
    return id < d.max_vcpus() ? Error::esrch : Error::einval;
}

Result<> set_context(Domain& d, const pv_domctl_vcpucontext& q)
{
    Vcpu& v = *TRY(find_vcpu(d, q.vcpu));
    if (d.is_dying()) return Error::einval;
    const auto context = TRY(mm::make_box<pv_vcpu_guest_context>()); // too large for the stack
    TRY(guest::In<pv_vcpu_guest_context>{GuestVa{q.ctxt}}.read_array(std::span{context.get(), 1}));
    d.pause();
    const Result<> done = v.initialise(*context);
    d.unpause();
    return done;
}

Result<> get_context(Domain& d, const pv_domctl_vcpucontext& q)
{
    Vcpu& v = *TRY(find_vcpu(d, q.vcpu));
    if (!v.initialised() || d.is_dying()) return Error::enodata;
    const auto context = TRY(mm::make_box<pv_vcpu_guest_context>());
    d.pause();
    v.context(*context);
    d.unpause();
    return guest::Out<pv_vcpu_guest_context>{GuestVa{q.ctxt}}.write_array(std::span{context.get(), 1});
}

Result<> get_info(Domain& d, pv_domctl_getvcpuinfo& info)
{
    Vcpu& v = *TRY(find_vcpu(d, info.vcpu));
    const pv_vcpu_runstate_info state = runstate_now(v);
    info.online = v.online();
    info.blocked = v.blocked();
    info.running = state.state == PV_RUNSTATE_RUNNING;
    info.cpu_time = state.time[PV_RUNSTATE_RUNNING];
    info.cpu = v.cpu_number.load(Order::relaxed);
    return Ok{};
}

/// Writes back what is in force. A hard set without a CPU that runs is refused; the soft one may name what it likes.
Result<> affinity(Domain& d, const pv_domctl& op)
{
    const pv_domctl_vcpuaffinity& a = op.u.vcpuaffinity;
    constexpr std::uint32_t which = PV_VCPUAFFINITY_HARD | PV_VCPUAFFINITY_SOFT;
    if ((a.flags & which) == 0 || (a.flags & ~(which | PV_VCPUAFFINITY_FORCE)) != 0) return Error::einval;
    Vcpu& v = *TRY(find_vcpu(d, a.vcpu));
    const bool with_hard = (a.flags & PV_VCPUAFFINITY_HARD) != 0, with_soft = (a.flags & PV_VCPUAFFINITY_SOFT) != 0;
    Affinity now = affinity_of(v);
    if (op.cmd == PV_DOMCTL_SETVCPUAFFINITY) {
        if (with_hard) now.hard = TRY(read_set(a.cpumap_hard));
        if (with_soft) now.soft = TRY(read_set(a.cpumap_soft));
        now.hard &= arch::online_cpus();
        if (now.hard.empty()) return Error::einval;
        set_affinity(v, now);
        now.soft &= now.hard; // what it comes to
    }
    if (with_hard) TRY(write_set(a.cpumap_hard, now.hard));
    if (with_soft) TRY(write_set(a.cpumap_soft, now.soft));
    return Ok{};
}

/// -1 asks for the default.
std::uint32_t limit(std::int32_t asked, std::uint32_t usual, std::uint32_t most)
{
    const std::uint32_t n = asked < 0 ? usual : static_cast<std::uint32_t>(asked);
    return n < most ? n : most;
}

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
    __builtin_memcpy(config.handle.data(), c.handle, sizeof c.handle);
    op.domain = TRY(Domain::create(config))->id().raw();
    return Ok{};
}

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
    auto& s = op.u.credit;
    if (op.sched_id != scheduler_id) return Error::einval;
    if (op.cmd == PV_DOMCTL_SCHEDOP_GETINFO) {
        s = {static_cast<std::uint16_t>(d.weight), static_cast<std::uint16_t>(d.cap)};
        return Ok{};
    }
    if (op.cmd != PV_DOMCTL_SCHEDOP_PUTINFO || (s.cap != keep && s.cap > 100 * d.max_vcpus())) return Error::einval;
    d.set_share(s.weight == 0 ? d.weight : s.weight, s.cap == keep ? d.cap : s.cap);
    return Ok{};
}

/// There is one policy; what is set must be well formed, no more.
Result<> cpu_policy(pv_domctl& op)
{
    pv_domctl_cpu_policy& p = op.u.cpu_policy;
    if (op.cmd == PV_DOMCTL_GET_CPU_POLICY) {
        p.nr_msrs = 0;
        return write_policy(PolicyKind::guest, GuestVa{p.leaves}, p.nr_leaves);
    }
    p.err_leaf = p.err_subleaf = p.err_msr = ~0U;
    return check_policy(GuestVa{p.leaves}, p.nr_leaves);
}

Result<> only_if(bool fine, Error otherwise) { return fine ? Result<>{Ok{}} : otherwise; }

Result<> node_affinity(pv_domctl& op)
{
    const pv_xenctl_bitmap& map = op.u.nodeaffinity;
    const CpuSet node_0 = CpuSet::of(CpuId{0});
    if (op.cmd == PV_DOMCTL_GETNODEAFFINITY) return write_set(map, node_0);
    return only_if(TRY(read_set(map)).contains(node_0), Error::einval);
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

Result<> run(Domain& d, pv_domctl& op)
{
    switch (op.cmd) {
    case PV_DOMCTL_DESTROYDOMAIN: return d.destroy();
    case PV_DOMCTL_PAUSEDOMAIN: return d.controller_pause();
    case PV_DOMCTL_UNPAUSEDOMAIN: return d.controller_unpause();
    case PV_DOMCTL_RESUMEDOMAIN: d.resume(); return Ok{};
    case PV_DOMCTL_MAX_MEM: d.set_max_pages(op.u.max_mem / (page_size / 1024)); return Ok{};
    case PV_DOMCTL_SETNODEAFFINITY:
    case PV_DOMCTL_GETNODEAFFINITY: return node_affinity(op);
    case PV_DOMCTL_SCHEDULER_OP: return scheduler_op(d, op.u.scheduler_op);
    case PV_DOMCTL_SETDOMAINHANDLE: {
        const cpu::Guard guard{d.lock()};
        __builtin_memcpy(d.handle.data(), op.u.setdomainhandle.handle, sizeof d.handle);
        return Ok{};
    }
    case PV_DOMCTL_SET_ADDRESS_SIZE: return only_if(op.u.address_size == 64, Error::einval);
    case PV_DOMCTL_GET_ADDRESS_SIZE: op.u.address_size = 64; return Ok{};
    case PV_DOMCTL_SETTSCINFO: // native is the default; the other modes trap and emulate rdtsc
        return only_if(op.u.tsc_info.tsc_mode == 0 || op.u.tsc_info.tsc_mode == 2, Error::eopnotsupp);
    case PV_DOMCTL_GETTSCINFO: op.u.tsc_info = {0, arch::tsc_scale().khz, 0, 0, 0}; return Ok{};
    case PV_DOMCTL_SET_CPU_POLICY:
    case PV_DOMCTL_GET_CPU_POLICY: return cpu_policy(op);
    case PV_DOMCTL_GETPAGEFRAMEINFO3: return page_frame_info(d, op.u.getpageframeinfo3);
    case PV_DOMCTL_MAX_VCPUS: return d.create_vcpus(op.u.max_vcpus);
    case PV_DOMCTL_SETVCPUCONTEXT: return set_context(d, op.u.vcpucontext);
    case PV_DOMCTL_GETVCPUCONTEXT: return get_context(d, op.u.vcpucontext);
    case PV_DOMCTL_GETVCPUINFO: return get_info(d, op.u.getvcpuinfo);
    case PV_DOMCTL_SETVCPUAFFINITY:
    case PV_DOMCTL_GETVCPUAFFINITY: return affinity(d, op);
    default: return Error::enosys;
    }
}

/// A domain does none of this to itself.
bool is_for_others(std::uint32_t cmd)
{
    return cmd == PV_DOMCTL_DESTROYDOMAIN || cmd == PV_DOMCTL_PAUSEDOMAIN || cmd == PV_DOMCTL_UNPAUSEDOMAIN ||
           cmd == PV_DOMCTL_RESUMEDOMAIN || cmd == PV_DOMCTL_MAX_VCPUS || cmd == PV_DOMCTL_SETVCPUCONTEXT ||
           cmd == PV_DOMCTL_GETVCPUCONTEXT;
}

} // namespace

Result<> control_domain(Vcpu& caller, pv_domctl& op)
{
    if (op.cmd == PV_DOMCTL_CREATEDOMAIN) return create_domain(op);
    if (op.cmd == PV_DOMCTL_GETDOMAININFO) return domain_info(op);
    const DomainRef d = find_domain(DomainId{op.domain});
    if (!d) return Error::esrch;
    return is_for_others(op.cmd) && d.get() == &caller.domain() ? Error::einval : run(*d, op);
}

void describe(Domain& d, pv_domctl_getdomaininfo& info)
{
    info = {};
    bool all_blocked = true;
    for (std::uint32_t i = 0; i < d.vcpu_count(); ++i) {
        Vcpu& v = *d.vcpu(VcpuId{i});
        const pv_vcpu_runstate_info state = runstate_now(v);
        info.cpu_time += state.time[PV_RUNSTATE_RUNNING];
        if (!v.online()) continue;
        ++info.nr_online_vcpus;
        all_blocked = all_blocked && v.blocked();
        if (state.state == PV_RUNSTATE_RUNNING) info.flags |= PV_DOMINF_RUNNING;
    }
    if (info.nr_online_vcpus != 0 && all_blocked) info.flags |= PV_DOMINF_BLOCKED;
    if (d.is_dying()) info.flags |= PV_DOMINF_DYING;
    if (d.controller_paused()) info.flags |= PV_DOMINF_PAUSED;
    if (d.is_shut_down())
        info.flags |= PV_DOMINF_SHUTDOWN | (d.shutdown_reason() & PV_DOMINF_SHUTDOWNMASK) << PV_DOMINF_SHUTDOWNSHIFT;
    info.domain = d.id().raw();
    info.tot_pages = d.page_count();
    info.max_pages = d.max_pages();
    info.shared_info_frame = d.shared_info_frame().raw();
    info.max_vcpu_id = d.vcpu_count() == 0 ? PV_INVALID_MAX_VCPU_ID : d.vcpu_count() - 1;
    const cpu::Guard guard{d.lock()};
    __builtin_memcpy(info.handle, d.handle.data(), sizeof info.handle);
    info.gpaddr_bits = static_cast<std::uint8_t>(arch::cpu_features().physical_bits);
}

Result<CpuSet> read_set(const pv_xenctl_bitmap& map)
{
    std::array<std::uint8_t, sizeof(CpuSet)> bytes{};
    const std::uint32_t bits = map.nr_bits < max_cpus ? map.nr_bits : max_cpus;
    TRY(guest::In<std::uint8_t>{GuestVa{map.bitmap}}.read_array(std::span{bytes}.first((bits + 7) / 8)));
    if (bits % 8 != 0) bytes[bits / 8] &= (1U << bits % 8) - 1;
    return std::bit_cast<CpuSet>(bytes);
}

Result<> write_set(const pv_xenctl_bitmap& map, const CpuSet& set)
{
    std::array<std::uint8_t, 512> bytes{};
    const std::uint32_t count = map.nr_bits / 8 + (map.nr_bits % 8 != 0 ? 1U : 0U);
    if (count > bytes.size()) return Error::einval;
    __builtin_memcpy(bytes.data(), &set, sizeof set);
    return guest::Out<std::uint8_t>{GuestVa{map.bitmap}}.write_array(std::span{bytes}.first(count));
}

} // namespace hv::domain
