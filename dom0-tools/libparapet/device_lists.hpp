// SPDX-License-Identifier: MIT
//
// The split devices that a domain is to have when it is started again: kept once one was attached or detached by hand,
// and from then on in place of what the configuration says.
#pragma once
#include "libparapet/disk_config.hpp"
#include "libparapet/network_config.hpp"
#include <cstdint>
#include <vector>

namespace parapet {

struct DeviceLists {
    std::vector<DiskConfig> disks;
    std::vector<NetworkConfig> networks;
};

/// As CBOR: a path may hold bytes that JSON cannot.
std::vector<std::uint8_t> to_cbor(const DeviceLists& lists);
/// Throws an Error that begins with @p file if @p bytes are no such lists.
DeviceLists device_lists(const std::string& bytes, const std::string& file);

} // namespace parapet
