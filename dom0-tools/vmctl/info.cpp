// SPDX-License-Identifier: MIT
//
// vmctl info: the machine and the hypervisor, with the counters that must be level before and after a domain's life.
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

std::size_t count_nodes(parapet::Store& store, const std::string& path)
{
    std::size_t count = 1;
    for (const std::string& child : store.list(path))
        count += count_nodes(store, path == "/" ? "/" + child : path + "/" + child);
    return count;
}

Json gather()
{
    parapet::Toolstack tools;
    auto& hv = tools.hypervisor;
    const auto p = hv.physinfo();
    const int version = hv.version();
    Json info{{"version", fmt::format("{}.{}{}", version >> 16, version & 0xffff, hv.extra_version())},
              {"capabilities", hv.capabilities()},
              {"cpus", p.nr_cpus},
              {"cpu_khz", p.cpu_khz},
              {"total_frames", p.total_pages},
              {"free_frames", p.free_pages + p.scrub_pages},
              {"total_mib", p.total_pages / 256},
              {"free_mib", (p.free_pages + p.scrub_pages) / 256},
              {"domains", hv.domains().size()},
              {"xenstore_nodes", count_nodes(tools.store, "/")}};
    if (const auto c = hv.counters()) {
        info["heap_bytes"] = c->heap_bytes;
        info["open_ports"] = c->open_ports;
        info["grant_mappings"] = c->grant_mappings;
        info["foreign_mappings"] = c->foreign_mappings;
        info["dying_frames"] = c->dying_frames;
        info["free_frames"] = c->free_frames;
    }
    return info;
}

} // namespace

void add_info(CLI::App& app, Options& options)
{
    Verb verb{app, "info", "Show the machine, the hypervisor and its counters"};
    verb.action([&options] {
        const Json info = gather();
        if (options.json) return print_json(info);
        for (const auto& [key, value] : info.items())
            fmt::print("{:<18} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
    });
}

} // namespace vmctl
