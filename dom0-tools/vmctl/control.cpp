// SPDX-License-Identifier: MIT
//
// vmctl pause and unpause.
#include "vmctl/verbs.hpp"

namespace vmctl {
namespace {

void pause(parapet::Toolstack& tools, parapet::DomainId domain)
{
    if (domain == 0) parapet::fail("domain 0 cannot be paused: vmctl runs in it");
    tools.hypervisor.pause(domain);
}

void unpause(parapet::Toolstack& tools, parapet::DomainId domain)
{
    const auto info = tools.hypervisor.find(domain);
    if (!info) parapet::fail("domain {} is gone", domain);
    if ((info->flags & PV_DOMINF_PAUSED) == 0) parapet::fail("domain {} is not paused", domain);
    tools.hypervisor.unpause(domain);
}

using Act = void (*)(parapet::Toolstack&, parapet::DomainId);

void add(CLI::App& app, const char* name, const char* help, Act act)
{
    Verb verb{app, name, help};
    auto domain = std::make_shared<std::string>();
    verb.required("DOMAIN", *domain, "its name, number or UUID");
    verb.action([act, domain] {
        parapet::Toolstack tools;
        act(tools, require_domain(tools, *domain));
    });
}

} // namespace

void add_pause(CLI::App& app, Options&) { add(app, "pause", "Stop a domain's CPUs", pause); }
void add_unpause(CLI::App& app, Options&) { add(app, "unpause", "Let a domain's CPUs run", unpause); }

} // namespace vmctl
