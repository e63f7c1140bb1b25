// SPDX-License-Identifier: MIT
//
// All split devices of a domain together: checked before it is made, attached before it runs, gone before it is.
#pragma once
#include "libparapet/disks.hpp"
#include "libparapet/domain_config.hpp"
#include "libparapet/networks.hpp"

namespace parapet {

/// Everything that attach_devices() would refuse and that can be known before.
void check_devices(Store& store, const DomainConfig& config);
void attach_devices(Store& store, unsigned domain, const DomainConfig& config);

enum class Detach : std::uint8_t { ask, force };
/// Takes a device away, with the guest's consent or by force, and waits until nothing of it is left. Throws if it is
/// still there after @p patience.
void remove_device(Store& store, const Device& device, Detach how, std::chrono::seconds patience);
/// All devices of a domain that does not run any more; what does not go is said in @p complain.
void remove_devices(Store& store, unsigned domain, const std::function<void(const std::string&)>& complain);

/// xvda, or vif 0: what people call it.
std::string label(Store& store, const Device& device);

} // namespace parapet
