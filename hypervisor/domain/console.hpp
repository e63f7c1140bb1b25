// SPDX-License-Identifier: MIT
//
// The system console shared by hypervisor and hardware domain: output of both goes to the log ring and its sinks,
// input goes to the hardware domain until CTRL-a is typed three times, then to the hypervisor's keys, and back the
// same way. Input state under a lock of rank console.
#pragma once
#include "mm/audit.hpp"
#include <span>

namespace hv::domain {

class Domain;

/// console_io write: the hardware domain's text as it is; other domains' lines, with their id, at guest_loglvl=all.
void console_write(Domain& from, std::span<const char> text);
/// console_io read by the hardware domain; returns the number of characters.
std::size_t console_read(std::span<char> out);
/// The auditor over the whole machine (audit.cpp): names to mm::Audit every reference that domains, vCPUs and grants
/// hold, and lets it compare. Nothing else may run meanwhile. enomem if there is no room for the auditor's counters.
Result<mm::AuditReport, false> audit_machine();
/// A key given to the hypervisor, typed or by sysctl debug_keys.
void console_key(char key);

} // namespace hv::domain
