// SPDX-License-Identifier: MIT
//
// An amount of memory as users write it: a number of MiB, or one with its unit behind it (k, m, g, t). Pure.
#pragma once
#include <cstdint>
#include <string>

namespace parapet {

/// In KiB; throws an Error that quotes the text.
std::uint64_t parse_memory(const std::string& text);

} // namespace parapet
