// SPDX-License-Identifier: MIT
//
// vmctl shutdown DOMAIN [-r] [-w]: asks a guest to power off or to reboot, and may wait until it did.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"
#include <chrono>
#include <unistd.h>

namespace vmctl {
namespace {

struct Arguments {
    std::string domain;
    bool reboot{false}, wait{false};
    unsigned timeout{120};
};

/// Until the domain is shut down, gone, or another one.
void wait_for_end(parapet::Toolstack& tools, parapet::DomainId id, unsigned timeout)
{
    using Clock = std::chrono::steady_clock;
    for (const auto end = Clock::now() + std::chrono::seconds{timeout}; Clock::now() < end; ::usleep(50'000)) {
        const auto info = tools.hypervisor.find(id);
        if (!info || (info->flags & (PV_DOMINF_SHUTDOWN | PV_DOMINF_DYING)) != 0) return;
    }
    parapet::fail("domain {} did not shut down within {} s; `vmctl destroy {}` ends it", id, timeout, id);
}

void shutdown(const Arguments& a)
{
    parapet::Toolstack tools;
    const parapet::DomainId id = require_domain(tools, a.domain);
    if (id == 0) parapet::fail("domain 0 shuts down by its own poweroff or reboot command");
    tools.store.write(parapet::domain_path(id) + "/control/shutdown", a.reboot ? "reboot" : "poweroff");
    if (a.wait) wait_for_end(tools, id, a.timeout);
}

} // namespace

void add_shutdown(CLI::App& app, Options&)
{
    CLI::App* verb = add_verb(app, "shutdown", "Ask a domain to power off");
    auto a = std::make_shared<Arguments>();
    verb->add_option("DOMAIN", a->domain, "its name, number or UUID")->required();
    verb->add_flag("-r,--reboot", a->reboot, "to reboot instead");
    verb->add_flag("-w,--wait", a->wait, "return once it is down");
    verb->add_option("--timeout", a->timeout, "how many seconds to wait");
    verb->callback([a] { shutdown(*a); });
}

} // namespace vmctl
