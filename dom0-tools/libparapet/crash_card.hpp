// SPDX-License-Identifier: MIT
//
// All that is known of a domain's crash, on one card: registers, stack, hypercalls, the console's last lines. It is
// made while the dead domain is still there, and kept in a file until the next domain of this name crashes.
#pragma once
#include "libparapet/hypervisor.hpp"
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace parapet {

/// What the hypervisor's log says of a crash, taken apart.
struct CrashReport {
    std::string why;
    std::vector<std::string> lines;      ///< All of it, as it stands there.
    std::vector<std::string> stack;      ///< Words, in hexadecimal.
    std::vector<std::string> hypercalls; ///< Names; the last one first.
};

/// The last report of the domain in the hypervisor's log; without lines if there is none.
CrashReport find_report(const std::string& log, DomainId domain);
std::string hypercall_name(unsigned number);
/// At most @p count lines from a text's end, without what a terminal would obey.
std::vector<std::string> last_lines(const std::string& text, std::size_t count);

/// @p console is the name under which the console daemon logs.
nlohmann::ordered_json make_card(Hypervisor& hypervisor, DomainId domain, const std::string& console);

std::string card_path(const std::string& name);
void save_card(const std::string& name, const nlohmann::ordered_json& card);

} // namespace parapet
