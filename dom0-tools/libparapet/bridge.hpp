// SPDX-License-Identifier: MIT
//
// Domain 0's network devices: which bridges there are, and a device's way onto one.
#pragma once
#include <string>
#include <vector>

namespace parapet {

bool is_network_device(const std::string& name);
bool is_bridge(const std::string& name);
std::vector<std::string> bridges();

void rename_device(const std::string& from, const std::string& to);
/// Puts the device on the bridge, with the bridge's MTU, and switches it on.
void join_bridge(const std::string& device, const std::string& bridge);

} // namespace parapet
