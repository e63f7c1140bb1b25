// SPDX-License-Identifier: MIT
//
// A domain's nodes in xenstore, the same that xl makes, so that Debian's tools and the guest's drivers find what they
// expect. What write_nodes() makes, remove_nodes() removes.
#pragma once
#include "libparapet/domain_config.hpp"
#include "libparapet/hypervisor.hpp"
#include "libparapet/xenstore.hpp"
#include <map>

namespace parapet {

struct Rings {
    std::uint64_t console_mfn, store_mfn;
    std::uint32_t console_port, store_port;
};

std::string domain_path(unsigned domain);
/// Where this ends too early, remove_nodes() still finds all that was written.
void write_nodes(Store& store, unsigned domain, const DomainConfig& config);
/// Tells xenstored, and whoever waits for new domains; the rings are known only once the domain has memory.
void introduce(Store& store, unsigned domain, const Rings& rings);
void remove_nodes(Store& store, unsigned domain);

/// The numbers of all domains with this name or UUID, or the one given as a number; a dead domain's nodes may be among
/// them.
std::vector<unsigned> find_domains(Store& store, const std::string& name);
std::string domain_name(Store& store, unsigned domain);
/// All at once.
std::map<unsigned, std::string> domain_names(Store& store, const std::vector<DomainInfo>& domains);
/// What it is called if that is what its name node holds.
std::string domain_name(unsigned domain, const std::optional<std::string>& name);

} // namespace parapet
