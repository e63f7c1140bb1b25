// SPDX-License-Identifier: MIT
//
// How long an operation may still run before interrupts must be served. One unit is about 100 instructions;
// who runs out returns Error::restart with its progress recorded in the frames. One object per operation, not
// shared.
#pragma once
#include <cstdint>

namespace hv::mm {

class Work {
public:
    static constexpr std::int32_t default_units = 1200;
    constexpr explicit Work(std::int32_t units = default_units) : left_{units} {}
    /// Takes @p units; false when the operation should stop at the next consistent point.
    constexpr bool spend(std::int32_t units = 1)
    {
        left_ -= units;
        return left_ > 0;
    }
    [[nodiscard]] constexpr bool exhausted() const { return left_ <= 0; }

private:
    std::int32_t left_;
};

} // namespace hv::mm
