// SPDX-License-Identifier: MIT
//
// vmctl net-attach DOMAIN [KEY=VALUE...]: gives a running domain another network interface.
#include "libparapet/interrupt.hpp"
#include "vmctl/devices.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

void attach(const Options& options, const std::string& name, const std::vector<std::string>& words)
{
    parapet::NetworkConfig network = parapet::parse_network(device_words("vif", words));
    if (network.mac.empty()) network.mac = parapet::random_mac();
    for (const auto& [at, what] : network.warnings)
        fmt::print(stderr, "{}:{}: warning: {}\n", at.file, at.column, what);
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_guest(tools, name);
    const parapet::SignalGuard guard;
    const parapet::FileLock lock = parapet::lock_creation();
    const parapet::Device device = parapet::attach_network(tools.store, domain, network);
    network.number = device.number;
    keep_for_restart(tools, domain, [&](parapet::DeviceLists& lists) { lists.networks.push_back(network); });
    if (options.json) print_json({{"domain", domain}, {"number", device.number}, {"mac", network.mac}});
}

} // namespace

void add_net_attach(CLI::App& app, Options& options)
{
    Verb verb{app, "net-attach", "Give a domain another network interface"};
    auto name = std::make_shared<std::string>();
    auto words = std::make_shared<std::vector<std::string>>();
    verb.required("DOMAIN", *name, "its name, number or UUID");
    verb.option("KEY=VALUE", *words, "as in vif = [...]: bridge=xenbr0 mac=00:16:3e:01:02:03");
    verb.action([&options, name, words] { attach(options, *name, *words); });
}

} // namespace vmctl
