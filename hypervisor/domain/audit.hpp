// SPDX-License-Identifier: MIT
//
// The auditor over the whole machine: names to mm::Audit every reference that domains, vCPUs and grants hold, and lets
// it compare. Nothing else may run meanwhile; for the console's key, tests and leak hunts.
#pragma once
#include "mm/audit.hpp"

namespace hv::domain {

/// enomem if there is no room for the auditor's counters.
Result<mm::AuditReport, false> audit_machine();

} // namespace hv::domain
