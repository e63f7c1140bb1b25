// SPDX-License-Identifier: MIT
//
// vmctl list: all domains with their memory, virtual CPUs, state and CPU time.
#include "libparapet/domain_nodes.hpp"
#include "libparapet/end_policy.hpp"
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

std::string state_of(std::uint32_t flags)
{
    if ((flags & PV_DOMINF_DYING) != 0) return "dying";
    if ((flags & PV_DOMINF_SHUTDOWN) != 0) return parapet::shutdown_reason(flags);
    if ((flags & PV_DOMINF_PAUSED) != 0) return "paused";
    if ((flags & PV_DOMINF_RUNNING) != 0) return "running";
    return (flags & PV_DOMINF_BLOCKED) != 0 ? "idle" : "ready";
}

} // namespace

void add_list(CLI::App& app, Options& options)
{
    Verb verb{app, "list", "List the domains"};
    verb.action([&options] {
        parapet::Toolstack tools;
        Json all = Json::array();
        if (!options.json)
            fmt::print("{:<28} {:>5} {:>8} {:>5}  {:<9} {:>9}\n", "Name", "ID", "MiB", "VCPUs", "State", "CPU s");
        const auto domains = tools.hypervisor.domains();
        auto names = parapet::domain_names(tools.store, domains);
        for (const auto& info : domains) {
            const std::string name = names[info.domain];
            const double seconds = static_cast<double>(info.cpu_time) / 1e9;
            all.push_back({{"name", name},
                           {"domain", info.domain},
                           {"memory_mib", info.tot_pages / 256},
                           {"vcpus", info.nr_online_vcpus},
                           {"state", state_of(info.flags)},
                           {"cpu_seconds", seconds}});
            if (!options.json)
                fmt::print("{:<28} {:>5} {:>8} {:>5}  {:<9} {:>9.1f}\n", name, info.domain, info.tot_pages / 256,
                           info.nr_online_vcpus, state_of(info.flags), seconds);
        }
        if (options.json) print_json(all);
    });
}

} // namespace vmctl
