// SPDX-License-Identifier: MIT
//
// See life_verbs.hpp: how domains are asked to end, and waited for.
#include "libparapet/attendance.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/end_policy.hpp"
#include "vmctl/life_verbs.hpp"
#include <unistd.h>

namespace vmctl {

Deadline in_seconds(unsigned seconds) { return std::chrono::steady_clock::now() + std::chrono::seconds{seconds}; }

bool wait_until(Deadline end, const std::function<bool()>& done)
{
    while (!done()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        ::usleep(50'000);
    }
    return true;
}

parapet::DomainHandle uuid_of(const parapet::DomainInfo& info)
{
    parapet::DomainHandle uuid{};
    std::copy(std::begin(info.handle), std::end(info.handle), uuid.begin());
    return uuid;
}

void ask_to_end(parapet::Toolstack& tools, parapet::DomainId domain, const char* how)
{
    if (domain == 0) parapet::fail("domain 0 ends by its own poweroff or reboot command");
    const auto info = tools.hypervisor.find(domain);
    if (!info) throw parapet::Error{fmt::format("domain {} is gone", domain), ESRCH};
    if ((info->flags & (PV_DOMINF_SHUTDOWN | PV_DOMINF_DYING)) != 0)
        parapet::fail("domain {} is down already ({}); `vmctl destroy {}` gives its memory back", domain,
                      parapet::shutdown_reason(info->flags), domain);
    if ((info->flags & PV_DOMINF_PAUSED) != 0)
        parapet::fail("domain {} is paused and cannot hear; `vmctl unpause {}` lets it run", domain, domain);
    tools.store.write(parapet::domain_path(domain) + "/control/shutdown", how);
}

void wait_for_end(parapet::Toolstack& tools, parapet::DomainId domain, Deadline end, unsigned seconds)
{
    const parapet::Records records;
    const auto ended = [&] {
        const auto info = tools.hypervisor.find(domain);
        if (!info || (info->flags & PV_DOMINF_DYING) != 0) return true;
        if ((info->flags & PV_DOMINF_SHUTDOWN) == 0) return false;
        const auto record = records.find(uuid_of(*info)); // who acts on its end will take it away, unless it is kept
        return !record || !record->watched || record->settled || !parapet::is_attended();
    };
    if (wait_until(end, ended)) return;
    const auto request = tools.store.read(parapet::domain_path(domain) + "/control/shutdown");
    throw parapet::Error{fmt::format("domain {} did not end within {} s: {}; `vmctl destroy {}` ends it", domain,
                                     seconds,
                                     request && !request->empty() ? "its kernel has not taken the request, it may "
                                                                    "still be starting"
                                                                  : "it took the request and is still at it",
                                     domain),
                         ETIMEDOUT};
}

void destroy_for_good(parapet::Toolstack& tools, parapet::DomainId domain)
{
    const auto info = tools.hypervisor.find(domain);
    if (info && domain != 0) parapet::Records{}.remove(uuid_of(*info)); // first: it is not to be started again
    if (!parapet::destroy_domain(tools, domain))
        fmt::print(stderr, "vmctl: domain {} is still dying: another program holds its memory\n", domain);
}

} // namespace vmctl
