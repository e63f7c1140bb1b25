// SPDX-License-Identifier: MIT
//
// Time as guests see it: pvclock records, the wallclock of shared_info. System time is one linear function of the
// TSC, so a record is written once and stays exact; only the wallclock changes.
#pragma once
#include "base/result.hpp"
#include "base/units.hpp"
#include "pv-abi/vcpu.h"

namespace hv::domain {

class Domain;

/// The record every vCPU gets, with an even, non-zero version. Stable if one CPU or an invariant TSC makes it so.
pv_vcpu_time_info time_record();
/// Writes time_record() to a guest-visible place by the version protocol.
void publish_time(pv_vcpu_time_info& to);

struct Wallclock {
    std::uint64_t seconds;
    std::uint32_t nanoseconds;
};
/// It is @p at when system time is @p system_time. Updates every domain. Einval if that puts system
/// time 0 before 1970. Nanoseconds beyond a second carry over.
Result<> set_wallclock(Wallclock at, Nanoseconds system_time);
/// Starts from the machine's clock; once, at boot.
void start_wallclock();
void publish_wallclock(pv_shared_info& to);

} // namespace hv::domain
