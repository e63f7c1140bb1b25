// SPDX-License-Identifier: MIT
//
// Spin locks with ranks. A CPU takes locks in strictly rising rank (docs/locking.md has the order); debug builds
// check it at every acquire. Interrupts are off in the hypervisor, so no lock needs to disable them.
#pragma once
#include "base/assert.hpp"
#include "base/atomic.hpp"
#include "cpu/percpu.hpp"

namespace hv::cpu {

#ifndef PARAPET_DEBUG
#define PARAPET_DEBUG 1
#endif
inline constexpr bool check_ranks = PARAPET_DEBUG != 0; ///< Host tests always; the image with `make DEBUG=1`.

/// Rising order of acquisition.
enum class Rank : std::uint8_t {
    control = 10,
    domain_list = 20,
    domain = 30,
    binding = 35,
    event = 40,
    pirq = 45,
    grant = 50,
    page_tables = 60,
    scheduler = 70,
    timer = 80,
    wallclock = 85,
    memory = 90,
    heap = 95,
    console = 100
};

class SpinLock {
public:
    constexpr explicit SpinLock(Rank rank) : rank_{rank} {}
    SpinLock(const SpinLock&) = delete;
    SpinLock& operator=(const SpinLock&) = delete;

    void lock()
    {
        check_rank();
        const std::uint32_t mine = next_.fetch_add(1, Order::relaxed);
        while (serving_.load(Order::acquire) != mine)
            arch::relax();
    }
    void unlock()
    {
        drop_rank();
        serving_.store(serving_.load(Order::relaxed) + 1, Order::release);
    }

private:
    void check_rank() const
    {
        if (!check_ranks) return;
        PerCpu& c = this_cpu();
        ASSERT(c.held_count < c.held_ranks.size());
        ASSERT(c.held_count == 0 || c.held_ranks[c.held_count - 1] < static_cast<std::uint8_t>(rank_));
        c.held_ranks[c.held_count++] = static_cast<std::uint8_t>(rank_);
    }
    void drop_rank() const
    {
        if (!check_ranks) return;
        PerCpu& c = this_cpu();
        ASSERT(c.held_count != 0 && c.held_ranks[c.held_count - 1] == static_cast<std::uint8_t>(rank_));
        --c.held_count;
    }
    Atomic<std::uint32_t> next_;
    Atomic<std::uint32_t> serving_;
    Rank rank_;
};

class [[nodiscard]] Guard {
public:
    explicit Guard(SpinLock& lock) : lock_{lock} { lock_.lock(); }
    ~Guard() { lock_.unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

private:
    SpinLock& lock_;
};

} // namespace hv::cpu
