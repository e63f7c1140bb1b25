// SPDX-License-Identifier: MIT
//
// See verbs.hpp.
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {

void print_json(const Json& value) { fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace)); }

} // namespace vmctl
