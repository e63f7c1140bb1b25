// SPDX-License-Identifier: MIT
//
// BLAKE2b-256 (RFC 7693), unkeyed: the name of a kernel in the cache. Collision-resistant, since a tenant's kernel
// must not be able to take the place of another's. No state between calls.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace parapet {

/// The digest as 64 hex digits.
std::string blake2b_hex(std::span<const std::byte> data);

} // namespace parapet
