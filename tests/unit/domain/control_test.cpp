// SPDX-License-Identifier: MIT
//
// domctl and sysctl: a domain's whole life as a toolstack drives it, what the answers say, and what is refused.
#include "domain/control.hpp"
#include "domain/grants.hpp"
#include "guest/cpuid_policy.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/update.hpp"
#include "tests/unit/domain/world.hpp"
#include <set>

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

class Control : public World {
protected:
    static Result<> domctl(std::uint32_t cmd, std::uint16_t id, pv_domctl& op)
    {
        op.cmd = cmd;
        op.domain = id;
        return control_domain(dom0().vcpu(), op);
    }
    static Result<> domctl(std::uint32_t cmd, std::uint16_t id)
    {
        pv_domctl op{};
        return domctl(cmd, id, op);
    }
    static Result<> sysctl(std::uint32_t cmd, pv_sysctl& op)
    {
        op.cmd = cmd;
        return control_system(op);
    }
    static pv_domctl creation()
    {
        pv_domctl op{};
        op.u.createdomain.max_vcpus = 2;
        op.u.createdomain.max_evtchn_port = 1023;
        op.u.createdomain.max_grant_frames = -1;
        op.u.createdomain.max_maptrack_frames = -1;
        op.u.createdomain.grant_opts = 2;
        op.u.createdomain.handle[15] = 0x42;
        return op;
    }
    static std::uint16_t create()
    {
        pv_domctl op = creation();
        ok(domctl(PV_DOMCTL_CREATEDOMAIN, 0xffff, op));
        return op.domain;
    }
    static pv_domctl_getdomaininfo info(std::uint16_t id)
    {
        pv_domctl op{};
        ok(domctl(PV_DOMCTL_GETDOMAININFO, id, op));
        return op.u.getdomaininfo;
    }
    static std::uint64_t va(std::size_t offset) { return data_va + offset; }
};

TEST_F(Control, AWholeLife)
{
    const Counters before = read_counters();
    const std::uint16_t id = create();
    EXPECT_EQ(info(id).domain, id);
    EXPECT_EQ(info(id).handle[15], 0x42);
    EXPECT_EQ(info(id).max_vcpu_id, PV_INVALID_MAX_VCPU_ID);
    EXPECT_EQ(info(id).flags, unsigned{PV_DOMINF_PAUSED});
    pv_domctl op{};
    op.u.max_vcpus = 1;
    ok(domctl(PV_DOMCTL_MAX_VCPUS, id, op));
    EXPECT_EQ(info(id).max_vcpu_id, 0u);
    op.u.max_mem = 256;
    ok(domctl(PV_DOMCTL_MAX_MEM, id, op));
    EXPECT_EQ(info(id).max_pages, 64u);

    const DomainRef d = find_domain(DomainId{id});
    const Mfn data = ok(mm::alloc_domain_frames(*d, 0));
    const Mfn root = table_to(*d, 0, table_to(*d, 0, table_to(*d, 2, table_to(*d, 0, data))));
    EXPECT_EQ(info(id).nr_online_vcpus, 0u);
    ok(d->vcpu(VcpuId{0})->initialise(context_for(root)));
    EXPECT_EQ(info(id).nr_online_vcpus, 1u);
    ok(domctl(PV_DOMCTL_UNPAUSEDOMAIN, id));
    EXPECT_EQ(info(id).flags & PV_DOMINF_PAUSED, 0u);
    EXPECT_EQ(info(id).tot_pages, 5u);
    EXPECT_EQ(Mfn{info(id).shared_info_frame}, d->shared_info_frame());

    d->shutdown(PV_SHUTDOWN_REBOOT);
    EXPECT_EQ(info(id).flags & (PV_DOMINF_SHUTDOWN | PV_DOMINF_SHUTDOWNMASK << PV_DOMINF_SHUTDOWNSHIFT),
              PV_DOMINF_SHUTDOWN | unsigned{PV_SHUTDOWN_REBOOT} << PV_DOMINF_SHUTDOWNSHIFT);
    ok(domctl(PV_DOMCTL_PAUSEDOMAIN, id));
    ok(domctl(PV_DOMCTL_RESUMEDOMAIN, id));
    EXPECT_EQ(info(id).flags & PV_DOMINF_SHUTDOWN, 0u);
    Result<> r = domctl(PV_DOMCTL_DESTROYDOMAIN, id);
    for (int i = 0; i < 100 && r.error() == Error::restart; ++i)
        r = domctl(PV_DOMCTL_DESTROYDOMAIN, id);
    ok(std::move(r));
    EXPECT_NE(info(id).flags & PV_DOMINF_DYING, 0u);
    const_cast<DomainRef&>(d).reset();
    for (int i = 0; i < 3; ++i) {
        arch::host::advance(20'000'000);
        enter_and_leave();
    }
    pv_domctl gone{};
    EXPECT_EQ(domctl(PV_DOMCTL_GETDOMAININFO, id, gone).error(), Error::esrch);
    EXPECT_EQ(read_counters(), before) << "nothing leaks";
}

TEST_F(Control, CreateChecksWhatItIsAsked)
{
    const auto refused = [](auto change) {
        pv_domctl op = creation();
        change(op);
        const Result<> r = domctl(PV_DOMCTL_CREATEDOMAIN, op.domain, op);
        return r.ok() ? Error{} : r.error();
    };
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.flags = PV_DOMCTL_CDF_HVM; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.flags = PV_DOMCTL_CDF_IOMMU; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.max_vcpus = 0; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.max_vcpus = 100000; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.grant_opts = 0; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.grant_opts = 16; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.arch.emulation_flags = 1; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.max_grant_frames = 0; }), Error::einval);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.cpupool_id = 1; }), Error::enoent);
    EXPECT_EQ(refused([](pv_domctl& o) { o.u.createdomain.vmtrace_size = 4096; }), Error::einval);
    const std::uint16_t id = create();
    EXPECT_EQ(refused([id](pv_domctl& o) { o.domain = id; }), Error::eexist);
    EXPECT_EQ(find_domain(DomainId{id})->grants().max_frames(), 64u);
}

TEST_F(Control, InfoFindsTheNextDomain)
{
    const std::uint16_t id = create();
    pv_domctl op{};
    ok(domctl(PV_DOMCTL_GETDOMAININFO, static_cast<std::uint16_t>(id - 1 == 0 ? 1 : id - 1), op));
    EXPECT_EQ(op.domain, id);
    EXPECT_EQ(domctl(PV_DOMCTL_GETDOMAININFO, static_cast<std::uint16_t>(id + 1), op).error(), Error::esrch);
    EXPECT_EQ(domctl(PV_DOMCTL_GETDOMAININFO, PV_DOMID_SELF, op).error(), Error::einval);
}

TEST_F(Control, WrongDomainsAndCommands)
{
    EXPECT_EQ(domctl(PV_DOMCTL_PAUSEDOMAIN, 777).error(), Error::esrch);
    EXPECT_EQ(domctl(9999, 777).error(), Error::esrch);
    EXPECT_EQ(domctl(9999, 0).error(), Error::enosys);
    EXPECT_EQ(domctl(PV_DOMCTL_SHADOW_OP, 0).error(), Error::enosys);
    for (const std::uint32_t cmd : {PV_DOMCTL_DESTROYDOMAIN, PV_DOMCTL_PAUSEDOMAIN, PV_DOMCTL_UNPAUSEDOMAIN,
                                    PV_DOMCTL_RESUMEDOMAIN, PV_DOMCTL_MAX_VCPUS, PV_DOMCTL_SETVCPUCONTEXT})
        EXPECT_EQ(domctl(cmd, 0).error(), Error::einval) << "the caller itself, command " << cmd;
}

TEST_F(Control, ContextsGoInAndOut)
{
    const Guest g = make_guest();
    const std::uint16_t id = g.domain->id().raw();
    pv_domctl op{};
    op.u.vcpucontext = {0, 0, va(0)};
    EXPECT_EQ(domctl(PV_DOMCTL_GETVCPUCONTEXT, id, op).error(), Error::efault) << "one page is mapped, it is larger";
    op.u.vcpucontext.vcpu = 1;
    EXPECT_EQ(domctl(PV_DOMCTL_GETVCPUCONTEXT, id, op).error(), Error::einval);
    EXPECT_EQ(domctl(PV_DOMCTL_SETVCPUCONTEXT, id, op).error(), Error::einval);
    op.u.vcpucontext.vcpu = 0;
    EXPECT_EQ(domctl(PV_DOMCTL_SETVCPUCONTEXT, id, op).error(), Error::efault);
    const Mfn second = ok(mm::alloc_domain_frames(*dom0().domain, 0));
    const mm::L1Slot slot = ok(mm::find_l1(dom0().root, GuestVa{va(page_size)}));
    ok(mm::write_l1(slot, maddr_of(second).raw() | 7, {*dom0().domain, *dom0().domain}));
    ok(domctl(PV_DOMCTL_GETVCPUCONTEXT, id, op));
    const auto context = ok(mm::make_box<pv_vcpu_guest_context>());
    const guest::InOut<pv_vcpu_guest_context> there{GuestVa{va(0)}};
    ok(there.read_array(std::span{context.get(), 1}));
    EXPECT_EQ(context->event_callback_eip, callback_va);
    EXPECT_EQ(context->ctrlreg[3], maddr_of(g.root).raw());
    EXPECT_EQ(context->flags & PV_VGCF_ONLINE, unsigned{PV_VGCF_ONLINE});
    context->user_regs.rip = 0x4321;
    ok(there.write_array(std::span<const pv_vcpu_guest_context>{context.get(), 1}));
    ok(domctl(PV_DOMCTL_SETVCPUCONTEXT, id, op));
    EXPECT_EQ(g.vcpu().regs().rip, 0x4321u);
    ok(mm::write_l1(slot, 0, {*dom0().domain, *dom0().domain}));
    EXPECT_FALSE(g.domain->vcpu(VcpuId{0})->runnable());
    ok(g.domain->controller_unpause());
    EXPECT_TRUE(g.domain->vcpu(VcpuId{0})->runnable()) << "the pauses around were undone";
}

TEST_F(Control, VcpuInfoAndAffinity)
{
    const Guest g = start_guest(2);
    const std::uint16_t id = g.domain->id().raw();
    pv_domctl op{};
    op.u.getvcpuinfo.vcpu = 1;
    ok(domctl(PV_DOMCTL_GETVCPUINFO, id, op));
    EXPECT_EQ(op.u.getvcpuinfo.online, 1);
    EXPECT_EQ(op.u.getvcpuinfo.running, 0);
    op = {};
    op.u.getvcpuinfo.vcpu = 2;
    EXPECT_EQ(domctl(PV_DOMCTL_GETVCPUINFO, id, op).error(), Error::einval);

    op = {};
    op.u.vcpuaffinity.flags = PV_VCPUAFFINITY_HARD | PV_VCPUAFFINITY_SOFT;
    op.u.vcpuaffinity.cpumap_hard = {va(0), 64, 0};
    op.u.vcpuaffinity.cpumap_soft = {va(64), 12, 0};
    dom0().at<std::uint64_t>(0) = 2; // only a CPU that is not there
    EXPECT_EQ(domctl(PV_DOMCTL_SETVCPUAFFINITY, id, op).error(), Error::einval);
    dom0().at<std::uint64_t>(0) = ~0ULL;
    dom0().at<std::uint64_t>(64) = ~0ULL;
    ok(domctl(PV_DOMCTL_SETVCPUAFFINITY, id, op));
    EXPECT_EQ(dom0().at<std::uint64_t>(0), 1u) << "what is in force";
    EXPECT_EQ(dom0().at<std::uint64_t>(64), ~0ULL << 16 | 1) << "two bytes hold twelve bits";
    op.u.vcpuaffinity.cpumap_hard.nr_bits = ~0U;
    EXPECT_EQ(domctl(PV_DOMCTL_GETVCPUAFFINITY, id, op).error(), Error::einval);
    op.u.vcpuaffinity.flags = 0;
    EXPECT_EQ(domctl(PV_DOMCTL_GETVCPUAFFINITY, id, op).error(), Error::einval);
}

TEST_F(Control, SmallProperties)
{
    const std::uint16_t id = create();
    const auto with = [id](std::uint32_t cmd, auto set) {
        pv_domctl op{};
        set(op);
        const Result<> r = domctl(cmd, id, op);
        return r.ok() ? Error{} : r.error();
    };
    EXPECT_EQ(with(PV_DOMCTL_SET_ADDRESS_SIZE, [](auto& o) { o.u.address_size = 64; }), Error{});
    EXPECT_EQ(with(PV_DOMCTL_SET_ADDRESS_SIZE, [](auto& o) { o.u.address_size = 32; }), Error::einval);
    EXPECT_EQ(with(PV_DOMCTL_SETTSCINFO, [](auto& o) { o.u.tsc_info.tsc_mode = 0; }), Error{});
    EXPECT_EQ(with(PV_DOMCTL_SETTSCINFO, [](auto& o) { o.u.tsc_info.tsc_mode = 1; }), Error::eopnotsupp);
    for (const std::uint32_t absent :
         {PV_DOMCTL_IRQ_PERMISSION, PV_DOMCTL_IOMEM_PERMISSION, PV_DOMCTL_IOPORT_PERMISSION, PV_DOMCTL_SETTIMEOFFSET})
        EXPECT_EQ(with(absent, [](auto&) {}), Error::enosys);
    pv_domctl op{};
    ok(domctl(PV_DOMCTL_GET_ADDRESS_SIZE, id, op));
    EXPECT_EQ(op.u.address_size, 64u);
    op = {};
    op.u.scheduler_op = {PV_SCHEDULER_CREDIT, PV_DOMCTL_SCHEDOP_PUTINFO, {}};
    op.u.scheduler_op.u.credit = {512, 25};
    ok(domctl(PV_DOMCTL_SCHEDULER_OP, id, op));
    op.u.scheduler_op.cmd = PV_DOMCTL_SCHEDOP_GETINFO;
    op.u.scheduler_op.u.credit = {0, 0};
    ok(domctl(PV_DOMCTL_SCHEDULER_OP, id, op));
    EXPECT_EQ(op.u.scheduler_op.u.credit.weight, 512);
    EXPECT_EQ(op.u.scheduler_op.u.credit.cap, 25);
    op.u.scheduler_op.cmd = PV_DOMCTL_SCHEDOP_PUTINFO;
    op.u.scheduler_op.u.credit = {0, 0xffff};
    ok(domctl(PV_DOMCTL_SCHEDULER_OP, id, op));
    EXPECT_EQ(find_domain(DomainId{id})->weight, 512U) << "0 and 0xffff leave what is";
    EXPECT_EQ(find_domain(DomainId{id})->cap, 25U);
    op.u.scheduler_op.u.credit = {256, 1000};
    EXPECT_EQ(domctl(PV_DOMCTL_SCHEDULER_OP, id, op).error(), Error::einval) << "more than its vCPUs can use";
    EXPECT_EQ(find_domain(DomainId{id})->weight, 512U);
    op.u.scheduler_op.sched_id = PV_SCHEDULER_CREDIT + 1;
    EXPECT_EQ(domctl(PV_DOMCTL_SCHEDULER_OP, id, op).error(), Error::einval);
}

TEST_F(Control, FrameTypes)
{
    const Guest g = make_guest();
    auto* const array = &dom0().at<std::uint64_t>(0);
    array[0] = g.root.raw();
    array[1] = g.data.raw();
    array[2] = dom0().root.raw(); // another domain's
    array[3] = ~0ULL;
    pv_domctl op{};
    op.u.getpageframeinfo3 = {4, va(0)};
    ok(domctl(PV_DOMCTL_GETPAGEFRAMEINFO3, g.domain->id().raw(), op));
    EXPECT_EQ(array[0], std::uint64_t{PV_DOMCTL_PFINFO_L4TAB});
    EXPECT_EQ(array[1], std::uint64_t{PV_DOMCTL_PFINFO_NOTAB});
    EXPECT_EQ(array[2], std::uint64_t{PV_DOMCTL_PFINFO_XTAB});
    EXPECT_EQ(array[3], std::uint64_t{PV_DOMCTL_PFINFO_XTAB});
    op.u.getpageframeinfo3.num = 1025;
    EXPECT_EQ(domctl(PV_DOMCTL_GETPAGEFRAMEINFO3, g.domain->id().raw(), op).error(), Error::e2big);
}

TEST_F(Control, PoliciesRoundTrip)
{
    pv_sysctl size{};
    size.u.cpu_policy.index = PV_SYSCTL_CPU_POLICY_PV_DEFAULT;
    ok(sysctl(PV_SYSCTL_GET_CPU_POLICY, size));
    const std::uint32_t n = size.u.cpu_policy.nr_leaves;
    ASSERT_GT(n, 20u);
    ASSERT_LE(n * sizeof(pv_cpuid_leaf), page_size);
    pv_sysctl get = size;
    get.u.cpu_policy.leaves = va(0);
    get.u.cpu_policy.nr_leaves = n - 1;
    EXPECT_EQ(sysctl(PV_SYSCTL_GET_CPU_POLICY, get).error(), Error::enobufs);
    get.u.cpu_policy.nr_leaves = n;
    ok(sysctl(PV_SYSCTL_GET_CPU_POLICY, get));
    const auto* const leaves = &dom0().at<pv_cpuid_leaf>(0);
    std::set<std::uint32_t> own;
    for (std::uint32_t i = 0; i < n; ++i)
        if (leaves[i].leaf >> 16 == 0x4000) own.insert(leaves[i].leaf);
    EXPECT_EQ(own, (std::set<std::uint32_t>{0x40000000, 0x40000100})) << "all that libxenguest takes back";
    EXPECT_EQ(leaves[1].c, guest::guest_cpuid({}, 1, 0).ecx);

    pv_domctl set{};
    set.u.cpu_policy.nr_leaves = n;
    set.u.cpu_policy.leaves = va(0);
    ok(domctl(PV_DOMCTL_SET_CPU_POLICY, create(), set));
    EXPECT_EQ(set.u.cpu_policy.err_leaf, ~0U);
    dom0().at<pv_cpuid_leaf>(0).leaf = 0xc0000000;
    EXPECT_EQ(check_policy(GuestVa{va(0)}, n).error(), Error::erange);
    EXPECT_EQ(check_policy(GuestVa{va(0)}, 100000).error(), Error::e2big);
    EXPECT_EQ(check_policy(GuestVa{1ULL << 40}, 1).error(), Error::efault);
    get.u.cpu_policy.index = PV_SYSCTL_CPU_POLICY_HVM_DEFAULT;
    EXPECT_EQ(sysctl(PV_SYSCTL_GET_CPU_POLICY, get).error(), Error::eopnotsupp);
    get.u.cpu_policy.index = 6;
    EXPECT_EQ(sysctl(PV_SYSCTL_GET_CPU_POLICY, get).error(), Error::einval);
}

TEST_F(Control, FeatureSets)
{
    pv_sysctl op{};
    op.u.cpu_featureset.index = PV_SYSCTL_CPU_FEATURESET_PV;
    ok(sysctl(PV_SYSCTL_GET_CPU_FEATURESET, op));
    EXPECT_EQ(op.u.cpu_featureset.nr_features, featureset_words);
    op.u.cpu_featureset.features = va(0);
    op.u.cpu_featureset.nr_features = 2;
    dom0().at<std::uint32_t>(8) = 0x5a5a5a5a;
    ok(sysctl(PV_SYSCTL_GET_CPU_FEATURESET, op));
    EXPECT_EQ(op.u.cpu_featureset.nr_features, 2u);
    EXPECT_EQ(dom0().at<std::uint32_t>(0), guest::guest_cpuid({}, 1, 0).edx);
    EXPECT_EQ(dom0().at<std::uint32_t>(4), guest::guest_cpuid({}, 1, 0).ecx);
    EXPECT_EQ(dom0().at<std::uint32_t>(8), 0x5a5a5a5au) << "no more than asked for";
    op.u.cpu_featureset.index = 1; // the hardware's
    op.u.cpu_featureset.nr_features = 3;
    ok(sysctl(PV_SYSCTL_GET_CPU_FEATURESET, op));
    EXPECT_EQ(dom0().at<std::uint32_t>(8), arch::cpuid(0x80000001, 0).edx & ~0x0183f3ffu) << "a feature has one place";
}

TEST_F(Control, PhysicalInfo)
{
    pv_sysctl op{};
    std::fill(std::begin(op.u.words), std::end(op.u.words), ~0ULL);
    ok(sysctl(PV_SYSCTL_PHYSINFO, op));
    const pv_sysctl_physinfo& p = op.u.physinfo;
    EXPECT_EQ(p.nr_cpus, 1u);
    EXPECT_EQ(p.max_cpu_id, 0u);
    EXPECT_EQ(p.capabilities, unsigned{PV_SYSCTL_PHYSCAP_PV | PV_SYSCTL_PHYSCAP_GNTTAB_V1});
    EXPECT_EQ(p.free_pages, mm::free_frames());
    EXPECT_GT(p.total_pages, p.free_pages);
    EXPECT_EQ(p.max_mfn, 8191u);
    EXPECT_EQ(p.pad, 0u);
}

TEST_F(Control, DomainLists)
{
    const std::uint16_t first = create(), second = create();
    pv_sysctl op{};
    op.u.getdomaininfolist = {0, 0, 10, va(0), 0, 0};
    ok(sysctl(PV_SYSCTL_GETDOMAININFOLIST, op));
    ASSERT_EQ(op.u.getdomaininfolist.num_domains, 3u);
    EXPECT_EQ(dom0().at<pv_domctl_getdomaininfo>(112).domain, first);
    op.u.getdomaininfolist = {second, 0, 1, va(0), 0, 0};
    ok(sysctl(PV_SYSCTL_GETDOMAININFOLIST, op));
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 1u);
    EXPECT_EQ(dom0().at<pv_domctl_getdomaininfo>(0).domain, second);
    op.u.getdomaininfolist = {static_cast<std::uint16_t>(second + 1), 0, 1, va(0), 0, 0};
    ok(sysctl(PV_SYSCTL_GETDOMAININFOLIST, op));
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 0u);
}

TEST_F(Control, OneCpuOnOneNode)
{
    pv_sysctl op{};
    ok(sysctl(PV_SYSCTL_NUMAINFO, op));
    EXPECT_EQ(op.u.numainfo.num_nodes, 1u);
    op.u.numainfo = {4, 0, va(0), va(64)};
    ok(sysctl(PV_SYSCTL_NUMAINFO, op));
    EXPECT_EQ(op.u.numainfo.num_nodes, 1u);
    EXPECT_EQ(dom0().at<pv_sysctl_meminfo>(0).memfree, mm::free_frames() * page_size);
    EXPECT_EQ(dom0().at<std::uint32_t>(64), 10u);
    op = {};
    ok(sysctl(PV_SYSCTL_CPUTOPOINFO, op));
    EXPECT_EQ(op.u.cputopoinfo.num_cpus, 1u);
    op = {};
    op.u.pcitopoinfo = {2, 0, va(0), va(16)};
    dom0().at<std::uint64_t>(16) = 0;
    dom0().at<std::uint32_t>(24) = 7;
    ok(sysctl(PV_SYSCTL_PCITOPOINFO, op));
    EXPECT_EQ(dom0().at<std::uint64_t>(16), ~std::uint64_t{0}) << "two devices without a node";
    EXPECT_EQ(dom0().at<std::uint32_t>(24), 7u);
    op.u.pcitopoinfo.num_devs = 4097;
    EXPECT_EQ(sysctl(PV_SYSCTL_PCITOPOINFO, op).error(), Error::e2big);
    op.u.pcitopoinfo = {1, 0, 0, 8};
    EXPECT_EQ(sysctl(PV_SYSCTL_PCITOPOINFO, op).error(), Error::efault);
    op = {};
    op.u.cpupool_op.op = PV_SYSCTL_CPUPOOL_OP_INFO;
    op.u.cpupool_op.cpumap = {va(0), 8, 0};
    ok(sysctl(PV_SYSCTL_CPUPOOL_OP, op));
    EXPECT_EQ(op.u.cpupool_op.sched_id, unsigned{PV_SCHEDULER_CREDIT});
    EXPECT_EQ(dom0().at<std::uint8_t>(0), 1);
    op.u.cpupool_op.cpupool_id = 1;
    EXPECT_EQ(sysctl(PV_SYSCTL_CPUPOOL_OP, op).error(), Error::enoent);
    EXPECT_EQ(sysctl(4242, op).error(), Error::enosys);
}

TEST_F(Control, CountersSeeWhatADomainHolds)
{
    const Counters before = read_counters();
    const Guest g = start_guest();
    ok(g.events().alloc_unbound(DomainId{0}));
    pv_sysctl op{};
    ok(sysctl(sysctl_counters, op));
    EXPECT_LT(op.u.words[0], before[0]);
    EXPECT_GT(op.u.words[1], before[1]);
    EXPECT_EQ(op.u.words[2], before[2] + 1);
    EXPECT_EQ(op.u.words[4], before[4] + 1);
    end(find_domain(g.domain->id()));
    EXPECT_EQ(read_counters(), before);
}

} // namespace
