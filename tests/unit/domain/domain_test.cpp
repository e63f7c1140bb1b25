// SPDX-License-Identifier: MIT
//
// Life and death of domains: ids, references, pausing, shutdown, destruction, watchdogs, and what the machine does
// when the hardware domain ends.
#include "base/options.hpp"
#include "tests/unit/domain/world.hpp"

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;
using arch::host::Stopped;

namespace {

using Domains = World;

bool dom_exc_pending()
{
    static const EventPort port = ok(World::dom0().events().bind_virq(PV_VIRQ_DOM_EXC, VcpuId{0}));
    auto& word = World::dom0().domain->shared_info().evtchn_pending[port.raw() / 64];
    const bool was = (word >> port.raw() % 64 & 1) != 0;
    word = 0;
    return was;
}

TEST_F(Domains, IdsGrowAndAreNotReusedAtOnce)
{
    const DomainId first = start_guest().domain->id();
    end(find_domain(first));
    const DomainId second = start_guest().domain->id();
    EXPECT_EQ(second.raw(), first.raw() + 1);
}

TEST_F(Domains, AnExplicitIdIsHonouredIfFree)
{
    DomainConfig config;
    config.id = DomainId{4711};
    EXPECT_EQ(make_guest(config).domain->id(), DomainId{4711});
    EXPECT_EQ(Domain::create(config).error(), Error::eexist);
    config.id = DomainId{PV_DOMID_FIRST_RESERVED};
    EXPECT_EQ(Domain::create(config).error(), Error::einval);
    config.id = DomainId{0};
    EXPECT_EQ(Domain::create(config).error(), Error::eexist);
}

TEST_F(Domains, VcpuCountsAreChecked)
{
    DomainConfig config;
    config.max_vcpus = 0;
    EXPECT_EQ(Domain::create(config).error(), Error::einval);
    config.max_vcpus = max_vcpus_per_domain + 1;
    EXPECT_EQ(Domain::create(config).error(), Error::einval);
    config.max_vcpus = 40; // beyond the slots of shared_info
    Domain* const d = ok(Domain::create(config));
    EXPECT_EQ(d->create_vcpus(41).error(), Error::einval);
    ok(d->create_vcpus(40));
    EXPECT_FALSE(d->vcpu(VcpuId{39})->has_info_place());
    EXPECT_TRUE(d->vcpu(VcpuId{31})->has_info_place());
    EXPECT_EQ(d->vcpu(VcpuId{40}), nullptr);
    EXPECT_EQ(d->vcpu(VcpuId{0})->up().error(), Error::einval) << "not initialised";
}

TEST_F(Domains, AContextIsSanitisedAndItsIoplBecomesThePrivilege)
{
    const Guest g = make_guest();
    pv_vcpu_guest_context c = context_for(g.root);
    c.user_regs.cs = 0x10;
    c.user_regs.ss = 0x18;
    c.user_regs.rflags = 0x1000; // as Linux starts its other vCPUs
    ok(g.vcpu().initialise(c));
    EXPECT_EQ(g.vcpu().regs().cs, 0x13);
    EXPECT_EQ(g.vcpu().regs().ss, 0x1b);
    EXPECT_EQ(g.vcpu().regs().rflags, 0x202U);
    EXPECT_EQ(g.vcpu().iopl, 1);
    const auto out = ok(mm::make_box<pv_vcpu_guest_context>());
    g.vcpu().context(*out);
    EXPECT_EQ(out->user_regs.rflags, 0x1202U);
    EXPECT_NE(out->flags & PV_VGCF_ONLINE, 0U);
    c.flags = PV_VGCF_IN_KERNEL;
    ok(g.vcpu().initialise(c));
    EXPECT_FALSE(g.vcpu().online());
    c.ctrlreg[3] = maddr_of(g.data).raw();
    EXPECT_FALSE(g.vcpu().initialise(c).ok()) << "not a page table";
}

TEST_F(Domains, AContextWithTwoDescriptorTablesIsSetInTwoSteps)
{
    const Guest g = make_guest();
    Domain& d = *g.domain;
    const Mfn gdt = ok(mm::alloc_domain_frames(d, 0)), ldt = ok(mm::alloc_domain_frames(d, 0));
    const Mfn l1 = table_to(d, 1, ldt);
    mm::FrameWindow<std::uint64_t>{l1}[1] &= ~2ULL; // read-only
    pv_vcpu_guest_context c = context_for(table_to(d, 0, table_to(d, 0, table_to(d, 0, l1))));
    c.gdt_frames[0] = gdt.raw();
    c.gdt_ents = 512;
    c.ldt_base = page_size;
    c.ldt_ents = 8;
    EXPECT_EQ(g.vcpu().initialise(c).error(), Error::restart) << "both at once may take too long";
    ok(g.vcpu().initialise(c));
    for (const Mfn m : {gdt, ldt}) {
        EXPECT_EQ(mm::frame(m).current().type, mm::PageType::segment_descriptors);
        EXPECT_EQ(mm::frame(m).current().count, 1U);
    }
    c.ldt_ents = 0;
    c.gdt_ents = 0;
    ok(g.vcpu().initialise(c));
    EXPECT_EQ(mm::frame(ldt).current().count, 0U);
}

TEST_F(Domains, LookupAndOrder)
{
    const Guest a = start_guest(), b = start_guest();
    EXPECT_EQ(find_domain(b.domain->id()).get(), b.domain);
    EXPECT_FALSE(find_domain(DomainId{30000}));
    EXPECT_EQ(ok(resolve(DomainId{PV_DOMID_SELF}, a.vcpu())).get(), a.domain);
    EXPECT_EQ(resolve(DomainId{30000}, a.vcpu()).error(), Error::esrch);
    std::vector<std::uint16_t> seen;
    for_each_domain([&](Domain& d) { seen.push_back(d.id().raw()); });
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_EQ(seen.size(), 3U);
}

TEST_F(Domains, ANewDomainIsPausedUntilTheControllerSaysSo)
{
    DomainConfig config;
    const Guest g = make_guest(config);
    EXPECT_FALSE(g.vcpu().runnable());
    ok(g.domain->controller_unpause());
    EXPECT_TRUE(g.vcpu().runnable());
    EXPECT_EQ(g.domain->controller_unpause().error(), Error::einval);
    ok(g.domain->controller_pause());
    ok(g.domain->controller_pause());
    ok(g.domain->controller_unpause());
    EXPECT_FALSE(g.vcpu().runnable());
    ok(g.domain->controller_unpause());
    EXPECT_TRUE(g.vcpu().runnable());
}

TEST_F(Domains, UnpausingRestoresWhatTheBuilderCleared)
{
    DomainConfig config;
    const Guest g = make_guest(config);
    g.domain->shared_info() = {};
    ok(g.domain->controller_unpause());
    EXPECT_NE(g.domain->shared_info().wc_sec, 0U);
    const pv_vcpu_time_info& t = g.domain->shared_info().vcpu_info[0].time;
    EXPECT_NE(t.version, 0U);
    EXPECT_EQ(t.version % 2, 0U);
    EXPECT_NE(t.tsc_to_system_mul, 0U);
}

TEST_F(Domains, ShutdownStopsTheGuestAndTellsTheHardwareDomain)
{
    const Guest g = start_guest();
    dom_exc_pending();
    g.domain->shutdown(PV_SHUTDOWN_REBOOT);
    EXPECT_TRUE(dom_exc_pending());
    EXPECT_TRUE(g.domain->is_shut_down());
    EXPECT_EQ(g.domain->shutdown_reason(), static_cast<unsigned>(PV_SHUTDOWN_REBOOT));
    EXPECT_FALSE(g.vcpu().runnable());
    g.domain->shutdown(PV_SHUTDOWN_POWEROFF);
    EXPECT_EQ(g.domain->shutdown_reason(), static_cast<unsigned>(PV_SHUTDOWN_REBOOT)) << "the first reason stands";
    g.domain->resume();
    EXPECT_TRUE(g.vcpu().runnable());
    g.domain->crash("test");
    EXPECT_EQ(g.domain->shutdown_reason(), static_cast<unsigned>(PV_SHUTDOWN_CRASH));
}

TEST_F(Domains, DestructionGivesEverythingBackAndAnnouncesItself)
{
    const std::uint64_t free_before = mm::free_frames(), heap_before = mm::heap_bytes();
    const Guest g = start_guest(2);
    const DomainId id = g.domain->id();
    ok(g.events().bind_virq(PV_VIRQ_TIMER, VcpuId{1}));
    g.vcpu().set_singleshot(cpu::now() + 1'000'000'000);
    ok(g.vcpu(1).register_info(g.data, 64));
    dom_exc_pending();
    end(find_domain(id));
    EXPECT_TRUE(dom_exc_pending());
    EXPECT_EQ(mm::free_frames() + (mm::heap_bytes() - heap_before) / page_size, free_before);
}

TEST_F(Domains, AReferenceKeepsADeadDomainListedButNotAlive)
{
    const Guest g = start_guest();
    DomainRef kept = find_domain(g.domain->id());
    while (!g.domain->destroy().ok()) {
    }
    arch::host::advance(100'000'000);
    enter_and_leave();
    EXPECT_TRUE(kept->is_dying());
    EXPECT_TRUE(find_domain(kept->id()));
    EXPECT_EQ(resolve(kept->id(), dom0().vcpu()).error(), Error::esrch);
    EXPECT_EQ(kept->shared_info_frame(), invalid_mfn);
    EXPECT_EQ(kept->create_vcpus(1).error(), Error::einval);
    EXPECT_EQ(kept->events.alloc_unbound(DomainId{0}).error(), Error::einval);
    const DomainId id = kept->id();
    dom_exc_pending();
    kept.reset();
    arch::host::advance(1'000'000);
    enter_and_leave();
    EXPECT_FALSE(find_domain(id));
    EXPECT_TRUE(dom_exc_pending()) << "announced again when it is really gone";
}

TEST_F(Domains, ForeignMappingsDelayTheEnd)
{
    const Guest g = start_guest();
    const DomainId id = g.domain->id();
    {
        const auto page = ok(mm::get_page(g.data, *g.domain));
        while (!g.domain->destroy().ok()) {
        }
        arch::host::advance(100'000'000);
        enter_and_leave();
        EXPECT_TRUE(find_domain(id)) << "somebody still holds a frame";
    }
    arch::host::advance(100'000'000);
    enter_and_leave();
    EXPECT_FALSE(find_domain(id));
}

TEST_F(Domains, ManyBigRootsAreTakenApartInSlices)
{
    constexpr unsigned vcpus = 12, tables_a_root = 6;
    DomainConfig config;
    config.max_vcpus = vcpus;
    const Guest g = make_guest(config);
    Domain& d = *g.domain;
    d.set_max_pages(1000);
    const auto make_root = [&] {
        const Mfn l2 = ok(mm::alloc_domain_frames(d, 0));
        for (unsigned i = 0; i < tables_a_root; ++i) {
            const Mfn l1 = table_to(d, 0, g.data);
            for (unsigned k = 0; k < 512; ++k)
                mm::FrameWindow<std::uint64_t>{l1}[k] = maddr_of(g.data).raw() | 5;
            mm::FrameWindow<std::uint64_t>{l2}[i] = maddr_of(l1).raw() | 7;
        }
        const Mfn root = table_to(d, 0, table_to(d, 0, l2));
        for (;;)
            if (auto ref = mm::get_root(root, d); ref.error() != Error::restart) return ok(std::move(ref));
    };
    for (unsigned i = 0; i < vcpus; ++i) {
        g.vcpu(i).set_root(true, make_root());
        g.vcpu(i).set_root(false, make_root());
    }
    const auto tables = [] {
        unsigned n = 0;
        for (Mfn m{0}; m < mm::frame_table_end(); ++m)
            n += mm::is_table(mm::frame(m).current().type) && mm::frame(m).current().count != 0 ? 1 : 0;
        return n;
    };
    unsigned most = 0;
    for (bool done = false; !done;) {
        const unsigned before = tables();
        const Result<> r = d.destroy();
        most = std::max(most, before - tables());
        done = r.ok() || r.error() != Error::restart;
    }
    EXPECT_EQ(d.life(), Life::dead);
    EXPECT_LE(most, 16U) << "of 216 and more";
}

TEST_F(Domains, NobodyDestroysItselfOrTheHardwareDomain)
{
    EXPECT_EQ(dom0().domain->destroy().error(), Error::einval);
    EXPECT_FALSE(dom0().domain->is_dying());
}

TEST_F(Domains, AWatchdogThatIsNotPettedBites)
{
    const Guest g = start_guest();
    EXPECT_EQ(g.domain->set_watchdog(0, 0).error(), Error::einval);
    EXPECT_EQ(g.domain->set_watchdog(1, 5).error(), Error::einval) << "not running";
    EXPECT_EQ(ok(g.domain->set_watchdog(0, 10)), 1U);
    EXPECT_EQ(ok(g.domain->set_watchdog(0, 10)), 2U);
    EXPECT_EQ(g.domain->set_watchdog(0, 10).error(), Error::enospc);
    EXPECT_EQ(ok(g.domain->set_watchdog(2, 0)), 0U);
    arch::host::advance(9'000'000'000);
    enter_and_leave();
    EXPECT_EQ(ok(g.domain->set_watchdog(1, 10)), 0U);
    arch::host::advance(9'000'000'000);
    enter_and_leave();
    EXPECT_FALSE(g.domain->is_shut_down());
    arch::host::advance(2'000'000'000);
    enter_and_leave();
    EXPECT_TRUE(g.domain->is_shut_down());
    EXPECT_EQ(g.domain->shutdown_reason(), static_cast<unsigned>(PV_SHUTDOWN_WATCHDOG));
}

/// How the machine stops when the hardware domain ends by @p reason. Leaves it resumed.
Stopped::How end_of_hardware_domain(std::uint32_t reason)
{
    Domain& d = *World::dom0().domain;
    Stopped::How how = Stopped::How::enter_guest;
    try {
        d.shutdown(reason);
    } catch (const Stopped& s) {
        how = s.how;
    }
    d.resume();
    return how;
}

TEST_F(Domains, TheHardwareDomainTakesTheMachineWithIt)
{
    EXPECT_EQ(end_of_hardware_domain(PV_SHUTDOWN_POWEROFF), Stopped::How::halt);
    EXPECT_EQ(end_of_hardware_domain(PV_SHUTDOWN_REBOOT), Stopped::How::reset);
    EXPECT_EQ(end_of_hardware_domain(PV_SHUTDOWN_CRASH), Stopped::How::reset);
    options.noreboot = true;
    EXPECT_EQ(end_of_hardware_domain(PV_SHUTDOWN_CRASH), Stopped::How::halt);
    options.noreboot = false;
}

} // namespace
