// SPDX-License-Identifier: MIT
//
// What guests read as time: the pvclock formula against the hypervisor's clock, the wallclock, runstate totals, timers.
#include "tests/unit/domain/world.hpp"

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

constexpr Nanoseconds ms = 1'000'000;

/// As a guest computes it.
Nanoseconds guest_time(const pv_vcpu_time_info& t, std::uint64_t tsc)
{
    std::uint64_t delta = tsc - t.tsc_timestamp;
    delta = t.tsc_shift < 0 ? delta >> -t.tsc_shift : delta << t.tsc_shift;
    return t.system_time +
           static_cast<Nanoseconds>((static_cast<unsigned __int128>(delta) * t.tsc_to_system_mul) >> 32);
}

class Time : public World {
protected:
    Guest g = start_guest(2);
    [[nodiscard]] bool timer_pending(EventPort p) const { return ok(g.events().pending({&p, 1})); }
    void clear() const { g.domain->shared_info().evtchn_pending[0] = 0; }
};

TEST_F(Time, TheRecordAgreesWithTheClockToTheNanosecond)
{
    for (const Nanoseconds step : {1ULL, 999ULL, 1'000'003ULL, 86'400'000'000'000ULL}) {
        arch::host::advance(step);
        EXPECT_EQ(guest_time(g.vcpu().hot.info->time, arch::read_tsc()), cpu::now());
    }
    EXPECT_EQ(g.vcpu().hot.info->time.flags & PV_PVCLOCK_TSC_STABLE_BIT, PV_PVCLOCK_TSC_STABLE_BIT);
}

TEST_F(Time, VersionsAreEvenNeverZeroAndGrow)
{
    pv_vcpu_time_info t{};
    publish_time(t);
    EXPECT_EQ(t.version, 2U);
    publish_time(t);
    EXPECT_EQ(t.version, 4U);
    t.version = ~0U; // whatever a guest left there
    publish_time(t);
    EXPECT_EQ(t.version, 2U);
}

TEST_F(Time, SettingTheWallclockReachesEveryDomain)
{
    const std::uint32_t before = g.domain->shared_info().wc_version;
    ok(set_wallclock({1'700'000'000, 500'000'000}, 10'750'000'000));
    for (Domain* d : {g.domain, dom0().domain}) {
        const pv_shared_info& s = d->shared_info();
        EXPECT_EQ(s.wc_sec, 1'699'999'989U);
        EXPECT_EQ(s.wc_nsec, 750'000'000U);
        EXPECT_EQ(s.wc_sec_hi, 0U);
        EXPECT_EQ(s.wc_version % 2, 0U);
    }
    EXPECT_NE(g.domain->shared_info().wc_version, before);
    ok(set_wallclock({99, 1'500'000'000}, 0));
    EXPECT_EQ(g.domain->shared_info().wc_sec, 100U);
    EXPECT_EQ(g.domain->shared_info().wc_nsec, 500'000'000U);
    EXPECT_EQ(set_wallclock({5, 0}, 10'000'000'000).error(), Error::einval) << "before 1970 at system time 0";
    ok(set_wallclock({0x1'2345'6789, 0}, 0));
    EXPECT_EQ(g.domain->shared_info().wc_sec_hi, 1U);
    EXPECT_EQ(g.domain->shared_info().wc_sec, 0x2345'6789U);
}

TEST_F(Time, ASingleshotFiresOnceAtItsTime)
{
    const EventPort p = ok(g.events().bind_virq(PV_VIRQ_TIMER, VcpuId{0}));
    g.vcpu().set_singleshot(cpu::now() + 5 * ms);
    enter_and_leave();
    arch::host::advance(5 * ms - 1);
    enter_and_leave();
    EXPECT_FALSE(timer_pending(p));
    arch::host::advance(1);
    enter_and_leave();
    EXPECT_TRUE(timer_pending(p));
    clear();
    arch::host::advance(100 * ms);
    enter_and_leave();
    EXPECT_FALSE(timer_pending(p));
}

TEST_F(Time, ADeadlineInThePastFiresAtOnceAndANewOneReplacesTheOld)
{
    const EventPort p = ok(g.events().bind_virq(PV_VIRQ_TIMER, VcpuId{0}));
    g.vcpu().set_singleshot(0);
    EXPECT_TRUE(timer_pending(p));
    clear();
    g.vcpu().set_singleshot(cpu::now() + 5 * ms);
    g.vcpu().set_singleshot(cpu::now() + 50 * ms);
    arch::host::advance(6 * ms);
    enter_and_leave();
    EXPECT_FALSE(timer_pending(p));
    g.vcpu().stop_singleshot();
    arch::host::advance(100 * ms);
    enter_and_leave();
    EXPECT_FALSE(timer_pending(p));
}

TEST_F(Time, APeriodicTimerKeepsItsGrid)
{
    const EventPort p = ok(g.events().bind_virq(PV_VIRQ_TIMER, VcpuId{0}));
    EXPECT_EQ(g.vcpu().set_periodic(ms - 1).error(), Error::einval);
    EXPECT_EQ(g.vcpu().set_periodic(~0ULL).error(), Error::einval);
    ok(g.vcpu().set_periodic(10 * ms));
    unsigned beats = 0;
    for (unsigned i = 0; i < 100; ++i) {
        arch::host::advance(1 * ms);
        enter_and_leave();
        beats += timer_pending(p) ? 1 : 0;
        clear();
    }
    EXPECT_EQ(beats, 10U);
    g.vcpu().stop_periodic();
    arch::host::advance(100 * ms);
    enter_and_leave();
    EXPECT_FALSE(timer_pending(p));
}

TEST_F(Time, RunstateTimesAddUp)
{
    RunstateClock c;
    c.start(100);
    c.change(Runstate::runnable, 150);
    c.change(Runstate::running, 160);
    c.change(Runstate::blocked, 200);
    const pv_vcpu_runstate_info s = c.snapshot(1000);
    EXPECT_EQ(s.time[PV_RUNSTATE_OFFLINE], 50U);
    EXPECT_EQ(s.time[PV_RUNSTATE_RUNNABLE], 10U);
    EXPECT_EQ(s.time[PV_RUNSTATE_RUNNING], 40U);
    EXPECT_EQ(s.time[PV_RUNSTATE_BLOCKED], 800U);
    EXPECT_EQ(c.at_last_change().state_entry_time, 200U);
    EXPECT_EQ(c.cpu_time(5000), 40U);
}

TEST_F(Time, RegisteringVcpuInfoMovesEverythingAndMarksItAll)
{
    Vcpu& v = g.vcpu();
    v.hot.info->evtchn_upcall_mask = 1;
    v.hot.info->arch.cr2 = 0x1234;
    EXPECT_EQ(v.register_info(g.data, 4).error(), Error::enxio) << "not aligned";
    EXPECT_EQ(v.register_info(g.data, page_size - 56).error(), Error::enxio);
    EXPECT_EQ(v.register_info(g.root, 0).ok(), false) << "a page table is no place to write to";
    ok(v.register_info(g.data, 128));
    const auto& info = g.at<pv_vcpu_info>(128);
    EXPECT_EQ(v.hot.info, &info);
    EXPECT_EQ(info.evtchn_upcall_pending, 1);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    EXPECT_EQ(info.evtchn_pending_sel, ~0ULL);
    EXPECT_EQ(info.arch.cr2, 0x1234U);
    EXPECT_NE(info.time.tsc_to_system_mul, 0U);
    EXPECT_EQ(v.register_info(g.data, 256).error(), Error::einval) << "once";
}

} // namespace
