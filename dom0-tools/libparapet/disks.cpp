// SPDX-License-Identifier: MIT
//
// See disks.hpp.
#include "libparapet/disks.hpp"
#include "libparapet/disk_backing.hpp"
#include "libparapet/loop_device.hpp"
#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr auto loop_patience = std::chrono::seconds{5};

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

Device attach_disk(Store& store, unsigned domain, const DiskConfig& disk)
{
    const Device device{DeviceKind::disk, domain, disk.number};
    if (store.exists(backend_path(device))) fail("the domain has a disk {} already", disk.device);
    Backing backing = open_backing(disk);
    refuse_shared(store, disk, backing);
    std::optional<LoopDevice> loop;
    if (!backing.is_block) loop.emplace(make_loop(backing.file, disk.target, {disk.writable, disk.direct_io}));
    backing.file = {}; // a device that is open exclusively
    NewDevice made{store, device, nodes_of(disk, loop ? loop_device(loop->number) : backing.device)};
    const std::string opened = sysfs_path(device) + "/physical_device";
    // a loop device that we let go before the backend has it open would be gone
    wait_for_backend(store, device, [&] {
        return backend_state(store, device) >= BusState::init_wait && ::access(opened.c_str(), F_OK) == 0;
    });
    return made.keep();
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

std::vector<unsigned> loops_under(Store& store, const std::vector<Device>& disks)
{
    std::vector<unsigned> loops;
    for (const Device& d : disks) {
        const auto nodes = store.read_all({backend_path(d) + "/physical-device", backend_path(d) + "/params"});
        const auto physical = nodes[0] ? device_number(*nodes[0]) : std::nullopt;
        if (!physical) continue;
        struct stat status {};
        const bool is_device = nodes[1] && ::stat(nodes[1]->c_str(), &status) == 0 && S_ISBLK(status.st_mode);
        if (is_device) continue; // a loop device that was there before the disk stays
        if (const auto loop = loop_number(*physical)) loops.push_back(*loop);
    }
    return loops;
}

bool settle_loops(const std::vector<unsigned>& loops)
{
    using Clock = std::chrono::steady_clock;
    const auto none_bound = [&] { return std::none_of(loops.begin(), loops.end(), loop_is_bound); };
    for (const auto end = Clock::now() + loop_patience; !none_bound(); ::usleep(2'000)) {
        if (Clock::now() > end) return false;
        // what another toolstack made goes only when told; one in use goes with its last user
        for (const unsigned loop : loops)
            if (loop_is_bound(loop)) release_loop(loop);
    }
    return true;
}

} // namespace parapet
