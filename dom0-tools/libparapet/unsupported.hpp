// SPDX-License-Identifier: MIT
//
// Settings that xl.cfg has and that cannot be had here. Pure.
#pragma once
#include <string>

namespace parapet {

/// Why such a setting is refused; nullptr for any other word.
const char* why_unsupported(const std::string& key);

} // namespace parapet
