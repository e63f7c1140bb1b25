// SPDX-License-Identifier: MIT
//
// See disks.hpp.
#include "libparapet/disks.hpp"
#include "libparapet/disk_backing.hpp"
#include "libparapet/loop_device.hpp"
#include "libparapet/nbd_device.hpp"
#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr auto server_patience = std::chrono::seconds{5};

std::string mode_of(const DiskConfig& disk) { return disk.writable ? "w" : "r"; }

DeviceNodes nodes_of(const DiskConfig& disk, dev_t physical)
{
    return {{{"virtual-device", fmt::format("{}", disk.number)}, {"device-type", "disk"}},
            {{"removable", "1"},
             {"bootable", "1"},
             {"dev", disk.device},
             {"type", "phy"},
             {"mode", mode_of(disk)},
             {"device-type", "disk"},
             {"discard-enable", disk.discard ? "1" : "0"},
             {"params", disk.target},
             {"physical-device", device_text(physical)},
             {"hotplug-status", "connected"}}};
}

} // namespace

static std::vector<dev_t> devices_in_use(Store& store)
{
    std::vector<dev_t> used;
    for (const Device& d : all_devices(store, DeviceKind::disk))
        if (const auto device = physical_device(store, d)) used.push_back(*device);
    return used;
}

/// Both ends, until the backend has @p physical open: one that goes by itself may be let go then.
static Device connect(Store& store, const Device& device, const DiskConfig& disk, dev_t physical)
{
    NewDevice made{store, device, nodes_of(disk, physical)};
    const std::string opened = sysfs_path(device) + "/physical_device";
    wait_for_backend(store, device, [&] {
        return backend_state(store, device) >= BusState::init_wait && ::access(opened.c_str(), F_OK) == 0;
    });
    return made.keep();
}

Device attach_disk(Store& store, unsigned domain, const DiskConfig& disk)
{
    const Device device{DeviceKind::disk, domain, disk.number};
    if (store.exists(backend_path(device))) fail("the domain has a disk {} already", disk.device);
    Backing backing = open_backing(disk);
    refuse_shared(store, disk, backing);
    if (disk.format != "raw") {
        release_orphans(devices_in_use(store));
        NbdDevice server{disk.target, disk.format, {disk.writable, disk.discard, disk.direct_io}};
        connect(store, device, disk, server.device());
        server.keep();
        return device;
    }
    std::optional<LoopDevice> loop;
    if (!backing.is_block) loop.emplace(make_loop(backing.file, disk.target, {disk.writable, disk.direct_io}));
    backing.file = {}; // a device that is open exclusively
    return connect(store, device, disk, loop ? loop_device(loop->number) : backing.device);
}

std::vector<DiskStatus> disks_of(Store& store, unsigned domain)
{
    std::vector<DiskStatus> all;
    for (const Device& d : devices_of(store, domain, DeviceKind::disk)) {
        const std::string back = backend_path(d);
        const auto nodes = store.read_all({back + "/dev", back + "/params", back + "/mode", back + "/physical-device"});
        all.push_back({d, nodes[0].value_or(fmt::format("{}", d.number)), nodes[1].value_or(""), nodes[2].value_or(""),
                       nodes[3].value_or(""), backend_state(store, d), frontend_state(store, d)});
    }
    return all;
}

std::vector<Server> servers_under(Store& store, const std::vector<Device>& disks)
{
    std::vector<Server> servers;
    for (const Device& d : disks) {
        const auto nodes = store.read_all({backend_path(d) + "/physical-device", backend_path(d) + "/params"});
        const auto physical = nodes[0] ? device_number(*nodes[0]) : std::nullopt;
        if (!physical) continue;
        struct stat status {};
        const bool is_device = nodes[1] && ::stat(nodes[1]->c_str(), &status) == 0 && S_ISBLK(status.st_mode);
        if (is_device) continue; // one that was there before the disk stays
        if (const auto loop = loop_number(*physical)) servers.push_back({Server::Kind::loop, *loop});
        if (const auto nbd = nbd_number(*physical)) servers.push_back({Server::Kind::nbd, *nbd});
    }
    return servers;
}

static bool is_bound(const Server& s)
{
    return s.kind == Server::Kind::loop ? loop_is_bound(s.number) : nbd_is_bound(s.number);
}

bool settle(const std::vector<Server>& servers)
{
    using Clock = std::chrono::steady_clock;
    // what another toolstack made goes only when told; one in use goes with its last user
    for (const Server& s : servers)
        if (is_bound(s)) s.kind == Server::Kind::loop ? release_loop(s.number) : release_nbd(s.number);
    const auto end = Clock::now() + server_patience;
    while (std::any_of(servers.begin(), servers.end(), is_bound)) {
        if (Clock::now() > end) return false;
        ::usleep(2'000);
    }
    return true;
}

} // namespace parapet
