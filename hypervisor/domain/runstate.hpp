// SPDX-License-Identifier: MIT
//
// How long a vCPU spent running, runnable, blocked and offline. Written by the scheduler under the run queue's lock;
// `snapshot` may run on any CPU that holds it.
#pragma once
#include "base/units.hpp"
#include "pv-abi/vcpu.h"

namespace hv::domain {

/// As vcpu_runstate_info counts them.
enum class Runstate : std::uint8_t { running, runnable, blocked, offline };

class RunstateClock {
public:
    [[nodiscard]] Runstate state() const { return static_cast<Runstate>(info_.state); }
    void change(Runstate to, Nanoseconds now)
    {
        info_.time[info_.state] += now - info_.state_entry_time;
        info_.state_entry_time = now;
        info_.state = static_cast<std::int32_t>(to);
    }
    void start(Nanoseconds now) { info_.state_entry_time = now; }
    /// As of @p now, the time in the current state included.
    [[nodiscard]] pv_vcpu_runstate_info snapshot(Nanoseconds now) const
    {
        pv_vcpu_runstate_info copy = info_;
        copy.time[copy.state] += now - copy.state_entry_time;
        copy.state_entry_time = now;
        return copy;
    }
    /// As the guest's registered area shows it: totals up to the last change.
    [[nodiscard]] const pv_vcpu_runstate_info& at_last_change() const { return info_; }
    [[nodiscard]] Nanoseconds cpu_time(Nanoseconds now) const { return snapshot(now).time[PV_RUNSTATE_RUNNING]; }

private:
    pv_vcpu_runstate_info info_{.state = PV_RUNSTATE_OFFLINE, .hole0 = 0, .state_entry_time = 0, .time = {}};
};

} // namespace hv::domain
