// SPDX-License-Identifier: MIT
//
// See end_policy.hpp.
#include "libparapet/end_policy.hpp"
#include "pv-abi/domctl.h"
#include <iterator>

namespace parapet {
namespace {

OnEnd wanted(const DomainConfig& c, const std::string& reason)
{
    if (reason == "poweroff") return c.on_poweroff;
    if (reason == "reboot") return c.on_reboot;
    if (reason == "watchdog") return c.on_watchdog;
    return reason == "suspend" ? OnEnd::preserve : c.on_crash; // who had it suspended takes it from there
}

} // namespace

const char* shutdown_reason(std::uint32_t flags)
{
    constexpr const char* reasons[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset"};
    const std::uint32_t reason = flags >> PV_DOMINF_SHUTDOWNSHIFT & PV_DOMINF_SHUTDOWNMASK;
    return reason < std::size(reasons) ? reasons[reason] : "unknown";
}

Decision decide(const DomainConfig& config, const std::string& reason, unsigned short_lives, double lived)
{
    Decision d{wanted(config, reason), lived < shortest_life ? short_lives + 1 : 0, false};
    const bool again = d.action == OnEnd::restart || d.action == OnEnd::rename_restart;
    if (!again || d.short_lives < most_short_lives) return d;
    d.throttled = true;
    d.action = d.action == OnEnd::restart ? OnEnd::destroy : OnEnd::preserve;
    return d;
}

} // namespace parapet
