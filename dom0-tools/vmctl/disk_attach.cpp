// SPDX-License-Identifier: MIT
//
// vmctl disk-attach DOMAIN SPEC...: gives a running domain another disk.
#include "libparapet/interrupt.hpp"
#include "vmctl/devices.hpp"
#include <filesystem>
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

void attach(const Options& options, const std::string& name, const std::vector<std::string>& words)
{
    parapet::DiskConfig disk = parapet::parse_disk(device_words("disk", words));
    disk.target = std::filesystem::absolute(disk.target);
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_guest(tools, name);
    const parapet::SignalGuard guard;
    const parapet::FileLock lock = parapet::lock_creation();
    parapet::attach_disk(tools.store, domain, disk);
    keep_for_restart(tools, domain, [&](parapet::DeviceLists& lists) { lists.disks.push_back(disk); });
    if (options.json) print_json({{"domain", domain}, {"disk", disk.device}, {"number", disk.number}});
}

} // namespace

void add_disk_attach(CLI::App& app, Options& options)
{
    Verb verb{app, "disk-attach", "Give a domain another disk"};
    auto name = std::make_shared<std::string>();
    auto words = std::make_shared<std::vector<std::string>>();
    verb.required("DOMAIN", *name, "its name, number or UUID");
    verb.required("SPEC", *words, "as in disk = [...]: FILE,raw,xvdb,w or target=FILE vdev=xvdb");
    verb.action([&options, name, words] { attach(options, *name, *words); });
}

} // namespace vmctl
