// SPDX-License-Identifier: MIT
//
// From a configuration to a running domain and back. A create that fails half-way leaves no domain, no memory and no
// xenstore node behind: every step is undone by the destructor of what it made.
#pragma once
#include "libparapet/domain_config.hpp"
#include "libparapet/hypervisor.hpp"
#include "libparapet/steps.hpp"
#include "libparapet/xenstore.hpp"

namespace parapet {

struct Toolstack {
    Hypervisor hypervisor;
    Store store;
};

/// Builds the domain and leaves it paused.
DomainId create_domain(Toolstack& tools, const DomainConfig& config, Steps& steps);

/// Ends the domain and waits (a few seconds) until the hypervisor has forgotten it.
/// False when it is still dying then, because someone holds its memory.
bool destroy_domain(Toolstack& tools, DomainId domain);

/// Makes dom0 smaller until @p pages are free; false if they were anyway. Throws, with what was changed undone, when
/// that is not to be had.
bool make_room(Toolstack& tools, std::uint64_t pages);

/// dom0 keeps at least this: $PARAPET_DOM0_MIN in MiB, else 192.
std::uint64_t dom0_floor_mib();

} // namespace parapet
