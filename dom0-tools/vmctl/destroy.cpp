// SPDX-License-Identifier: MIT
//
// vmctl destroy DOMAIN: ends a domain at once, as pulling the plug does.
#include "libparapet/domain_record.hpp"
#include "vmctl/verbs.hpp"

namespace vmctl {

void add_destroy(CLI::App& app, Options&)
{
    CLI::App* verb = add_verb(app, "destroy", "End a domain at once");
    auto domain = std::make_shared<std::string>();
    verb->add_option("DOMAIN", *domain, "its name, number or UUID")->required();
    verb->callback([domain] {
        parapet::Toolstack tools;
        const parapet::DomainId id = require_domain(tools, *domain);
        if (const auto info = tools.hypervisor.find(id); info && id != 0) { // before: it is not to be started again
            parapet::DomainHandle uuid{};
            std::copy(std::begin(info->handle), std::end(info->handle), uuid.begin());
            parapet::Records{}.remove(uuid);
        }
        if (!parapet::destroy_domain(tools, id))
            fmt::print(stderr, "vmctl: domain {} is still dying: another program holds its memory\n", id);
    });
}

} // namespace vmctl
