// SPDX-License-Identifier: MIT
//
// The record that xl keeps of a domain's configuration, a file of JSON in /var/lib/xen: without it xl lists a domain,
// but does not balloon it, change its vCPUs or attach devices to it. vmctl's domains get one where xl is installed.
#pragma once
#include "libparapet/domain_config.hpp"

namespace parapet {

inline constexpr const char* xl_directory = "/var/lib/xen";
using Uuid = std::array<std::uint8_t, 16>;

/// What the record says: xl's own names for what is set.
std::string xl_record(const DomainConfig& config);
/// Writes it whole or not at all; nothing where xl has no directory.
void write_xl_record(unsigned domain, const DomainConfig& config, const std::string& directory = xl_directory);
/// Removes this domain's record and whatever else xl keeps of it, whoever made it.
void remove_xl_records(unsigned domain, const Uuid& uuid, const std::string& directory = xl_directory);

} // namespace parapet
