// SPDX-License-Identifier: MIT
//
// Several queues under one simulated clock and a simple balancer: an idle CPU steals from the most loaded, and every
// 100 ms the CPU with less to do takes one from the one with more. Shares across CPUs, no starvation under random use,
// no CPU idle beside a waiter, and the counts after every step.
#include "domain/scheduler.hpp"
#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <random>

using namespace hv;
using namespace hv::domain;

namespace {

constexpr Nanoseconds ms = 1'000'000;

struct Task : Runnable {
    Nanoseconds ran = 0;
    Nanoseconds waits_since = 0; ///< While it waits.
    std::uint64_t crowd = 0;     ///< The most that were on its CPU since then, heavier ones counted more than once.
    bool awake = false;
    FairQueue* home = nullptr;
    [[nodiscard]] double share(Nanoseconds time) const { return static_cast<double>(ran) / static_cast<double>(time); }
};

struct Cpu {
    FairQueue queue;
    Nanoseconds look_at = FairQueue::no_deadline; ///< When to pick again.
    [[nodiscard]] Task* running() const { return static_cast<Task*>(queue.running()); }
    void look(Nanoseconds when) { look_at = std::min(look_at, when); }
};

class Smp {
public:
    Smp(std::size_t cpus, std::size_t tasks) : cpus(cpus), tasks(tasks) {}

    void wake(Task& t, Cpu& at)
    {
        if (t.home != nullptr && t.home != &at.queue && !t.home->contains(t)) t.home->detach(t);
        t.home = &at.queue;
        t.awake = true;
        start_waiting(t);
        at.look(at.queue.wake(t, now));
        serve();
    }
    void sleep(Task& t)
    {
        t.awake = false;
        Cpu& c = cpu_of(t);
        if (c.running() == &t) c.look(now);
        c.queue.sleep(t, now);
        serve();
    }
    bool move(Cpu& from, Cpu& to)
    {
        auto* const t = static_cast<Task*>(from.queue.take([](Runnable&) { return true; }, now));
        if (t == nullptr) return false;
        t->home = &to.queue;
        to.look(to.queue.wake(*t, now));
        return true;
    }
    void wake_all()
    {
        for (Task& t : tasks)
            if (!t.awake) wake(t, cpus[random() % cpus.size()]);
    }
    void yield(Cpu& c)
    {
        if (c.queue.yield(now)) c.look(now);
        serve();
    }
    void move_at_random(Cpu& from, Cpu& to)
    {
        if (&from != &to) move(from, to);
        serve();
    }
    void set_share(Task& t, std::uint32_t weight, std::uint32_t cap)
    {
        FairQueue& queue = t.home != nullptr ? *t.home : cpus[0].queue;
        queue.settle(now);
        queue.set_share(t, weight, cap);
        if (t.home != nullptr) cpu_of(t).look(now);
        serve();
    }
    void run_until(Nanoseconds when)
    {
        while (now < when) {
            Nanoseconds next = std::min(when, balance_at);
            for (const Cpu& c : cpus)
                next = std::min(next, c.look_at);
            for (const Cpu& c : cpus)
                (c.running() != nullptr ? c.running()->ran : idle) += next - now;
            now = next;
            if (now == balance_at) balance();
            serve();
        }
    }
    Cpu& cpu_of(const Task& t)
    {
        return *std::find_if(cpus.begin(), cpus.end(), [&](Cpu& c) { return &c.queue == t.home; });
    }

    std::deque<Cpu> cpus;
    std::deque<Task> tasks;
    Nanoseconds now = 0, idle = 0;
    Nanoseconds balance_at = 100 * ms;
    Nanoseconds jitter = 0; ///< Added to the balancer's period, at random.
    double longest_wait =
        -1; ///< Of an uncapped one, in slices beyond one (and a waker's credit) for everyone on its CPU.
    std::mt19937_64 random{1};

private:
    std::size_t turn = 0;
    static bool less(const Cpu& a, const Cpu& b) { return a.queue.load() < b.queue.load(); }
    void balance()
    {
        balance_at += 100 * ms + (jitter != 0 ? random() % jitter : 0);
        Cpu *most = &cpus[0], *least = &cpus[0];
        for (std::size_t i = 0; i < cpus.size(); ++i) {
            // Of equals another one each time, or the same two CPUs swap for ever.
            Cpu& c = cpus[(i + turn) % cpus.size()];
            if (i == 0 || less(*most, c)) most = &c;
            if (i == 0 || less(c, *least)) least = &c;
        }
        ++turn;
        if (less(*least, *most)) move(*most, *least);
    }
    void pick(Cpu& c)
    {
        Task* const was = c.running();
        auto* const next = static_cast<Task*>(c.queue.pick(now));
        c.look_at = c.queue.deadline();
        if (was != nullptr && was != next) start_waiting(*was);
    }
    void serve()
    {
        for (Cpu& c : cpus)
            if (c.look_at <= now) pick(c);
        for (Cpu& c : cpus) {
            if (c.running() != nullptr) continue;
            Cpu& most = *std::max_element(cpus.begin(), cpus.end(), less);
            if (most.queue.load() > 1 && move(most, c)) pick(c);
        }
        for (Cpu& c : cpus)
            ASSERT_GT(c.look_at, now) << "a CPU that must pick for ever";
        check();
    }
    void check()
    {
        for (Cpu& c : cpus) {
            unsigned load = 0, throttled = 0;
            for (Task& t : tasks) {
                if (!c.queue.contains(t)) continue;
                ASSERT_EQ(t.home, &c.queue);
                const bool active = t.queued() || c.running() == &t;
                load += active ? 1 : 0;
                throttled += active ? 0 : 1;
                ASSERT_TRUE(active || t.cap != 0);
            }
            ASSERT_EQ(c.queue.load(), load);
            ASSERT_EQ(c.queue.waiting(), load > (c.running() != nullptr ? 1U : 0U));
            ASSERT_TRUE(c.running() != nullptr || load == 0) << "idle beside a waiter";
            ASSERT_TRUE(throttled == 0 || c.look_at != FairQueue::no_deadline) << "nobody will release it";
        }
        const bool idle_cpu = std::any_of(cpus.begin(), cpus.end(), [](Cpu& c) { return c.running() == nullptr; });
        for (Task& t : tasks) {
            ASSERT_EQ(t.awake, t.home != nullptr && t.home->contains(t));
            ASSERT_FALSE(idle_cpu && t.queued()) << "an idle CPU beside a waiter on another";
            note_wait(t);
        }
    }
    void start_waiting(Task& t) const
    {
        t.waits_since = now;
        t.crowd = 0;
    }
    void note_wait(Task& t)
    {
        if (!t.queued() || t.cap != 0) return start_waiting(t);
        std::uint64_t weights = 0;
        for (const Task& other : tasks)
            if (other.home == t.home && (other.queued() || t.home->running() == &other)) weights += other.weight;
        const std::uint64_t heaviness = (weights + t.weight - 1) / t.weight;
        t.crowd = std::max({t.crowd, std::uint64_t{t.home->load()}, heaviness});
        const auto round = static_cast<double>(t.crowd * (FairQueue::slice + FairQueue::wake_credit));
        const double excess = (static_cast<double>(now - t.waits_since) - round) / FairQueue::slice;
        longest_wait = std::max(longest_wait, excess);
    }
};

double share_error(std::size_t cpus, std::size_t hogs, Nanoseconds jitter, std::uint64_t seed)
{
    Smp m{cpus, hogs};
    m.jitter = jitter;
    m.random.seed(seed);
    for (Task& t : m.tasks)
        m.wake(t, m.cpus[0]);
    m.run_until(20'000 * ms);
    EXPECT_EQ(m.idle, 0U);
    const double fair = static_cast<double>(cpus) / static_cast<double>(hogs);
    double worst = 0;
    for (const Task& t : m.tasks)
        worst = std::max(worst, std::abs(t.share(m.now) / fair - 1));
    return worst;
}

TEST(SmpScheduler, ThreeHogsOnTwoCpusGetTwoThirdsEach)
{
    EXPECT_LT(share_error(2, 3, 0, 0), 0.05);
    for (std::uint64_t seed = 0; seed < 8; ++seed)
        EXPECT_LT(share_error(2, 3, 16 * ms, seed), 0.05) << "seed " << seed;
}

TEST(SmpScheduler, HogsGetEqualSharesOfMoreCpus)
{
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        EXPECT_LT(share_error(2, 5, 16 * ms, seed), 0.1) << "seed " << seed;
        EXPECT_LT(share_error(3, 4, 16 * ms, seed), 0.1) << "seed " << seed;
        EXPECT_LT(share_error(4, 6, 16 * ms, seed), 0.1) << "seed " << seed;
    }
}

TEST(SmpScheduler, ACapHoldsOnAllCpusTogether)
{
    Smp m{2, 6};
    for (std::size_t i = 0; i < m.tasks.size(); ++i) {
        if (i < 3) m.tasks[i].cap = 25;
        m.wake(m.tasks[i], m.cpus[i % 2]);
    }
    m.run_until(20'000 * ms);
    EXPECT_EQ(m.idle, 0U);
    for (std::size_t i = 0; i < m.tasks.size(); ++i) {
        EXPECT_NEAR(m.tasks[i].share(m.now), i < 3 ? 0.25 : 1.25 / 3, i < 3 ? 0.02 : 0.1);
    }
}

/// Wakes and sleeps; with more @p kinds also yields, moves, changes of caps, changes of weights.
double longest_wait_at_random(std::size_t cpus, std::size_t tasks, unsigned kinds, std::uint64_t seed)
{
    Smp m{cpus, tasks};
    m.random.seed(seed);
    const auto any = [&](auto& of) -> auto& { return of[m.random() % of.size()]; };
    for (unsigned step = 0; step < 4'000; ++step) {
        m.run_until(m.now + m.random() % (6 * ms));
        Task& t = any(m.tasks);
        Cpu& c = any(m.cpus);
        switch (m.random() % kinds) {
        case 0:
        case 1: t.awake ? m.sleep(t) : m.wake(t, c); break;
        case 2: m.wake_all(); break;
        case 3: m.yield(c); break;
        case 4: m.move_at_random(c, any(m.cpus)); break;
        case 5: m.set_share(t, t.weight, m.random() % 2 * (1 + m.random() % 110)); break;
        default: m.set_share(t, 128U << m.random() % 4, t.cap); break;
        }
        if (testing::Test::HasFatalFailure()) break;
    }
    return m.longest_wait;
}

TEST(SmpScheduler, NobodyStarvesAtRandom)
{
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
        for (const std::size_t tasks : {3U, 8U, 24U}) {
            for (const std::size_t cpus : {1U, 2U, 4U}) {
                for (unsigned kinds = 3; kinds < 8; ++kinds)
                    // One with a cap may be a slice ahead, not only a waker's credit.
                    EXPECT_LT(longest_wait_at_random(cpus, tasks, kinds, seed), kinds < 6 ? 2 : 4)
                        << tasks << " on " << cpus << ", kinds " << kinds << ", seed " << seed;
            }
        }
    }
}

} // namespace
