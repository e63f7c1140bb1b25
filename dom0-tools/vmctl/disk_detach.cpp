// SPDX-License-Identifier: MIT
//
// vmctl disk-detach DOMAIN DISK [--force]: takes a disk from a running domain.
#include "vmctl/devices.hpp"
#include <fmt/format.h>

namespace vmctl {
namespace {

void detach_disk(const DetachArguments& a)
{
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_guest(tools, a.domain);
    std::vector<std::string> names;
    for (const auto& disk : parapet::disks_of(tools.store, domain)) {
        if (disk.name == a.device || fmt::format("{}", disk.device.number) == a.device)
            return detach(tools, disk.device, a);
        names.push_back(disk.name);
    }
    parapet::fail("'{}' has no disk {}{}", a.domain, a.device,
                  names.empty() ? "" : fmt::format(" (it has {})", fmt::join(names, ", ")));
}

} // namespace

void add_disk_detach(CLI::App& app, Options&)
{
    Verb verb{app, "disk-detach", "Take a disk from a domain"};
    auto a = std::make_shared<DetachArguments>();
    add_detach_options(verb, *a, "DISK", "its name (xvdb) or number");
    verb.action([a] { detach_disk(*a); });
}

} // namespace vmctl
