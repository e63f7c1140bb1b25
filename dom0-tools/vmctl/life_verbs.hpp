// SPDX-License-Identifier: MIT
//
// The verbs of a domain's life after its creation, and what they share.
#pragma once
#include "libparapet/domain_record.hpp"
#include "vmctl/verbs.hpp"
#include <chrono>

namespace vmctl {

void add_reboot(CLI::App& app, Options& options);
void add_rename(CLI::App& app, Options& options);
void add_mem_set(CLI::App& app, Options& options);
void add_mem_max(CLI::App& app, Options& options);
void add_events(CLI::App& app, Options& options);
void add_why(CLI::App& app, Options& options);
void add_autostart(CLI::App& app, Options& options);

using Deadline = std::chrono::steady_clock::time_point;
Deadline in_seconds(unsigned seconds);
/// Looks again and again, until @p done says so (true) or it is too late.
bool wait_until(Deadline end, const std::function<bool()>& done);

parapet::DomainHandle uuid_of(const parapet::DomainInfo& info);

/// Asks the guest, through xenstore, to `poweroff` or to `reboot`. Refuses where it cannot hear.
void ask_to_end(parapet::Toolstack& tools, parapet::DomainId domain, const char* how);
/// Until it is shut down, and gone if parapet-lifed takes it away; fails when it is too late.
void wait_for_end(parapet::Toolstack& tools, parapet::DomainId domain, Deadline end, unsigned seconds);
/// At once, and it is not started again.
void destroy_for_good(parapet::Toolstack& tools, parapet::DomainId domain);

} // namespace vmctl
