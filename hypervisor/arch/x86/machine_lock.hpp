// SPDX-License-Identifier: MIT
//
// A lock for device registers that need several accesses: innermost, held for a few accesses, below all ranks.
#pragma once
#include "arch/arch.hpp"
#include "base/atomic.hpp"

namespace hv::arch::x86 {

using MachineLock = Atomic<std::uint8_t>;

class [[nodiscard]] MachineGuard {
public:
    explicit MachineGuard(MachineLock& lock) : lock_{lock}
    {
        while (lock_.exchange(1, Order::acquire) != 0)
            relax();
    }
    ~MachineGuard() { lock_.store(0, Order::release); }
    MachineGuard& operator=(MachineGuard&&) = delete;

private:
    MachineLock& lock_;
};

} // namespace hv::arch::x86
