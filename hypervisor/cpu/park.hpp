// SPDX-License-Identifier: MIT
//
// Holds all other CPUs at the run loop, where they hold no lock and are in the middle of nothing: for the auditor.
#pragma once
#include "base/result.hpp"

namespace hv::cpu {

class [[nodiscard]] Parked {
public:
    /// Eagain when another CPU does not come to the run loop soon: it may wait for what this one holds.
    static Result<Parked, false> all();
    Parked(Parked&& o) noexcept : holds_{o.holds_} { o.holds_ = false; }
    Parked& operator=(Parked&&) = delete;
    ~Parked();

private:
    Parked() = default;
    bool holds_ = true;
};

/// Softirq::park: stays until released.
void park_here();

} // namespace hv::cpu
