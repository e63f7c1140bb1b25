// SPDX-License-Identifier: MIT
//
// vmctl pause and unpause.
#include "vmctl/verbs.hpp"

namespace vmctl {
namespace {

using Act = void (parapet::Hypervisor::*)(parapet::DomainId);

void add(CLI::App& app, const char* name, const char* help, Act act)
{
    CLI::App* verb = add_verb(app, name, help);
    auto domain = std::make_shared<std::string>();
    verb->add_option("DOMAIN", *domain, "its name, number or UUID")->required();
    verb->callback([act, domain] {
        parapet::Toolstack tools;
        (tools.hypervisor.*act)(require_domain(tools, *domain));
    });
}

} // namespace

void add_pause(CLI::App& app, Options&) { add(app, "pause", "Stop a domain's CPUs", &parapet::Hypervisor::pause); }
void add_unpause(CLI::App& app, Options&)
{
    add(app, "unpause", "Let a domain's CPUs run", &parapet::Hypervisor::unpause);
}

} // namespace vmctl
