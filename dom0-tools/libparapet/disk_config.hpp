// SPDX-License-Identifier: MIT
//
// One disk = entry of xl.cfg: what in domain 0 serves as a disk, and what the guest calls it. Pure.
#pragma once
#include "libparapet/config.hpp"
#include <cstdint>
#include <optional>
#include <string>

namespace parapet {

struct DiskConfig {
    std::string target, format{"raw"}, device;
    bool writable{true};
    bool forced{false};      ///< access w! or r!: even if another writes to it.
    bool discard{true};      ///< The guest may give back blocks.
    bool direct_io{false};   ///< Around domain 0's page cache (direct-io-safe).
    std::uint32_t number{0}; ///< Of the device in the guest.
    Position at;
};

DiskConfig parse_disk(const ConfigValue& value);

/// The number that a guest's disk of this name has (xvda is 51712); nothing if it is no such name.
std::optional<std::uint32_t> disk_number(const std::string& name);

} // namespace parapet
