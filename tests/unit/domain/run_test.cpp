// SPDX-License-Identifier: MIT
//
// The run loop on the fake machine: who is loaded, event delivery on the way out, blocking, idling, runstate areas.
#include "tests/unit/domain/world.hpp"

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

constexpr Nanoseconds ms = 1'000'000;

class Run : public World {
protected:
    Guest g = start_guest(2);
    /// The hardware domain gives way; whoever is next runs.
    static void leave_dom0()
    {
        dom0().vcpu().hot.info->evtchn_upcall_pending = 0;
        dom0().vcpu().block();
        enter_and_leave();
    }
    static void raise_upcall(Vcpu& v)
    {
        v.hot.info->evtchn_upcall_pending = 1;
        v.notify();
    }
    /// Of one that is not on a CPU, where the next reschedule would find it asleep.
    static void put_to_sleep(Vcpu& v)
    {
        v.block();
        v.settle();
    }
};

TEST_F(Run, ABlockedVcpuGivesTheCpuToAReadyOne)
{
    leave_dom0();
    EXPECT_EQ(&current().domain(), g.domain);
    EXPECT_EQ(arch::host::thread_state().root, maddr_of(g.root));
    EXPECT_EQ(dom0().vcpu().runstate.state(), Runstate::blocked);
    EXPECT_EQ(current().runstate.state(), Runstate::running);
}

TEST_F(Run, ASleeperLeavesACpuItMayNoLongerRunOnAtOnce)
{
    arch::host::set_online(2);
    const CpuSet second = CpuSet::of(CpuId{1}), both = arch::online_cpus();
    Vcpu& sleeper = g.vcpu(1);
    put_to_sleep(sleeper);
    set_affinity(sleeper, {second, both});
    EXPECT_EQ(sleeper.cpu_number.load(Order::relaxed), 1U);
    EXPECT_TRUE(sleeper.blocked());
    set_affinity(sleeper, {both, CpuSet::of(CpuId{0})});
    EXPECT_EQ(sleeper.cpu_number.load(Order::relaxed), 1U) << "soft affinity moves nobody who sleeps";

    leave_dom0();
    ASSERT_EQ(&current(), &g.vcpu(0));
    set_affinity(current(), {second, both});
    current().block();
    EXPECT_EQ(g.vcpu(0).cpu_number.load(Order::relaxed), 0U) << "still loaded there";
    dom0().vcpu().wake();
    enter_and_leave();
    ASSERT_EQ(&current(), &dom0().vcpu());
    EXPECT_EQ(g.vcpu(0).cpu_number.load(Order::relaxed), 1U) << "once it has left";
    arch::host::set_online(1);
}

TEST_F(Run, RegistersFollowTheVcpu)
{
    arch::cpu_info().regs.rbx = 0xd0;
    leave_dom0();
    EXPECT_EQ(arch::cpu_info().regs.rsp, data_va + page_size);
    arch::cpu_info().regs.rbx = 0xd1;
    Vcpu& mine = current();
    dom0().vcpu().wake();
    mine.block();
    put_to_sleep(&mine == &g.vcpu(0) ? g.vcpu(1) : g.vcpu(0));
    enter_and_leave();
    ASSERT_EQ(&current(), &dom0().vcpu());
    EXPECT_EQ(arch::cpu_info().regs.rbx, 0xd0U);
    EXPECT_EQ(mine.regs().rbx, 0xd1U);
}

TEST_F(Run, AnUnmaskedEventEntersTheCallbackOnTheWayOut)
{
    Vcpu& v = dom0().vcpu();
    g.vcpu(0).down();
    g.vcpu(1).down();
    v.hot.info->evtchn_upcall_mask = 0;
    const arch::GuestRegs before = v.regs();
    raise_upcall(v);
    enter_and_leave();
    EXPECT_EQ(v.regs().rip, callback_va);
    EXPECT_LT(v.regs().rsp, before.rsp);
    EXPECT_EQ(v.hot.info->evtchn_upcall_mask, 1);
    EXPECT_EQ(v.hot.info->evtchn_upcall_pending, 1) << "the guest clears it";
    const arch::GuestRegs inside = v.regs();
    enter_and_leave();
    EXPECT_EQ(v.regs().rsp, inside.rsp) << "no second delivery while masked";
    v.regs() = before;
    v.hot.info->evtchn_upcall_pending = 0;
    ASSERT_EQ(&current(), &v);
}

TEST_F(Run, BlockingWithAnEventToTakeReturnsAtOnce)
{
    Vcpu& v = dom0().vcpu();
    v.hot.info->evtchn_upcall_mask = 0;
    v.hot.info->evtchn_upcall_pending = 1;
    v.block();
    EXPECT_FALSE(v.blocked());
    v.hot.info->evtchn_upcall_mask = 1;
    v.hot.info->evtchn_upcall_pending = 0;
}

TEST_F(Run, IdlingWaitsForTheTimerThatWakesSomeone)
{
    g.vcpu(0).down();
    g.vcpu(1).down();
    const EventPort p = ok(g.events().bind_virq(PV_VIRQ_TIMER, VcpuId{0}));
    ok(g.vcpu(0).up());
    put_to_sleep(g.vcpu(0));
    const Nanoseconds start = cpu::now(), idle = idle_time(CpuId{0});
    g.vcpu(0).set_singleshot(start + 20 * ms);
    leave_dom0(); // returns once the timer has fired
    EXPECT_EQ(&current(), &g.vcpu(0));
    EXPECT_GE(cpu::now(), start + 20 * ms);
    EXPECT_TRUE(ok(g.events().pending({&p, 1})));
    EXPECT_GE(idle_time(CpuId{0}) - idle, 20 * ms - 1000);
}

TEST_F(Run, APollTimesOut)
{
    g.vcpu(1).down();
    const Nanoseconds start = cpu::now();
    ok(g.vcpu(0).poll({}, start + 3 * ms));
    g.vcpu(0).settle();
    EXPECT_TRUE(g.vcpu(0).blocked());
    leave_dom0();
    EXPECT_EQ(&current(), &g.vcpu(0));
    EXPECT_GE(cpu::now(), start + 3 * ms);
    ok(g.vcpu(0).poll({}, cpu::now()));
    EXPECT_FALSE(g.vcpu(0).blocked()) << "a deadline that has passed does not block";
}

TEST_F(Run, TwoHogsShareTheCpu)
{
    std::map<Vcpu*, Nanoseconds> ran;
    Vcpu& a = dom0().vcpu();
    g.vcpu(1).down();
    Vcpu& b = g.vcpu(0);
    const Nanoseconds a0 = runstate_now(a).time[PV_RUNSTATE_RUNNING], b0 = runstate_now(b).time[PV_RUNSTATE_RUNNING];
    for (unsigned i = 0; i < 1000; ++i) {
        arch::host::advance(ms);
        enter_and_leave();
    }
    const auto da = static_cast<double>(runstate_now(a).time[PV_RUNSTATE_RUNNING] - a0);
    const auto db = static_cast<double>(runstate_now(b).time[PV_RUNSTATE_RUNNING] - b0);
    EXPECT_NEAR(da / (da + db), 0.5, 0.03);
    EXPECT_NEAR(da + db, 1000.0 * ms, 2.0 * ms);
}

TEST_F(Run, YieldHandsOverAtOnce)
{
    g.vcpu(1).down();
    dom0().vcpu().yield();
    enter_and_leave();
    EXPECT_EQ(&current(), &g.vcpu(0));
    current().yield();
    enter_and_leave();
    EXPECT_EQ(&current(), &dom0().vcpu());
}

TEST_F(Run, TheRunstateAreaIsWrittenAtEachSwitch)
{
    g.vcpu(1).down();
    Vcpu& v = g.vcpu(0);
    leave_dom0();
    ASSERT_EQ(&current(), &v);
    ok(v.register_runstate(Guest::va(512)));
    auto& area = g.at<pv_vcpu_runstate_info>(512);
    EXPECT_EQ(area.state, PV_RUNSTATE_RUNNING);
    arch::host::advance(ms);
    dom0().vcpu().wake();
    v.block();
    enter_and_leave();
    EXPECT_EQ(area.state, PV_RUNSTATE_BLOCKED);
    EXPECT_GE(area.time[PV_RUNSTATE_RUNNING], ms);
    v.policy().vm_assist.store(1ULL << PV_VMASST_TYPE_RUNSTATE_UPDATE_FLAG, Order::relaxed);
    v.wake();
    leave_dom0();
    EXPECT_EQ(area.state, PV_RUNSTATE_RUNNING);
    EXPECT_EQ(area.state_entry_time & PV_RUNSTATE_UPDATE, 0U) << "the update flag is down again";
    EXPECT_EQ(v.register_runstate(GuestVa{PV_HYPERVISOR_VIRT_START}).error(), Error::efault);
    ok(v.register_runstate(GuestVa{0x10'0000'0000})); // maps nothing: registered, written when it does
}

TEST_F(Run, ACrashInTheCallbackEndsOnlyThatDomain)
{
    g.vcpu(1).down();
    Vcpu& v = g.vcpu(0);
    leave_dom0();
    ASSERT_EQ(&current(), &v);
    arch::cpu_info().regs.rsp = 0x10'0000'0000; // no stack there
    v.hot.info->evtchn_upcall_mask = 0;
    raise_upcall(v);
    dom0().vcpu().wake();
    enter_and_leave();
    EXPECT_EQ(&current(), &dom0().vcpu());
    EXPECT_TRUE(g.domain->is_shut_down());
    EXPECT_EQ(g.domain->shutdown_reason(), static_cast<unsigned>(PV_SHUTDOWN_CRASH));
}

} // namespace
