// SPDX-License-Identifier: MIT
//
// What the small languages inside disk = [...] and vif = [...] share: fields between commas, some of the form
// key=value, each knowing where it stands. Pure.
#pragma once
#include "libparapet/config.hpp"
#include <string>
#include <vector>

namespace parapet {

struct Field {
    std::string key, value; ///< key is empty for a positional field
    Position at;
};

/// Splits at commas; blanks around a field do not count. What follows @p last= is one field, commas and all. @p what
/// is for the complaint.
std::vector<Field> device_fields(const ConfigValue& value, const char* what, const std::string& last = "");

/// Complains of a key that there is not, and says what was meant.
[[noreturn]] void unknown_field(const Field& field, const char* what, const std::vector<std::string>& known);

/// backend=: only dom0 serves devices here.
void require_dom0(const Field& field);

} // namespace parapet
