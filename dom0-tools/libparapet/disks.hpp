// SPDX-License-Identifier: MIT
//
// A domain's disks, served by the block backend of domain 0's kernel: attached through xenstore alone. A raw image
// gets a loop device that lasts exactly as long as the backend has it open, another a network block device.
#pragma once
#include "libparapet/devices.hpp"
#include "libparapet/disk_config.hpp"

namespace parapet {

/// Checks the target and gives it to the domain; returns when the backend serves it. The caller holds the lock under
/// which devices are given away.
Device attach_disk(Store& store, unsigned domain, const DiskConfig& disk);

struct DiskStatus {
    Device device;
    std::string name, target, mode, physical;
    BusState back, front;
};
std::vector<DiskStatus> disks_of(Store& store, unsigned domain);

/// A device of domain 0's kernel that an image is served by.
struct Server {
    enum class Kind : std::uint8_t { loop, nbd } kind;
    unsigned number;
};
/// Those that must go with these disks: to be asked for before, and settled after the disks are removed.
std::vector<Server> servers_under(Store& store, const std::vector<Device>& disks);
/// Waits for them to go, and releases those that do not go by themselves. False if one is still in use then.
bool settle(const std::vector<Server>& servers);

} // namespace parapet
