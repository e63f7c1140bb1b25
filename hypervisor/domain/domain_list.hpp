// SPDX-License-Identifier: MIT
//
// What only the end of a domain's life needs of the list. See domain.hpp for lookups.
#pragma once
#include "domain/domain.hpp"

namespace hv::domain {

/// Frees dead @p d and announces it, unless somebody still refers to it or to its frames. True if it is gone.
bool reap(Domain& d);

} // namespace hv::domain
