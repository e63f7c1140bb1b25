// SPDX-License-Identifier: MIT
//
// See devices.hpp.
#include "vmctl/devices.hpp"
#include "libparapet/domain_record.hpp"
#include "libparapet/interrupt.hpp"
#include "vmctl/life_verbs.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace vmctl {

parapet::DomainId require_guest(parapet::Toolstack& tools, const std::string& name)
{
    const parapet::DomainId domain = require_domain(tools, name);
    if (domain == 0) parapet::fail("domain 0 serves devices and gets none itself");
    return domain;
}

parapet::ConfigValue device_words(const char* what, const std::vector<std::string>& words)
{
    std::vector<std::string> sorted = words;
    std::stable_partition(sorted.begin(), sorted.end(), [](const auto& word) { return !word.starts_with("target="); });
    const std::string text = fmt::format("{}", fmt::join(sorted, ",")); // a target may have commas: it comes last
    return {{fmt::format("{} \"{}\"", what, text), 0, 0}, text};
}

void keep_for_restart(parapet::Toolstack& tools, parapet::DomainId domain,
                      const std::function<void(parapet::DeviceLists&)>& change)
{
    const auto info = tools.hypervisor.find(domain);
    const parapet::Records records;
    const auto record = info ? records.find(uuid_of(*info)) : std::nullopt;
    if (!record) return; // it was not created by vmctl, or has gone meanwhile: nobody starts it again
    auto lists = records.find_devices(record->uuid);
    if (!lists) {
        parapet::DomainConfig config = parapet::interpret(record->source, parapet::FileCheck::none);
        parapet::assign_uuid(config, record->uuid);
        for (unsigned n = 0; n < config.networks.size(); ++n)
            config.networks[n].number = n;
        lists = {std::move(config.disks), std::move(config.networks)};
    }
    change(*lists);
    records.write_devices(record->uuid, *lists);
}

void add_detach_options(Verb& verb, DetachArguments& a, const char* device, const char* help)
{
    verb.required("DOMAIN", a.domain, "its name, number or UUID");
    verb.required(device, a.device, help);
    verb.flag("-f,--force", a.force, "take it away, whatever the guest does with it");
    verb.option("--timeout", a.timeout, "how many seconds the guest has to let it go (30)");
}

void detach(parapet::Toolstack& tools, const parapet::Device& device, const DetachArguments& a)
{
    const parapet::SignalGuard guard;
    const auto info = tools.hypervisor.find(static_cast<parapet::DomainId>(device.domain));
    if (!a.force && info && (info->flags & (PV_DOMINF_PAUSED | PV_DOMINF_SHUTDOWN)) != 0)
        parapet::fail("'{}' does not run, and cannot let go of it: --force takes it away", a.domain);
    parapet::remove_device(tools.store, device, a.force ? parapet::Detach::force : parapet::Detach::ask,
                           std::chrono::seconds{a.timeout});
    const parapet::FileLock lock = parapet::lock_creation();
    keep_for_restart(tools, static_cast<parapet::DomainId>(device.domain), [&](parapet::DeviceLists& lists) {
        if (device.kind == parapet::DeviceKind::disk)
            std::erase_if(lists.disks, [&](const auto& disk) { return disk.number == device.number; });
        else
            std::erase_if(lists.networks, [&](const auto& network) { return network.number == device.number; });
    });
}

} // namespace vmctl
