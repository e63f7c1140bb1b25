// SPDX-License-Identifier: MIT
//
// sysctl: facts about the machine, whose CPUs are cores of one socket on one node, and its console ring.
#include "base/log.hpp"
#include "domain/console.hpp"
#include "domain/control.hpp"
#include "domain/grants.hpp"
#include "domain/run.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/allocator.hpp"
#include "mm/update.hpp"

namespace hv::domain {
namespace {

constexpr std::uint32_t most_console_bytes = 16 * 1024; ///< At a time; readers come back for more.

Result<> read_console(pv_sysctl_readconsole& q)
{
    const guest::Out<char> out{GuestVa{q.buffer}};
    const std::uint32_t room = q.count < most_console_bytes ? q.count : most_console_bytes;
    std::uint64_t position = q.incremental != 0 ? q.index : 0;
    std::uint32_t copied = 0;
    bool at_end = false;
    std::array<char, 256> part; // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    while (copied < room && !at_end) {
        const std::size_t want = room - copied < part.size() ? room - copied : part.size();
        const log::RingRead r = log::read_ring(position, std::span{part}.first(want));
        position = r.next;
        at_end = r.copied == 0;
        TRY(out.write_array(std::span{part}.first(r.copied), copied));
        copied += static_cast<std::uint32_t>(r.copied);
    }
    if (q.clear != 0 && at_end) log::clear_ring(); // not what nobody has seen
    q.count = copied;
    q.index = static_cast<std::uint32_t>(position);
    return Ok{};
}

void physical_info(pv_sysctl_physinfo& p)
{
    p = {};
    p.threads_per_core = p.nr_nodes = 1;
    p.nr_cpus = p.cores_per_socket = arch::online_cpu_count();
    p.max_cpu_id = p.nr_cpus - 1;
    p.cpu_khz = arch::tsc_scale().khz;
    p.capabilities = PV_SYSCTL_PHYSCAP_PV | PV_SYSCTL_PHYSCAP_GNTTAB_V1;
    p.total_pages = mm::total_frames();
    p.free_pages = mm::free_frames();
    p.outstanding_pages = mm::claimed_frames();
    p.max_mfn = mm::frame_table_end().raw() - 1;
    for (std::uint32_t i = 0; i < std::size(p.hw_cap); ++i)
        p.hw_cap[i] = feature_word(PolicyKind::hardware, i);
}

Result<> list_domains(pv_sysctl_getdomaininfolist& q)
{
    const guest::Out<pv_domctl_getdomaininfo> out{GuestVa{q.buffer}};
    std::uint32_t n = 0;
    for (DomainRef d = next_domain(DomainId{q.first_domain}); d && n < q.max_domains; ++n) {
        pv_domctl_getdomaininfo info;
        describe(*d, info);
        TRY(out.write(info, n));
        d = next_domain(DomainId{static_cast<std::uint16_t>(d->id().raw() + 1)});
    }
    q.num_domains = n;
    return Ok{};
}

Result<> debug_keys(const pv_sysctl_debug_keys& q)
{
    constexpr std::uint32_t most_keys = 16;
    if (q.nr_keys > most_keys) return Error::e2big;
    const guest::In<char> keys{GuestVa{q.keys}};
    for (std::uint32_t i = 0; i < q.nr_keys; ++i)
        console_key(TRY(keys.read(i)));
    return Ok{};
}

/// Lists with one element: a null list asks for the number, another gets at most what it has room for.
template <typename T> Result<std::uint32_t> list_of_one(std::uint64_t list, std::uint32_t room, const T& element)
{
    const guest::Out<T> out{GuestVa{list}};
    if (out.null() || room == 0) return out.null() ? 1U : 0U;
    TRY(out.write(element));
    return 1U;
}

Result<> numa_info(pv_sysctl_numainfo& q)
{
    const pv_sysctl_meminfo memory{mm::total_frames() * page_size, mm::free_frames() * page_size};
    constexpr std::uint32_t distance_to_self = 10;
    const std::uint32_t nodes = TRY(list_of_one(q.meminfo, q.num_nodes, memory));
    const std::uint32_t rows = TRY(list_of_one(q.distance, q.num_nodes, distance_to_self));
    q.num_nodes = nodes > rows ? rows : nodes;
    return Ok{};
}

Result<> cpu_pool(pv_sysctl_cpupool_op& q)
{
    if (q.op == PV_SYSCTL_CPUPOOL_OP_FREEINFO) return write_set(q.cpumap, CpuSet{});
    if (q.op != PV_SYSCTL_CPUPOOL_OP_INFO) return Error::eopnotsupp;
    if (q.cpupool_id != 0) return Error::enoent;
    q.sched_id = scheduler_id;
    q.n_dom = 0;
    for_each_domain([&](Domain&) { ++q.n_dom; });
    return write_set(q.cpumap, arch::online_cpus());
}

Result<> scheduler(pv_sysctl_scheduler_op& q)
{
    if (q.cpupool_id != 0) return Error::esrch;
    if (q.sched_id != scheduler_id) return Error::einval;
    if (q.cmd != PV_SYSCTL_SCHEDOP_GETINFO) return Error::eopnotsupp;
    q.u.sched_credit = {FairQueue::slice / 1'000'000, FairQueue::min_stint / 1000, 0};
    return Ok{};
}

Result<> cpu_times(pv_sysctl_getcpuinfo& q)
{
    const guest::Out<Nanoseconds> out{GuestVa{q.info}};
    q.nr_cpus = q.max_cpus < arch::online_cpu_count() ? q.max_cpus : arch::online_cpu_count();
    for (std::uint32_t i = 0; i < q.nr_cpus; ++i)
        TRY(out.write(idle_time(CpuId{i}), i));
    return Ok{};
}

Result<> topology(pv_sysctl_cputopoinfo& q)
{
    const guest::Out<pv_sysctl_cputopo> out{GuestVa{q.cputopo}};
    const std::uint32_t room = out.null() ? 0 : q.num_cpus;
    q.num_cpus = out.null() || room > arch::online_cpu_count() ? arch::online_cpu_count() : room;
    for (std::uint32_t i = 0; i < q.num_cpus && i < room; ++i)
        TRY(out.write({i, 0, 0}, i));
    return Ok{};
}

/// No device is nearer to one node than to another.
Result<> pci_topology(const pv_sysctl_pcitopoinfo& q)
{
    if (q.num_devs > 4096) return Error::e2big; // this is not preempted
    const guest::Out<std::uint32_t> nodes{GuestVa{q.nodes}};
    for (std::uint32_t i = 0; i < q.num_devs; ++i)
        TRY(nodes.write(PV_INVALID_NODE_ID, i));
    return Ok{};
}

Result<> lock_contention(std::uint64_t (&words)[16])
{
    if (words[0] >= std::size(cpu::all_ranks)) return Error::enoent;
    const cpu::Rank rank = cpu::all_ranks[words[0]];
    const cpu::Contention c = cpu::contention(rank);
    words[0] = static_cast<std::uint64_t>(rank);
    words[1] = c.waits;
    words[2] = c.rounds;
    return Ok{};
}

Result<> vcpu_times(std::uint64_t (&words)[16])
{
    const DomainRef d =
        words[0] < PV_DOMID_FIRST_RESERVED ? find_domain(DomainId{static_cast<std::uint16_t>(words[0])}) : DomainRef{};
    if (!d) return Error::esrch;
    Vcpu* const v = words[1] < d->vcpu_count() ? d->vcpu(VcpuId{static_cast<std::uint32_t>(words[1])}) : nullptr;
    if (v == nullptr) return Error::enoent;
    const pv_vcpu_runstate_info state = runstate_now(*v);
    const std::uint32_t on = v->loaded_on.load(Order::relaxed);
    words[0] = static_cast<std::uint64_t>(state.state);
    for (unsigned i = 0; i < 4; ++i)
        words[1 + i] = state.time[i];
    words[5] = on == Vcpu::no_cpu ? ~0ULL : on;
    words[6] = v->hot.events.load(Order::relaxed);
    words[7] = v->table_updates.load(Order::relaxed);
    return Ok{};
}

} // namespace

Counters read_counters()
{
    Counters c{mm::free_frames(), mm::heap_bytes(), 0, GrantTable::uses(), 0, mm::foreign_mappings(), 0, 0};
    for_each_domain([&](Domain& d) {
        c[2] += d.events.open_ports();
        ++c[4];
        if (d.is_dying()) c[6] += d.held();
    });
    return c;
}

Result<> control_system(pv_sysctl& op)
{
    switch (op.cmd) {
    case PV_SYSCTL_READCONSOLE: return read_console(op.u.readconsole);
    case PV_SYSCTL_PHYSINFO: physical_info(op.u.physinfo); return Ok{};
    case PV_SYSCTL_SCHED_ID: op.u.sched_id = scheduler_id; return Ok{};
    case PV_SYSCTL_GETDOMAININFOLIST: return list_domains(op.u.getdomaininfolist);
    case PV_SYSCTL_DEBUG_KEYS: return debug_keys(op.u.debug_keys);
    case PV_SYSCTL_GETCPUINFO: return cpu_times(op.u.getcpuinfo);
    case PV_SYSCTL_AVAILHEAP: op.u.availheap.avail_bytes = mm::free_frames() * page_size; return Ok{};
    case PV_SYSCTL_CPUTOPOINFO: return topology(op.u.cputopoinfo);
    case PV_SYSCTL_NUMAINFO: return numa_info(op.u.numainfo);
    case PV_SYSCTL_PCITOPOINFO: return pci_topology(op.u.pcitopoinfo);
    case PV_SYSCTL_CPUPOOL_OP: return cpu_pool(op.u.cpupool_op);
    case PV_SYSCTL_SCHEDULER_OP: return scheduler(op.u.scheduler_op);
    case PV_SYSCTL_GET_CPU_POLICY: {
        pv_sysctl_cpu_policy& q = op.u.cpu_policy;
        q.nr_msrs = 0;
        return write_policy(TRY(policy_kind(q.index, PV_SYSCTL_CPU_POLICY_PV_DEFAULT)), GuestVa{q.leaves}, q.nr_leaves);
    }
    case PV_SYSCTL_GET_CPU_FEATURESET: {
        pv_sysctl_cpu_featureset& q = op.u.cpu_featureset;
        return write_featureset(TRY(policy_kind(q.index, PV_SYSCTL_CPU_FEATURESET_PV_MAX)), GuestVa{q.features},
                                q.nr_features);
    }
    case sysctl_counters: __builtin_memcpy(op.u.words, read_counters().data(), sizeof(Counters)); return Ok{};
    case sysctl_locks: return lock_contention(op.u.words);
    case sysctl_vcpu_times: return vcpu_times(op.u.words);
    default: return Error::enosys;
    }
}

} // namespace hv::domain
