// SPDX-License-Identifier: MIT
//
// The skew heap against a sorted multiset, and the promises of start, stop and run.
#include "cpu/timer.hpp"
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

using namespace hv;
using namespace hv::cpu;

namespace {

std::vector<Nanoseconds> fired;
void record(Timer& t) { fired.push_back(t.deadline()); }

TEST(TimerQueue, FiresInOrderOfDeadlineAndOnlyWhatIsDue)
{
    fired.clear();
    TimerQueue q;
    Timer a{record}, b{record}, c{record};
    a.start(q, 30);
    b.start(q, 10);
    c.start(q, 20);
    q.run(9);
    EXPECT_TRUE(fired.empty());
    q.run(20);
    EXPECT_EQ(fired, (std::vector<Nanoseconds>{10, 20}));
    EXPECT_TRUE(a.active());
    EXPECT_FALSE(b.active());
}

TEST(TimerQueue, RestartReplacesTheDeadline)
{
    fired.clear();
    TimerQueue q;
    Timer a{record};
    a.start(q, 5);
    a.start(q, 50);
    q.run(49);
    EXPECT_TRUE(fired.empty());
    q.run(50);
    EXPECT_EQ(fired.size(), 1U);
}

TEST(TimerQueue, ADestroyedTimerLeavesTheQueue)
{
    TimerQueue q;
    {
        Timer a{record};
        a.start(q, 5);
    }
    EXPECT_EQ(q.earliest(), TimerQueue::none);
}

Timer* victim;
TimerQueue* queue_of_victim;
void stop_victim(Timer&) { victim->stop(); }
void restart_self(Timer& t) { t.start(*queue_of_victim, t.deadline() + 10); }

TEST(TimerQueue, CallbacksMayStopOthersAndRestartThemselves)
{
    fired.clear();
    TimerQueue q;
    queue_of_victim = &q;
    Timer late{record}, killer{stop_victim}, ticker{restart_self};
    victim = &late;
    killer.start(q, 1);
    late.start(q, 2);
    ticker.start(q, 3);
    q.run(25);
    EXPECT_TRUE(fired.empty());
    EXPECT_EQ(ticker.deadline(), 33U); // 3, 13, 23 fired
}

TEST(TimerQueue, RandomOperationsMatchASortedList)
{
    std::mt19937 random{1};
    TimerQueue q;
    std::vector<std::unique_ptr<Timer>> timers;
    for (int i = 0; i < 200; ++i)
        timers.push_back(std::make_unique<Timer>(record));
    for (int step = 0; step < 20000; ++step) {
        Timer& t = *timers[random() % timers.size()];
        if (random() % 3 == 0)
            t.stop();
        else
            t.start(q, random() % 1000);
        Nanoseconds least = TimerQueue::none;
        for (const auto& u : timers)
            if (u->active()) least = std::min(least, u->deadline());
        ASSERT_EQ(q.earliest(), least) << "step " << step;
    }
    fired.clear();
    q.run(1000);
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
    for (const auto& u : timers)
        EXPECT_FALSE(u->active());
}

} // namespace
