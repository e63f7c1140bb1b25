// SPDX-License-Identifier: MIT
//
// What the verbs for disks and network interfaces share.
#pragma once
#include "libparapet/device_lists.hpp"
#include "libparapet/domain_devices.hpp"
#include "vmctl/verbs.hpp"

namespace vmctl {

/// A domain that devices can be given to.
parapet::DomainId require_guest(parapet::Toolstack& tools, const std::string& name);

/// The words of a command line that describe one device, as a configuration's entry.
parapet::ConfigValue device_words(const char* what, const std::vector<std::string>& words);

/// Applies @p change to the devices that the domain has when it is started again. The caller holds the lock of create.
void keep_for_restart(parapet::Toolstack& tools, parapet::DomainId domain,
                      const std::function<void(parapet::DeviceLists&)>& change);

struct DetachArguments {
    std::string domain, device;
    bool force{false};
    unsigned timeout{30};
};
/// The options that both detaching verbs have.
void add_detach_options(Verb& verb, DetachArguments& arguments, const char* device, const char* help);
void detach(parapet::Toolstack& tools, const parapet::Device& device, const DetachArguments& arguments);

} // namespace vmctl
