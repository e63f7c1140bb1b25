// SPDX-License-Identifier: MIT
//
// A domain's network interfaces, served by the network backend of domain 0's kernel: attached through xenstore, and put
// on their bridge without a script.
#pragma once
#include "libparapet/devices.hpp"
#include "libparapet/network_config.hpp"

namespace parapet {

/// Bridges are there, addresses are nobody else's. Complaints carry the interface's position.
void check_networks(Store& store, const std::vector<NetworkConfig>& networks);

/// Checks the interface and gives it to the domain; returns when it is on its bridge. The caller holds the lock under
/// which devices are given away.
Device attach_network(Store& store, unsigned domain, const NetworkConfig& network);

struct NetworkStatus {
    Device device;
    std::string mac, bridge, ip, name; ///< name: in domain 0.
    BusState back, front;
};
std::vector<NetworkStatus> networks_of(Store& store, unsigned domain);

} // namespace parapet
