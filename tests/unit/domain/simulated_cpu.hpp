// SPDX-License-Identifier: MIT
//
// One CPU's run queue under a simulated clock.
#pragma once
#include "domain/scheduler.hpp"
#include <algorithm>
#include <map>

namespace hv::domain::test {

inline constexpr Nanoseconds ms = 1'000'000;

/// Runs the queue as the run loop does: to the deadline, or to @p limit.
struct Machine {
    FairQueue queue;
    Nanoseconds now = 0;
    Nanoseconds look_at = FairQueue::no_deadline; ///< What wake_timed() asked for.
    std::map<const Runnable*, Nanoseconds> ran;
    Runnable* pick()
    {
        look_at = FairQueue::no_deadline;
        return queue.pick(now);
    }
    void run_until(Nanoseconds when)
    {
        while (now < when) {
            Runnable* const r = queue.running();
            const Nanoseconds stop = std::min({when, queue.deadline(), look_at});
            if (r != nullptr) ran[r] += stop - now;
            now = stop;
            if (now < when || now == queue.deadline() || now == look_at) pick();
        }
    }
    /// Picks when the queue asks for it.
    void wake_timed(Runnable& r)
    {
        look_at = std::min(look_at, queue.wake(r, now));
        if (look_at <= now) pick();
    }
    [[nodiscard]] double share(const Runnable& r) { return static_cast<double>(ran[&r]) / static_cast<double>(now); }
};

} // namespace hv::domain::test
