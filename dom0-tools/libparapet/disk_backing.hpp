// SPDX-License-Identifier: MIT
//
// What in domain 0 shall serve as a guest's disk: that it is there, may be used as asked, and is no one else's.
// Nothing is changed by looking.
#pragma once
#include "libparapet/devices.hpp"
#include "libparapet/disk_config.hpp"
#include "libparapet/files.hpp"
#include "libparapet/xenstore.hpp"
#include <sys/types.h>

namespace parapet {

struct Backing {
    Descriptor file;
    bool is_block;
    dev_t device; ///< The block device, or the one that the file lies on.
    ino_t inode;  ///< Of the file.
    std::uint64_t bytes;
    [[nodiscard]] bool same(const Backing& o) const
    {
        return is_block == o.is_block && device == o.device && inode == o.inode;
    }
};

/// Opens an image or block device; an Error says why it cannot be a disk.
Backing open_backing(const DiskConfig& disk);

/// Throws if another uses it such that one of the two would see the other's writes, unless that is wanted so.
void refuse_shared(Store& store, const DiskConfig& disk, const Backing& backing);

/// Both for every disk, and that no two of these are the same. Complaints carry the disk's position.
void check_disks(Store& store, const std::vector<DiskConfig>& disks);

/// physical-device of a backend: two hexadecimal numbers.
std::string device_text(dev_t device);
std::optional<dev_t> device_number(const std::string& text);
/// What serves a disk, as its backend has it.
std::optional<dev_t> physical_device(Store& store, const Device& disk);

} // namespace parapet
