// SPDX-License-Identifier: MIT
//
// A timer a second on each CPU leaves a sign of life and looks at its neighbour's.
#include "cpu/watchdog.hpp"
#include "base/log.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"

namespace hv::cpu {
namespace {

constexpr Nanoseconds second = 1'000'000'000;

void beat(Timer& t);
struct Watch {
    Watch() : timer{beat} {} // not constexpr: stays out of .data
    Timer timer;
    Atomic<Nanoseconds> alive;
    Atomic<bool> reported;
};
std::array<Watch, max_cpus> watches; // by CPU
Nanoseconds limit;

void beat(Timer& t)
{
    const CpuId self = this_cpu().id;
    const Nanoseconds time = now();
    Watch& mine = watches[self.raw()];
    if (mine.reported.exchange(false, Order::relaxed)) log::warning("CPU {} is back", self);
    const Nanoseconds before = mine.alive.exchange(time, Order::relaxed);
    t.start(this_cpu().timers, time + second);
    if (time - before > 2 * second) return; // late itself: the whole machine stood still, or its host is busy
    const CpuId other{(self.raw() + 1) % arch::online_cpu_count()};
    Watch& theirs = watches[other.raw()];
    const Nanoseconds seen = theirs.alive.load(Order::relaxed);
    if (time < seen + limit || theirs.reported.exchange(true, Order::relaxed)) return;
    log::error("watchdog: CPU {} is stuck in the hypervisor for {} s", other, (time - seen) / second);
    arch::report_cpu(other);
}

} // namespace

void start_watchdog(unsigned seconds)
{
    if (seconds == 0 || arch::online_cpu_count() == 1) return;
    limit = seconds * second;
    const Nanoseconds time = now();
    arch::online_cpus().for_each([time](CpuId cpu) {
        Watch& w = watches[cpu.raw()];
        w.alive.store(time, Order::relaxed);
        w.timer.start(percpu(cpu).timers, time + second);
    });
}

} // namespace hv::cpu
