// SPDX-License-Identifier: MIT
//
// vmctl destroy DOMAIN: ends a domain at once, as pulling the plug does.
#include "vmctl/life_verbs.hpp"

namespace vmctl {

void add_destroy(CLI::App& app, Options&)
{
    Verb verb{app, "destroy", "End a domain at once"};
    auto domain = std::make_shared<std::string>();
    verb.required("DOMAIN", *domain, "its name, number or UUID");
    verb.action([domain] {
        parapet::Toolstack tools;
        destroy_for_good(tools, require_domain(tools, *domain));
    });
}

} // namespace vmctl
