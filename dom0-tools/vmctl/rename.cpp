// SPDX-License-Identifier: MIT
//
// vmctl rename DOMAIN NAME: what a domain is called, also after it is started again.
#include "libparapet/create_lock.hpp"
#include "libparapet/domain_nodes.hpp"
#include "vmctl/life_verbs.hpp"

namespace vmctl {
namespace {

void rename(const std::string& which, const std::string& name)
{
    parapet::check_name(name);
    parapet::Toolstack tools;
    const parapet::FileLock lock{parapet::create_lock}; // nobody takes the name meanwhile
    const parapet::DomainId id = require_domain(tools, which);
    if (id == 0) parapet::fail("domain 0 cannot be renamed");
    if (const auto other = parapet::find_domain(tools, name))
        parapet::fail("a domain with the name '{}' is already there (number {})", name, *other);
    const std::string path = parapet::domain_path(id);
    tools.store.transaction([&] {
        const auto vm = tools.store.read(path + "/vm");
        tools.store.write(path + "/name", name);
        if (vm && vm->starts_with("/vm/")) tools.store.write(*vm + "/name", name);
        return true;
    });
}

} // namespace

void add_rename(CLI::App& app, Options&)
{
    Verb verb{app, "rename", "Give a domain another name"};
    auto domain = std::make_shared<std::string>(), name = std::make_shared<std::string>();
    verb.required("DOMAIN", *domain, "its name, number or UUID");
    verb.required("NAME", *name, "letters, digits and _-.+:");
    verb.action([domain, name] { rename(*domain, *name); });
}

} // namespace vmctl
