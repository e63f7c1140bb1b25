// SPDX-License-Identifier: MIT
//
// The scheduling policy under a simulated clock: shares, latency bounds, preemption, and the heap under random use.
#include "tests/unit/domain/simulated_cpu.hpp"
#include <deque>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

TEST(FairQueue, IdlesWithoutWork)
{
    FairQueue q;
    EXPECT_EQ(q.pick(0), nullptr);
    EXPECT_EQ(q.deadline(), FairQueue::no_deadline);
}

TEST(FairQueue, AloneRunsWithoutATimer)
{
    Machine m;
    Runnable a;
    EXPECT_EQ(m.queue.wake(a, 0), 0U) << "an idle CPU takes a waker at once";
    EXPECT_EQ(m.pick(), &a);
    EXPECT_EQ(m.queue.deadline(), FairQueue::no_deadline);
    EXPECT_FALSE(m.queue.yield(1)) << "there is nobody to yield to";
    EXPECT_EQ(m.queue.pick(5 * ms), &a);
}

TEST(FairQueue, EqualWeightsGetEqualShares)
{
    Machine m;
    std::vector<Runnable> all(5);
    for (Runnable& r : all)
        m.queue.wake(r, 0);
    m.pick();
    m.run_until(2000 * ms);
    for (Runnable& r : all)
        EXPECT_NEAR(static_cast<double>(m.ran[&r]), 400.0 * ms, 1.0 * FairQueue::slice);
}

TEST(FairQueue, SharesFollowWeights)
{
    Machine m;
    Runnable light, heavy;
    heavy.weight = 3 * default_weight;
    m.queue.wake(light, 0);
    m.queue.wake(heavy, 0);
    m.pick();
    m.run_until(4000 * ms);
    EXPECT_NEAR(static_cast<double>(m.ran[&heavy]) / static_cast<double>(m.ran[&light]), 3.0, 0.1);
}

TEST(FairQueue, AWaiterWaitsAtMostOneRound)
{
    Machine m;
    std::deque<Runnable> all(8);
    for (Runnable& r : all)
        m.queue.wake(r, 0);
    m.pick();
    std::map<Runnable*, Nanoseconds> last;
    for (unsigned i = 0; i < 1000; ++i) {
        Runnable* const r = m.queue.running();
        EXPECT_LE(m.now - last[r], all.size() * FairQueue::slice);
        m.now = m.queue.deadline();
        last[r] = m.now;
        m.pick();
    }
}

TEST(FairQueue, ASleeperPreemptsAHogButNotBeforeItsMinimalStint)
{
    Machine m;
    Runnable hog, sleeper;
    m.queue.wake(hog, 0);
    m.queue.wake(sleeper, 0);
    m.pick();
    m.run_until(50 * ms);
    m.queue.sleep(sleeper, m.now);
    ASSERT_EQ(m.pick(), &hog);
    m.run_until(150 * ms);
    m.pick(); // the stint begins here
    EXPECT_EQ(m.queue.wake(sleeper, m.now + 1000), m.now + FairQueue::min_stint);
    EXPECT_EQ(m.queue.pick(m.now + FairQueue::min_stint), &sleeper);
}

TEST(FairQueue, SleepingDoesNotSaveUpTime)
{
    Machine m;
    Runnable hog, sleeper;
    m.queue.wake(hog, 0);
    m.pick();
    m.run_until(10'000 * ms);
    m.queue.wake(sleeper, m.now);
    m.pick();
    m.ran.clear();
    const Nanoseconds start = m.now;
    m.run_until(start + 200 * ms);
    EXPECT_LE(m.ran[&sleeper], 100 * ms + FairQueue::wake_credit + FairQueue::slice);
    EXPECT_GE(m.ran[&hog], 100 * ms - FairQueue::wake_credit - FairQueue::slice);
}

TEST(FairQueue, FrequentSleepersCannotStarveAHog)
{
    Machine m;
    Runnable hog;
    std::deque<Runnable> nappers(6);
    m.queue.wake(hog, 0);
    for (Runnable& r : nappers)
        m.queue.wake(r, 0);
    m.pick();
    // Every napper sleeps for an instant at each chance it gets, to collect the credit of a waker.
    for (unsigned i = 0; i < 4000; ++i) {
        m.run_until(m.now + ms);
        Runnable* const r = m.queue.running();
        if (r != &hog) {
            m.queue.sleep(*r, m.now);
            m.queue.wake(*r, m.now);
            m.pick();
        }
    }
    EXPECT_GE(m.ran[&hog], m.now / 14) << "half its fair share at the least";
}

TEST(FairQueue, YieldLetsEveryoneAtTheFrontGoFirst)
{
    Machine m;
    Runnable a, b, c;
    for (Runnable* r : {&a, &b, &c})
        m.queue.wake(*r, 0);
    Runnable* const first = m.pick();
    EXPECT_TRUE(m.queue.yield(1));
    Runnable* const second = m.queue.pick(1);
    EXPECT_NE(second, first);
    EXPECT_TRUE(m.queue.yield(1));
    Runnable* const third = m.queue.pick(1);
    EXPECT_NE(third, first);
    EXPECT_NE(third, second);
}

TEST(FairQueue, WakingTwiceIsHarmless)
{
    Machine m;
    Runnable a, b;
    m.queue.wake(a, 0);
    EXPECT_EQ(m.queue.wake(a, 0), FairQueue::no_deadline);
    ASSERT_EQ(m.pick(), &a);
    EXPECT_EQ(m.queue.wake(a, 0), FairQueue::no_deadline);
    m.queue.sleep(b, 0); // never was there
    m.queue.sleep(a, 0);
    EXPECT_EQ(m.pick(), nullptr);
}

TEST(FairQueue, RandomUseLosesNobody)
{
    std::mt19937_64 random{7};
    Machine m;
    std::deque<Runnable> all(64);
    std::vector<bool> awake(all.size());
    for (unsigned step = 0; step < 100'000; ++step) {
        const std::size_t i = random() % all.size();
        m.now += random() % 300'000;
        if (awake[i])
            m.queue.sleep(all[i], m.now);
        else
            m.queue.wake(all[i], m.now);
        awake[i] = !awake[i];
        if (random() % 3 == 0) m.pick();
    }
    std::size_t left = 0;
    for (const bool b : awake)
        left += b ? 1 : 0;
    while (Runnable* const r = m.pick()) {
        m.queue.sleep(*r, m.now);
        const auto i = static_cast<std::size_t>(std::find_if(all.begin(), all.end(), [&](auto& x) { return &x == r; }) -
                                                all.begin());
        EXPECT_TRUE(awake[i]);
        awake[i] = false;
        --left;
    }
    EXPECT_EQ(left, 0U);
}

TEST(FairQueue, ThreeWeightsGetTheirSharesWithinFivePercent)
{
    Machine m;
    std::deque<Runnable> all(3);
    for (unsigned i = 0; i < 3; ++i) {
        all[i].weight = 256U << i;
        m.wake_timed(all[i]);
    }
    EXPECT_EQ(m.queue.load(), 3U);
    m.run_until(20'000 * ms);
    for (unsigned i = 0; i < 3; ++i) {
        const double fair = static_cast<double>(1U << i) / 7;
        EXPECT_NEAR(m.share(all[i]), fair, 0.05 * fair);
    }
}

TEST(FairQueue, ASleeperWaitsLittleBesideHogs)
{
    for (const Nanoseconds burst : {ms / 10, ms / 2, ms, 2 * ms}) {
        Machine m;
        std::mt19937_64 random{burst};
        std::deque<Runnable> hogs(3);
        for (Runnable& r : hogs)
            m.wake_timed(r);
        Runnable sleeper;
        std::vector<Nanoseconds> waits;
        for (unsigned i = 0; i < 2000; ++i) {
            m.run_until(1000 * ms + i * 10 * ms + random() % (5 * ms));
            const Nanoseconds woken = m.now;
            m.wake_timed(sleeper);
            while (m.queue.running() != &sleeper)
                m.run_until(m.now + ms / 100);
            waits.push_back(m.now - woken);
            const Nanoseconds ran = m.ran[&sleeper];
            while (m.ran[&sleeper] < ran + burst)
                m.run_until(m.now + ms / 100);
            m.queue.sleep(sleeper, m.now);
            m.pick();
        }
        std::sort(waits.begin(), waits.end());
        EXPECT_LT(waits[waits.size() / 2], 2 * ms) << burst;
        EXPECT_LT(waits.back(), 10 * ms) << burst;
    }
}

TEST(FairQueue, ACapHoldsAlone)
{
    for (const std::uint32_t cap : {1U, 10U, 25U, 50U, 90U, 99U}) {
        Machine m;
        Runnable hog;
        hog.cap = cap;
        m.wake_timed(hog);
        m.run_until(20'000 * ms);
        EXPECT_NEAR(m.share(hog), cap / 100.0, 0.01);
    }
}

TEST(FairQueue, ACapHoldsBesideHogs)
{
    for (const unsigned others : {1U, 2U, 3U, 4U, 7U}) {
        Machine m;
        Runnable capped;
        capped.cap = 25;
        std::deque<Runnable> hogs(others);
        for (Runnable& r : hogs)
            m.wake_timed(r);
        m.wake_timed(capped);
        m.run_until(20'000 * ms);
        const double fair = 1.0 / (others + 1);
        EXPECT_NEAR(m.share(capped), std::min(0.25, fair), 0.02) << others;
        for (Runnable& r : hogs)
            EXPECT_NEAR(m.share(r), (1 - m.share(capped)) / others, 0.02);
    }
}

TEST(FairQueue, TheDeadlineFollowsTheCap)
{
    Machine m;
    Runnable capped, hog;
    capped.cap = 20;
    m.wake_timed(capped);
    // A bucket of 4 ms that fills by a fifth of the time it runs lasts 5 ms, and then takes 20 ms to fill.
    EXPECT_EQ(m.queue.deadline(), 5 * ms);
    m.run_until(5 * ms);
    EXPECT_EQ(m.queue.running(), nullptr);
    EXPECT_FALSE(m.queue.waiting());
    EXPECT_TRUE(m.queue.contains(capped));
    EXPECT_EQ(m.queue.load(), 0U);
    EXPECT_EQ(m.queue.deadline(), 25 * ms);
    EXPECT_EQ(m.queue.wake(capped, m.now), FairQueue::no_deadline) << "it is awake already";
    m.run_until(24'900'000);
    m.wake_timed(hog);
    EXPECT_EQ(m.queue.running(), &hog);
    EXPECT_EQ(m.queue.deadline(), m.now + FairQueue::min_stint) << "a release preempts no earlier";
    m.run_until(26 * ms);
    EXPECT_TRUE(capped.queued()) << "released, but the hog is further behind";
    m.run_until(m.queue.deadline());
    EXPECT_EQ(m.queue.running(), &capped);
}

TEST(FairQueue, OneWithoutCreditIsThrottledWhenItWakes)
{
    Machine m;
    Runnable r;
    r.cap = 50;
    m.wake_timed(r);
    m.queue.sleep(r, 25 * ms); // its 20 ms are over; the timer was late
    EXPECT_EQ(m.queue.pick(25 * ms), nullptr);
    EXPECT_EQ(m.queue.wake(r, 25 * ms), 50 * ms);
    EXPECT_EQ(m.queue.pick(25 * ms), nullptr);
    m.queue.sleep(r, 26 * ms);
    EXPECT_FALSE(m.queue.contains(r));
    EXPECT_EQ(m.queue.deadline(), FairQueue::no_deadline);
    EXPECT_EQ(m.queue.wake(r, 40 * ms), 40 * ms) << "half a bucket will do for a waker";
    EXPECT_EQ(m.queue.pick(40 * ms), &r);
    EXPECT_EQ(m.queue.deadline(), 50 * ms);
}

TEST(FairQueue, ALiftedCapReleases)
{
    Machine m;
    Runnable r;
    r.cap = 1;
    m.wake_timed(r);
    m.run_until(5 * ms);
    ASSERT_EQ(m.queue.running(), nullptr);
    m.queue.settle(m.now);
    m.queue.set_share(r, 512, 0);
    EXPECT_EQ(m.pick(), &r);
    EXPECT_EQ(m.queue.deadline(), FairQueue::no_deadline);
    m.run_until(6 * ms);
    m.queue.settle(m.now);
    m.queue.set_share(r, 256, 100);
    EXPECT_EQ(m.pick(), &r);
}

TEST(FairQueue, MoreWeightCountsAtOnce)
{
    Machine m;
    Runnable light, hog;
    light.weight = 1;
    m.wake_timed(light);
    m.run_until(8 * ms); // two seconds of virtual time
    m.wake_timed(hog);
    m.run_until(100 * ms);
    ASSERT_EQ(m.queue.running(), &hog);
    m.queue.settle(m.now);
    m.queue.set_share(light, 256, 0);
    m.ran.clear();
    m.run_until(200 * ms);
    EXPECT_NEAR(static_cast<double>(m.ran[&light]), 50.0 * ms, 1.0 * FairQueue::slice);
}

TEST(FairQueue, TakeFindsTheFirstAllowedWaiter)
{
    std::mt19937_64 random{3};
    Machine m;
    std::deque<Runnable> all(40);
    for (Runnable& r : all) {
        r.weight = 1 + random() % 1000;
        m.wake_timed(r);
    }
    m.run_until(3000 * ms);
    Runnable* const running = m.queue.running();
    std::vector<Runnable*> taken;
    const auto allowed = [&](Runnable& r) { return &r != running && (&r - &all[0]) % 2 == 0; };
    while (Runnable* const r = m.queue.take(allowed, m.now)) {
        EXPECT_FALSE(m.queue.contains(*r));
        EXPECT_TRUE(allowed(*r));
        taken.push_back(r);
    }
    EXPECT_EQ(m.queue.running(), running);
    for (Runnable& r : all)
        EXPECT_FALSE(r.queued() && allowed(r));
    EXPECT_EQ(m.queue.load(), all.size() - taken.size());
}

struct Number : HeapNode<Number> {
    unsigned value = 0;
    [[nodiscard]] bool before(const Number& other) const { return value < other.value; }
};

TEST(SkewHeap, FindsTheFirstThatIsAccepted)
{
    std::mt19937_64 random{5};
    for (unsigned round = 0; round < 300; ++round) {
        SkewHeap<Number> heap;
        std::deque<Number> all(1 + random() % 60);
        for (Number& n : all) {
            n.value = static_cast<unsigned>(random() % 1000);
            heap.insert(n);
        }
        const std::size_t gone = random() % all.size(); // removals give the heap its shape
        for (std::size_t i = 0; i < gone; ++i)
            heap.remove(all[i]);
        const unsigned divisor = 1 + round % 7;
        unsigned calls = 0;
        const auto accept = [&](const Number& n) { return ++calls, n.value % divisor == 0; };
        const Number* expected = nullptr;
        for (std::size_t i = gone; i < all.size(); ++i)
            if (all[i].value % divisor == 0 && (expected == nullptr || all[i].before(*expected))) expected = &all[i];
        const Number* const found = heap.find(accept, 64);
        ASSERT_EQ(found == nullptr, expected == nullptr);
        if (found != nullptr) {
            EXPECT_EQ(found->value, expected->value);
        }
        calls = 0;
        EXPECT_EQ(heap.find([&](Number&) { return ++calls, false; }, 5), nullptr);
        EXPECT_LE(calls, 5U);
    }
}

TEST(FairQueue, NeitherTheRunningNorAThrottledOneIsTaken)
{
    Machine m;
    Runnable hog, capped;
    capped.cap = 10;
    m.wake_timed(capped);
    m.run_until(10 * ms);
    m.wake_timed(hog);
    ASSERT_EQ(m.queue.running(), &hog);
    ASSERT_TRUE(m.queue.contains(capped));
    EXPECT_EQ(m.queue.take([](Runnable&) { return true; }, m.now), nullptr);
}

TEST(FairQueue, AMovedOneKeepsItsPlace)
{
    Machine here, there;
    std::deque<Runnable> hogs(4);
    for (unsigned i = 0; i < 3; ++i)
        here.wake_timed(hogs[i]);
    there.wake_timed(hogs[3]);
    here.run_until(1004 * ms);
    there.run_until(500 * ms); // its virtual time is another
    // The one that has run last waits for two others here, so it does not preempt there.
    here.run_until(1008 * ms);
    Runnable* const first = here.queue.take([](Runnable&) { return true; }, here.now);
    Runnable* const last = here.queue.take([](Runnable&) { return true; }, here.now);
    ASSERT_NE(first, nullptr);
    ASSERT_NE(last, nullptr);
    EXPECT_EQ(here.queue.load(), 1U);
    there.queue.pick(there.now); // a new stint
    EXPECT_EQ(there.queue.wake(*last, there.now), there.now + FairQueue::slice);
    EXPECT_EQ(there.queue.wake(*first, there.now), there.now + FairQueue::slice);
    EXPECT_EQ(there.queue.load(), 3U);
    EXPECT_TRUE(there.queue.contains(*first));
    EXPECT_FALSE(here.queue.contains(*first));
    there.ran.clear();
    there.run_until(there.now + 2400 * ms);
    for (Runnable* const r : {&hogs[3], first, last})
        EXPECT_NEAR(static_cast<double>(there.ran[r]), 800.0 * ms, 2.0 * FairQueue::slice);
}

TEST(FairQueue, ASleeperWakesOnAnotherQueue)
{
    Machine old, young;
    Runnable sleeper, hog;
    old.wake_timed(sleeper);
    old.run_until(5000 * ms);
    old.queue.sleep(sleeper, old.now);
    young.wake_timed(hog);
    young.run_until(20 * ms);
    old.queue.detach(sleeper);
    old.queue.detach(sleeper); // once more changes nothing
    young.wake_timed(sleeper);
    young.ran.clear();
    young.run_until(420 * ms);
    EXPECT_NEAR(static_cast<double>(young.ran[&sleeper]), 200.0 * ms, 1.0 * FairQueue::slice);
}

} // namespace
