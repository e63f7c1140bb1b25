// SPDX-License-Identifier: MIT
//
// vmctl net-list [DOMAIN]: what network interfaces domains have, and how far both ends are with them.
#include "vmctl/devices.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

void list(const Options& options, const std::string& name)
{
    parapet::Toolstack tools;
    Json all = Json::array();
    if (!options.json)
        fmt::print("{:>5}  {:>6} {:<17} {:<10} {:<10} {:<15} {:<15} {}\n", "ID", "Number", "MAC", "Guest", "Backend",
                   "Bridge", "Device", "IP");
    for_each_domain(tools, name, [&](const parapet::DomainInfo& info) {
        for (const auto& n : parapet::networks_of(tools.store, info.domain)) {
            const char *front = parapet::name(n.front), *back = parapet::name(n.back);
            all.push_back({{"domain", info.domain},
                           {"number", n.device.number},
                           {"mac", n.mac},
                           {"guest", front},
                           {"backend", back},
                           {"bridge", n.bridge},
                           {"device", n.name},
                           {"ip", n.ip}});
            if (!options.json)
                fmt::print("{:>5}  {:>6} {:<17} {:<10} {:<10} {:<15} {:<15} {}\n", info.domain, n.device.number, n.mac,
                           front, back, n.bridge, n.name, n.ip);
        }
    });
    if (options.json) print_json(all);
}

} // namespace

void add_net_list(CLI::App& app, Options& options)
{
    Verb verb{app, "net-list", "List the network interfaces of all domains, or of one"};
    auto name = std::make_shared<std::string>();
    verb.option("DOMAIN", *name, "its name, number or UUID");
    verb.action([&options, name] { list(options, *name); });
}

} // namespace vmctl
