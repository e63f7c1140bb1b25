// SPDX-License-Identifier: MIT
//
// A lock for device registers that need several accesses: innermost, held for a few accesses, below all ranks.
#pragma once
#include "arch/arch.hpp"
#include "base/atomic.hpp"

namespace hv::arch::x86 {

class MachineLock {
public:
    class [[nodiscard]] Guard {
    public:
        explicit Guard(MachineLock& lock) : taken_{lock.taken_}
        {
            while (taken_.exchange(1, Order::acquire) != 0)
                relax();
        }
        ~Guard() { taken_.store(0, Order::release); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        Atomic<std::uint8_t>& taken_;
    };

private:
    Atomic<std::uint8_t> taken_;
};

} // namespace hv::arch::x86
