// SPDX-License-Identifier: MIT
//
// One process at a time creates a domain, names one, or moves memory between domains.
#pragma once

namespace parapet {

inline constexpr const char* create_lock = "/run/parapet-create.lock";

} // namespace parapet
