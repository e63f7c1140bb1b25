// SPDX-License-Identifier: MIT
//
// The verbs of vmctl, one file each. Every one says what it takes, and acts from its action; failures are Errors that
// main() prints.
#pragma once
#include "libparapet/lifecycle.hpp"
#include "vmctl/verb.hpp"
#include <nlohmann/json_fwd.hpp>

namespace vmctl {

using Json = nlohmann::ordered_json;

struct Options {
    bool json{false};
};

void add_create(CLI::App& app, Options& options);
void add_list(CLI::App& app, Options& options);
void add_info(CLI::App& app, Options& options);
void add_console(CLI::App& app, Options& options);
void add_shutdown(CLI::App& app, Options& options);
void add_destroy(CLI::App& app, Options& options);
void add_pause(CLI::App& app, Options& options);
void add_unpause(CLI::App& app, Options& options);
void add_dmesg(CLI::App& app, Options& options);
void add_check(CLI::App& app, Options& options);
void add_audit(CLI::App& app, Options& options);
void add_vcpu_list(CLI::App& app, Options& options);
void add_vcpu_pin(CLI::App& app, Options& options);
void add_vcpu_set(CLI::App& app, Options& options);
void add_vcpu_context(CLI::App& app, Options& options);
void add_sched(CLI::App& app, Options& options);
void add_locks(CLI::App& app, Options& options);
void add_top(CLI::App& app, Options& options);
void add_disk_attach(CLI::App& app, Options& options);
void add_disk_detach(CLI::App& app, Options& options);
void add_disk_list(CLI::App& app, Options& options);
void add_net_attach(CLI::App& app, Options& options);
void add_net_detach(CLI::App& app, Options& options);
void add_net_list(CLI::App& app, Options& options);

void print_json(const Json& value);

/// The number of a domain that exists, or an Error with a did-you-mean.
parapet::DomainId require_domain(parapet::Toolstack& tools, const std::string& name);

/// Calls @p show with each domain, or the one named if any; one that ends meanwhile is left out.
template <typename Show> void for_each_domain(parapet::Toolstack& tools, const std::string& name, Show show)
{
    const int wanted = name.empty() ? -1 : require_domain(tools, name);
    for (const parapet::DomainInfo& info : tools.hypervisor.domains())
        try {
            if (wanted == -1 || info.domain == wanted) show(info);
        } catch (const parapet::Error& e) {
            if (e.code() != ESRCH || info.domain == wanted) throw;
        }
}

/// Relays between this terminal and the domain's console until Ctrl-] or the console's end.
void attach_console(parapet::Store& store, parapet::DomainId domain);
/// Waits for the console daemon to take the domain up; false if none does.
bool wait_for_console(parapet::Store& store, parapet::DomainId domain);

} // namespace vmctl
