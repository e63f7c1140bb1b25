// SPDX-License-Identifier: MIT
//
// See domain_devices.hpp.
#include "libparapet/domain_devices.hpp"
#include "libparapet/backend_bus.hpp"
#include "libparapet/disk_backing.hpp"
#include "libparapet/interrupt.hpp"
#include <algorithm>

namespace parapet {
namespace {

using Complain = std::function<void(const std::string&)>;

constexpr auto patience_at_end = std::chrono::seconds{10};

std::vector<Device> everything_of(Store& store, unsigned domain)
{
    std::vector<Device> all;
    for (const DeviceKind kind : device_kinds) {
        const auto found = devices_of(store, domain, kind);
        all.insert(all.end(), found.begin(), found.end());
    }
    return all;
}

std::vector<Device> disks_among(std::vector<Device> devices)
{
    std::erase_if(devices, [](const Device& d) { return d.kind != DeviceKind::disk; });
    return devices;
}

void unbind_unknown(unsigned domain, const std::vector<Device>& known, const Complain& complain)
{
    for (const Device& d : served_devices(domain)) {
        if (std::find(known.begin(), known.end(), d) != known.end()) continue;
        complain(fmt::format("xenstore knows {} {} of domain {} no more (was xenstored started anew?): its backend is "
                             "taken from the kernel's driver",
                             d.kind == DeviceKind::disk ? "disk" : "vif", d.number, domain));
        try {
            unbind(d);
        } catch (const Error& e) {
            complain(e.what());
        }
    }
}

} // namespace

void check_devices(Store& store, const DomainConfig& config)
{
    check_disks(store, config.disks);
    check_networks(store, config.networks);
}

void attach_devices(Store& store, unsigned domain, const DomainConfig& config)
{
    for (const DiskConfig& disk : config.disks)
        blaming(disk.at, "disk", [&] { attach_disk(store, domain, disk); });
    for (const NetworkConfig& network : config.networks)
        blaming(network.at, "vif", [&] { attach_network(store, domain, network); });
}

void remove_device(Store& store, const Device& device, Detach how, std::chrono::seconds patience)
{
    const std::string what = label(store, device);
    const auto servers = servers_under(store, disks_among({device}));
    // a guest that never took it up, for want of a driver or of time, would not answer
    if (how == Detach::force || frontend_state(store, device) <= BusState::initialising)
        cut_off(store, device);
    else
        ask_to_close(store, device);
    const bool stays = !wait_closed(store, {device}, patience, interrupted).empty();
    check_interrupt();
    if (stays && how == Detach::force) fail("the backend of {} did not close within {} s", what, patience.count());
    if (stays)
        fail("the guest did not let go of {} within {} s: it goes when the guest does; --force takes it away at once",
             what, patience.count());
    forget(store, device);
    if (!settle(servers)) fail("what serves {} in domain 0 is still in use", what);
}

void remove_devices(Store& store, unsigned domain, const Complain& complain)
{
    const std::vector<Device> all = everything_of(store, domain);
    unbind_unknown(domain, all, complain);
    if (all.empty()) return;
    const auto servers = servers_under(store, disks_among(all));
    for (const Device& d : all)
        cut_off(store, d);
    for (const Device& d : wait_closed(store, all, patience_at_end))
        complain(fmt::format("the backend of {} of domain {} did not close within {} s", label(store, d), domain,
                             patience_at_end.count()));
    for (const Device& d : all)
        forget(store, d);
    if (!settle(servers)) complain(fmt::format("what serves a disk of domain {} is still in use", domain));
}

std::string label(Store& store, const Device& d)
{
    if (d.kind == DeviceKind::network) return fmt::format("vif {}", d.number);
    return "disk " + store.read(backend_path(d) + "/dev").value_or(fmt::format("{}", d.number));
}

} // namespace parapet
