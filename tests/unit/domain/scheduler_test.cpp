// SPDX-License-Identifier: MIT
//
// The scheduling policy under a simulated clock: shares, latency bounds, preemption, and the heap under random use.
#include "domain/scheduler.hpp"
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

using namespace hv;
using namespace hv::domain;

namespace {

constexpr Nanoseconds ms = 1'000'000;

/// Runs the queue as the run loop does: to the deadline, or to @p limit.
struct Machine {
    FairQueue queue;
    Nanoseconds now = 0;
    std::map<const Runnable*, Nanoseconds> ran;
    Runnable* pick() { return queue.pick(now); }
    void run_until(Nanoseconds when)
    {
        while (now < when) {
            Runnable* const r = queue.running();
            const Nanoseconds stop = std::min(when, queue.deadline());
            if (r != nullptr) ran[r] += stop - now;
            now = stop;
            if (now < when || now == queue.deadline()) pick();
        }
    }
};

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

} // namespace
