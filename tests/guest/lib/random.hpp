// SPDX-License-Identifier: MIT
// A xorshift generator: the same numbers in every run.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

class Random {
public:
    constexpr explicit Random(u64 seed) : state_{seed} {}
    u64 operator()()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

private:
    u64 state_;
};

} // namespace guest
