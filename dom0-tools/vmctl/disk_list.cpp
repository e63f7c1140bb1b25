// SPDX-License-Identifier: MIT
//
// vmctl disk-list [DOMAIN]: what disks domains have, and how far both ends are with them.
#include "vmctl/devices.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

void list(const Options& options, const std::string& name)
{
    parapet::Toolstack tools;
    Json all = Json::array();
    if (!options.json)
        fmt::print("{:>5}  {:<8} {:<6} {:<10} {:<10} {:<8} {}\n", "ID", "Disk", "Access", "Guest", "Backend", "Device",
                   "Target");
    for_each_domain(tools, name, [&](const parapet::DomainInfo& info) {
        for (const auto& d : parapet::disks_of(tools.store, info.domain)) {
            const char *front = parapet::name(d.front), *back = parapet::name(d.back);
            all.push_back({{"domain", info.domain},
                           {"disk", d.name},
                           {"number", d.device.number},
                           {"writable", d.mode.find('w') != std::string::npos},
                           {"guest", front},
                           {"backend", back},
                           {"device", d.physical},
                           {"target", d.target}});
            if (!options.json)
                fmt::print("{:>5}  {:<8} {:<6} {:<10} {:<10} {:<8} {}\n", info.domain, d.name, d.mode, front, back,
                           d.physical, d.target);
        }
    });
    if (options.json) print_json(all);
}

} // namespace

void add_disk_list(CLI::App& app, Options& options)
{
    Verb verb{app, "disk-list", "List the disks of all domains, or of one"};
    auto name = std::make_shared<std::string>();
    verb.option("DOMAIN", *name, "its name, number or UUID");
    verb.action([&options, name] { list(options, *name); });
}

} // namespace vmctl
