// SPDX-License-Identifier: MIT
//
// vmctl net-detach DOMAIN INTERFACE [--force]: takes a network interface from a running domain.
#include "vmctl/devices.hpp"
#include <fmt/format.h>

namespace vmctl {
namespace {

void detach_network(const DetachArguments& a)
{
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_guest(tools, a.domain);
    std::vector<std::string> names;
    for (const auto& n : parapet::networks_of(tools.store, domain)) {
        const std::string number = fmt::format("{}", n.device.number);
        if (a.device == number || a.device == n.mac || a.device == n.name) return detach(tools, n.device, a);
        names.push_back(fmt::format("{} {}", number, n.mac));
    }
    parapet::fail("'{}' has no network interface {}{}", a.domain, a.device,
                  names.empty() ? "" : fmt::format(" (it has {})", fmt::join(names, ", ")));
}

} // namespace

void add_net_detach(CLI::App& app, Options&)
{
    Verb verb{app, "net-detach", "Take a network interface from a domain"};
    auto a = std::make_shared<DetachArguments>();
    add_detach_options(verb, *a, "INTERFACE", "its number, MAC address or name in domain 0");
    verb.action([a] { detach_network(*a); });
}

} // namespace vmctl
