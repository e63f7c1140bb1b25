// SPDX-License-Identifier: MIT
//
// Run queues: placement of vCPUs on CPUs, and balance between them. Each queue has its lock; two are never held at
// once. A vCPU changes queues only while it is in neither and loaded nowhere.
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include <utility>

namespace hv::domain {

/// One CPU's scheduling state. Its size is a power of two, so that the array is quick to index.
struct alignas(256) CpuRun {
    CpuRun() : slice{&on_slice} {} // not constexpr: stays out of .data
    ~CpuRun() {}                   // nor of slice: what lies beside it in its heap may be gone when a host test ends
    static void on_slice(cpu::Timer& t);
    cpu::SpinLock lock{cpu::Rank::scheduler};
    FairQueue queue; ///< Guarded by lock, as the next.
    union {
        cpu::Timer slice;
    };
    Atomic<std::uint32_t> load;                 ///< queue.load(), for others to look at.
    Atomic<Nanoseconds> balance_at;             ///< No earlier it gives a waiting vCPU away.
    Atomic<Nanoseconds> idle_since, idle_total; ///< idle_since 0: busy.
};

namespace {

constexpr Nanoseconds balance_interval = 100'000'000;

std::array<CpuRun, max_cpus> runs;
AtomicCpuSet idle_cpus;

CpuId here() { return CpuId{arch::cpu_info().cpu}; }
CpuRun& run_of(CpuId cpu) { return runs[cpu.raw()]; }
CpuId cpu_of(const Vcpu& v) { return CpuId{v.cpu_number.load(Order::acquire)}; }
bool is_loaded(const Vcpu& v) { return v.loaded_on.load(Order::acquire) != Vcpu::no_cpu; }

/// @p v was not there when @p c was locked.
[[gnu::noinline]] CpuRun& follow(CpuRun* c, const Vcpu& v)
{
    for (; c != &run_of(cpu_of(v)); c->lock.lock()) {
        c->lock.unlock();
        c = &run_of(cpu_of(v));
    }
    return *c;
}
[[gnu::always_inline]] inline CpuRun& lock_run_of(const Vcpu& v)
{
    CpuRun& c = run_of(cpu_of(v));
    c.lock.lock();
    return &c == &run_of(cpu_of(v)) ? c : follow(&c, v);
}

/// Holds the run lock of a vCPU, which stays on its CPU meanwhile.
struct RunLock : cpu::Guard {
    [[gnu::always_inline]] explicit RunLock(const Vcpu& v) : Guard{lock_run_of(v).lock, cpu::Taken{}} {}
};

/// @p cpu should look at its queue again at @p when. Its lock is held.
[[gnu::always_inline]] inline void reschedule_at(CpuId cpu, CpuRun& c, Nanoseconds when, Nanoseconds now)
{
    if (when == FairQueue::no_deadline) return;
    if (when <= now) return cpu::raise_on(cpu, cpu::Softirq::reschedule);
    if (c.slice.active() && c.slice.deadline() <= when) return;
    c.slice.start(cpu::percpu(cpu).timers, when);
}

/// What is to be said of @p v while it does not run.
inline Runstate resting(const Vcpu& v)
{
    return v.blocked() ? Runstate::blocked : v.runnable() ? Runstate::runnable : Runstate::offline;
}

/// @p v cannot run, or not here: off the queue.
[[gnu::always_inline]] inline void rest(CpuRun& c, Vcpu& v, Runstate state, Nanoseconds now)
{
    if (v.runstate.state() != state) v.runstate.change(state, now);
    c.queue.sleep(v, now);
}

/// The CPU of @p among with the lowest (or highest) load; of equals, another one each time.
enum class Extreme : std::uint8_t { least, most };
CpuId pick_by_load(const CpuSet& among, Extreme which)
{
    CpuId best{};
    std::uint32_t best_load = 0, equals = 0;
    const auto turn = static_cast<std::uint32_t>(cpu::now() >> 10);
    among.for_each([&](CpuId cpu) {
        const std::uint32_t load = run_of(cpu).load.load(Order::relaxed);
        const bool better = which == Extreme::least ? load < best_load : load > best_load;
        equals = equals == 0 || better ? 1 : equals + (load == best_load ? 1 : 0);
        if (equals != 1 && (load != best_load || turn % equals != 0)) return;
        best_load = load;
        best = cpu;
    });
    return best;
}

/// Where @p v, on no queue, should go: where it was if that is idle, else to an idle CPU, else where it was. One that
/// sleeps stays, unless it may not.
[[gnu::noinline]] CpuId place(const Vcpu& v)
{
    const CpuId last = cpu_of(v);
    if (!v.runnable() && v.hard_affinity.has(last)) return last;
    CpuSet idle = idle_cpus.load(Order::acquire);
    idle &= v.hard_affinity;
    if (idle.has(last)) return last;
    CpuSet preferred = idle;
    preferred &= v.soft_affinity;
    if (!preferred.empty()) return pick_by_load(preferred, Extreme::least);
    if (!idle.empty()) return pick_by_load(idle, Extreme::least);
    return v.hard_affinity.has(last) ? last : pick_by_load(v.hard_affinity, Extreme::least);
}

/// Moves one waiting vCPU from @p from to @p to, which wants one; false if there is none that may.
bool move_one(CpuId from, CpuId to, Nanoseconds now)
{
    CpuRun& c = run_of(from);
    Vcpu* v = nullptr;
    DomainRef alive; // in no queue, it could be destroyed
    {
        const cpu::Guard guard{c.lock};
        const auto may_move = [to](Vcpu& waiting) { return waiting.hard_affinity.has(to) && !is_loaded(waiting); };
        v = static_cast<Vcpu*>(c.queue.take([&](Runnable& r) { return may_move(static_cast<Vcpu&>(r)); }, now));
        if (v == nullptr) return false;
        alive = DomainRef{&v->domain()};
        v->cpu_number.store(to.raw(), Order::release);
        c.load.store(c.queue.load(), Order::relaxed);
    }
    v->settle();
    return true;
}

[[gnu::cold]] bool steal(Nanoseconds now)
{
    const CpuId from = pick_by_load(arch::online_cpus(), Extreme::most);
    if (from == here() || run_of(from).load.load(Order::relaxed) < 2) return false; // one has none to spare
    return move_one(from, here(), now);
}

/// The one with less to do gets one, even if that only turns the imbalance round: over time shares are even.
[[gnu::cold, gnu::noinline]] void give_away(CpuRun& c, Vcpu* previous, Nanoseconds now)
{
    // Not in step with the slices, or the same one would be given away each time.
    const Nanoseconds next = now + balance_interval + (now >> 7) % (balance_interval / 8);
    c.balance_at.store(next, Order::relaxed);
    if (previous != nullptr) previous->settle(); // it may have blocked, then it is no load
    const CpuId to = pick_by_load(arch::online_cpus(), Extreme::least);
    if (run_of(to).load.load(Order::relaxed) >= c.load.load(Order::relaxed)) return;
    run_of(to).balance_at.store(next, Order::relaxed); // it does not give it back at once
    (void)move_one(here(), to, now);
}

/// @p previous is still loaded here, so its state is under this CPU's lock; it may have blocked, or not for long.
[[gnu::noinline]] Vcpu* pick(CpuRun& c, Vcpu* previous, Nanoseconds now)
{
    const cpu::Guard guard{c.lock};
    if (previous != nullptr)
        if (const Runstate state = resting(*previous); state != Runstate::runnable) rest(c, *previous, state, now);
    auto* const next = static_cast<Vcpu*>(c.queue.pick(now));
    if (previous != nullptr && previous != next && previous->runstate.state() == Runstate::running)
        previous->runstate.change(Runstate::runnable, now);
    reschedule_at(here(), c, c.queue.deadline(), now);
    c.load.store(c.queue.load(), Order::relaxed);
    if (next == nullptr) return nullptr;
    // From here on, and not only when it is entered: whoever takes it off the queue must wait for this CPU.
    next->loaded_on.store(here().raw(), Order::seq_cst);
    // It may have blocked and been woken before anyone else got the CPU.
    if (next->runstate.state() != Runstate::running) next->runstate.change(Runstate::running, now);
    return next;
}

/// One CPU without work that could take what waits here.
[[gnu::noinline]] void wake_an_idle_cpu()
{
    const CpuSet idle = idle_cpus.load(Order::relaxed);
    if (!idle.empty()) cpu::raise_on(pick_by_load(idle, Extreme::least), cpu::Softirq::reschedule);
}

} // namespace

/// It may be earlier than need be: a switch leaves it as it is.
void CpuRun::on_slice(cpu::Timer&)
{
    CpuRun& c = run_of(here());
    const cpu::Guard guard{c.lock};
    reschedule_at(here(), c, c.queue.deadline(), cpu::now());
}

[[gnu::always_inline]] inline void Vcpu::end_poll()
{
    polling_ = false;
    if (poll_timer_.active()) poll_timer_.stop();
    domain_.events.pollers[id().raw() / 64].fetch_and(~(1ULL << id().raw() % 64), Order::acq_rel);
}

void Vcpu::settle(Waiting waiting)
{
    CpuRun* c = &lock_run_of(*this);
    if (waiting == Waiting::ends) {
        if (!blocked_.exchange(false, Order::acq_rel)) return c->lock.unlock();
        if (polling_) end_poll();
    }
    const bool free = arch::online_cpu_count() > 1 && !c->queue.contains(*this) && !is_loaded(*this);
    if (const CpuId to = free ? place(*this) : CpuId{}; free && to != cpu_of(*this)) {
        c->queue.detach(*this);
        cpu_number.store(to.raw(), Order::release);
        c->lock.unlock();
        c = &lock_run_of(*this); // it may have been paused, or moved on, meanwhile
    }
    const CpuId cpu = cpu_of(*this);
    const Nanoseconds now = cpu::now();
    if (!runnable() || !hard_affinity.has(cpu)) [[unlikely]] {
        if (c->queue.running() == this) cpu::raise_on(cpu, cpu::Softirq::reschedule);
        rest(*c, *this, resting(*this), now);
    } else if (!c->queue.contains(*this)) {
        if (runstate.state() != Runstate::running) runstate.change(Runstate::runnable, now);
        reschedule_at(cpu, *c, c->queue.wake(*this, now), now);
    }
    c->load.store(c->queue.load(), Order::relaxed);
    c->lock.unlock();
}

void Vcpu::stay_awake()
{
    const RunLock run{*this}; // a waker is through with it
    if (blocked_.exchange(false, Order::acq_rel) && polling_) end_poll();
}

void wait_until_unloaded(const Vcpu& v)
{
    while (is_loaded(v) && v.loaded_on.load(Order::acquire) != arch::cpu_info().cpu)
        arch::relax();
}

[[gnu::noinline]] static void yield_to_others(CpuRun& c)
{
    const cpu::Guard guard{c.lock};
    if (c.queue.yield(cpu::now())) cpu::raise(cpu::Softirq::reschedule);
}

void Vcpu::yield()
{
    CpuRun& c = run_of(here());
    if (c.load.load(Order::relaxed) > 1) yield_to_others(c);
}

[[gnu::cold]] void reweigh(Vcpu& v, std::uint32_t weight, std::uint32_t cap)
{
    CpuRun& c = lock_run_of(v);
    c.queue.settle(cpu::now());
    c.queue.set_share(v, weight, cap);
    cpu::raise_on(cpu_of(v), cpu::Softirq::reschedule);
    c.lock.unlock();
}

[[gnu::cold]] Affinity affinity_of(Vcpu& v)
{
    const RunLock run{v};
    return {v.hard_affinity, v.soft_affinity};
}

[[gnu::cold]] void set_affinity(Vcpu& v, const Affinity& affinity)
{
    {
        const RunLock run{v};
        v.hard_affinity = affinity.hard;
        v.soft_affinity = affinity.soft;
    }
    v.settle(); // off its queue, if it may not stay
    v.settle(); // then on another; while still loaded, finish_leaving() does it
}

[[gnu::cold]] pv_vcpu_runstate_info runstate_now(Vcpu& v)
{
    const RunLock run{v};
    return v.runstate.snapshot(cpu::now());
}

pv_vcpu_runstate_info runstate_at_last_change(Vcpu& v)
{
    const RunLock run{v};
    return v.runstate.at_last_change();
}

CpuSet cpus_of_vcpus(Domain& d, std::span<const std::uint64_t> mask)
{
    CpuSet cpus;
    for (std::uint32_t i = 0; i < d.vcpu_count() && i / 64 < mask.size(); ++i) {
        if ((mask[i / 64] >> i % 64 & 1) == 0) continue;
        const std::uint32_t on = d.vcpu(VcpuId{i})->loaded_on.load(Order::seq_cst);
        if (on != Vcpu::no_cpu) cpus.add(CpuId{on});
    }
    return cpus;
}

[[gnu::cold]] Nanoseconds idle_time(CpuId cpu)
{
    const CpuRun& c = run_of(cpu);
    const Nanoseconds since = c.idle_since.load(Order::relaxed);
    return c.idle_total.load(Order::relaxed) + (since != 0 ? cpu::now() - since : 0);
}

/// @p next is null, or this CPU had nothing to do before. True if it should look again.
[[gnu::cold, gnu::noinline]] static bool begin_or_end_idling(CpuRun& c, const Vcpu* next, Nanoseconds now)
{
    const Nanoseconds since = c.idle_since.load(Order::relaxed);
    if (next == nullptr) {
        idle_cpus.add(here(), Order::seq_cst); // from here on others may give it work
        c.idle_since.store(since != 0 ? since : now | 1, Order::relaxed);
        return steal(now);
    }
    idle_cpus.remove(here(), Order::relaxed);
    c.idle_total.store(c.idle_total.load(Order::relaxed) + now - since, Order::relaxed);
    c.idle_since.store(0, Order::relaxed);
    return false;
}

Vcpu* choose_next(Vcpu* previous, Nanoseconds now)
{
    CpuRun& c = run_of(here());
    const bool several = arch::online_cpu_count() > 1;
    if (several && c.load.load(Order::relaxed) > 1 && now >= c.balance_at.load(Order::relaxed))
        give_away(c, previous, now);
    for (;;) {
        Vcpu* const next = pick(c, previous, now);
        if (several && c.load.load(Order::relaxed) > 1)
            wake_an_idle_cpu(); // a capped one may have come back to wait here
        if (next != nullptr && c.idle_since.load(Order::relaxed) == 0) [[likely]]
            return next;
        if (!begin_or_end_idling(c, next, now)) return next;
    }
}

void finish_leaving(Vcpu& v)
{
    if (arch::online_cpu_count() == 1) return v.loaded_on.store(Vcpu::no_cpu, Order::release);
    // Under the lock, so that either this finds an affinity that was set meanwhile, or its setter the vCPU unloaded.
    // The store is the last that is done to a vCPU which may stay: its domain may be destroyed at once.
    DomainRef alive;
    {
        const RunLock run{v};
        if (!v.hard_affinity.has(cpu_of(v))) alive = DomainRef{&v.domain()};
        v.loaded_on.store(Vcpu::no_cpu, Order::release);
    }
    if (alive) v.settle();
}

} // namespace hv::domain
