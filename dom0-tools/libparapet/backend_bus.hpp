// SPDX-License-Identifier: MIT
//
// What domain 0's kernel serves, by its sysfs: xenstore forgets it all when its daemon is started anew, and the kernel,
// whose watches are forgotten too, would serve a domain's devices for ever, and so keep its memory.
#pragma once
#include "libparapet/devices.hpp"

namespace parapet {

inline constexpr const char* backend_bus = "/sys/bus/xen-backend";

/// The domain's devices that have a driver, in order.
std::vector<Device> served_devices(unsigned domain, const std::string& bus = backend_bus);
/// Takes the driver from the device: it lets go of everything of the other domain.
void unbind(const Device& device, const std::string& bus = backend_bus);

} // namespace parapet
