// SPDX-License-Identifier: MIT
//
// The scheduling policy where wakeups flood a CPU.
#include "tests/unit/domain/simulated_cpu.hpp"
#include <deque>
#include <gtest/gtest.h>
#include <vector>

namespace hv::domain::test {

/// A domain's vCPUs that send each other events without end: one never sleeps, the others do as soon as they have run
/// a little, and are woken at once, from this CPU or another.
TEST(FairQueue, AFloodOfWakeupsCostsNeitherAHogItsShareNorASleeperItsShortWait)
{
    for (const unsigned nappers : {1U, 2U, 4U}) {
        Machine m;
        Runnable hog, spinner, sleeper;
        std::deque<Runnable> flooded(nappers);
        std::map<Runnable*, Nanoseconds> until; // it has run so much
        hog.weight = 2 * default_weight;
        for (Runnable* r : {&hog, &spinner})
            m.wake_timed(*r);
        std::vector<Nanoseconds> waits;
        Nanoseconds woken = 0, naps = 0;
        while (m.now < 4000 * ms) {
            m.run_until(m.now + ms / 50);
            for (Runnable& r : flooded) {
                if (m.queue.running() == &r && m.ran[&r] >= until[&r]) m.queue.sleep(r, m.now), m.pick(), ++naps;
                if (m.queue.contains(r)) continue;
                until[&r] = m.ran[&r] + ms / 10;
                m.wake_timed(r);
            }
            if (m.queue.running() == &sleeper) {
                if (woken != 0) waits.push_back(m.now - woken);
                woken = 0;
                if (m.ran[&sleeper] >= until[&sleeper]) m.queue.sleep(sleeper, m.now), m.pick();
            } else if (!m.queue.contains(sleeper) && m.now % (10 * ms) < ms / 50) {
                until[&sleeper] = m.ran[&sleeper] + ms / 5;
                m.wake_timed(sleeper);
                woken = m.now;
            }
        }
        std::sort(waits.begin(), waits.end());
        const double owed = 2.0 / (2 + 1 + nappers) * (1 - m.share(sleeper));
        EXPECT_GT(m.share(hog), 0.95 * owed) << nappers;
        ASSERT_GT(waits.size(), 350U) << nappers;
        EXPECT_LT(waits[waits.size() / 2], 2 * ms) << nappers;
        EXPECT_GT(naps, 1000U) << nappers;
    }
}

} // namespace hv::domain::test
