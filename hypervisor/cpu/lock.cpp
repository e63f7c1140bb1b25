// SPDX-License-Identifier: MIT
//
// The slow side of spin locks: waiting, with its counters, and the check of ranks. Any CPU.
#include "cpu/lock.hpp"
#include "base/assert.hpp"
#include "cpu/percpu.hpp"

namespace hv::cpu {
namespace {

struct Counter {
    Atomic<std::uint64_t> waits, rounds;
};
std::array<Counter, static_cast<unsigned>(Rank::console) + 1> counters; // by rank

} // namespace

void SpinLock::wait(std::uint32_t mine)
{
    std::uint64_t rounds = 0;
    for (; serving_.load(Order::acquire) != mine; ++rounds)
        arch::relax();
    Counter& c = counters[static_cast<unsigned>(rank_)];
    c.waits.fetch_add(1, Order::relaxed);
    c.rounds.fetch_add(rounds, Order::relaxed);
}

void SpinLock::note_taken(Rank rank)
{
    PerCpu& c = this_cpu();
    ASSERT(c.held_count < c.held_ranks.size());
    ASSERT(c.held_count == 0 || c.held_ranks[c.held_count - 1] < rank);
    c.held_ranks[c.held_count++] = rank;
}

void SpinLock::note_dropped(Rank rank)
{
    PerCpu& c = this_cpu();
    ASSERT(c.held_count != 0 && c.held_ranks[c.held_count - 1] == rank);
    --c.held_count;
}

Contention contention(Rank rank)
{
    const Counter& c = counters[static_cast<unsigned>(rank)];
    return {c.waits.load(Order::relaxed), c.rounds.load(Order::relaxed)};
}

} // namespace hv::cpu
