// SPDX-License-Identifier: MIT
//
// Loop devices, by which a file serves as a block device. One that is made here goes by itself once nobody has it
// open any more, whatever becomes of its maker.
#pragma once
#include "libparapet/files.hpp"
#include <optional>
#include <sys/types.h>
#include <vector>

namespace parapet {

struct LoopOptions {
    bool writable{true};
    bool direct_io{false};
};

struct LoopDevice {
    unsigned number;
    Descriptor device; ///< Keeps it.
};

/// @p name is what it is called in listings.
LoopDevice make_loop(const Descriptor& file, const std::string& name, LoopOptions options);

struct LoopUse {
    unsigned number;
    bool writable;
};
/// Those that serve this file.
std::vector<LoopUse> loops_on(dev_t device, ino_t inode);

dev_t loop_device(unsigned number);
/// The number of the loop device with this device number.
std::optional<unsigned> loop_number(dev_t device);
bool loop_is_bound(unsigned number);
/// Lets the file go, at once or when the last user is gone.
void release_loop(unsigned number);

} // namespace parapet
