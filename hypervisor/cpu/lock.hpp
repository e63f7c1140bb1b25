// SPDX-License-Identifier: MIT
//
// Spin locks with ranks. A CPU takes locks in strictly rising rank (docs/locking.md has the order); debug builds
// check it at every acquire. Interrupts are off in the hypervisor, so no lock needs to disable them.
#pragma once
#include "base/atomic.hpp"

namespace hv::cpu {

#ifndef PARAPET_DEBUG
#define PARAPET_DEBUG 1
#endif
inline constexpr bool debug_build = PARAPET_DEBUG != 0; ///< Host tests always; the image with `make DEBUG=1`.

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
    console = 100
};

inline constexpr Rank all_ranks[] = {Rank::control, Rank::domain_list, Rank::domain, Rank::binding,
                                     Rank::event,   Rank::pirq,        Rank::grant,  Rank::scheduler,
                                     Rank::timer,   Rank::wallclock,   Rank::memory, Rank::console};

/// How often locks of @p rank were found taken, and how many rounds their takers spun, since boot.
struct Contention {
    std::uint64_t waits, rounds;
};
Contention contention(Rank rank);

class SpinLock {
public:
    constexpr explicit SpinLock(Rank rank) : rank_{rank} {}
    SpinLock& operator=(SpinLock&&) = delete;

    void lock()
    {
        if (debug_build) note_taken(rank_);
        const std::uint32_t mine = next_.fetch_add(1, Order::relaxed);
        if (serving_.load(Order::acquire) != mine) [[unlikely]]
            wait(mine);
    }
    void unlock()
    {
        if (debug_build) note_dropped(rank_);
        serving_.store(serving_.load(Order::relaxed) + 1, Order::release);
    }

private:
    static void note_taken(Rank rank);
    static void note_dropped(Rank rank);
    void wait(std::uint32_t mine);
    Atomic<std::uint32_t> next_;
    Atomic<std::uint32_t> serving_;
    Rank rank_;
};

struct Taken {};

class [[nodiscard]] Guard {
public:
    explicit Guard(SpinLock& lock) : lock_{lock} { lock_.lock(); }
    Guard(SpinLock& lock, Taken /*already*/) : lock_{lock} {}
    ~Guard() { lock_.unlock(); }
    Guard& operator=(Guard&&) = delete;

private:
    SpinLock& lock_;
};

} // namespace hv::cpu
