// SPDX-License-Identifier: MIT
//
// vmctl shutdown DOMAIN | --all [-r] [-w] [--timeout N] [--force]: asks guests to power off or to reboot, and may wait
// until they did.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/life_verbs.hpp"

namespace vmctl {
namespace {

struct Arguments {
    std::string domain;
    bool all{false}, reboot{false}, wait{false}, force{false};
    unsigned timeout{120};
};

std::vector<parapet::DomainId> meant(parapet::Toolstack& tools, const Arguments& a)
{
    if (a.all != a.domain.empty()) misused("shutdown needs either DOMAIN or --all");
    if (!a.all) return {require_domain(tools, a.domain)};
    std::vector<parapet::DomainId> domains;
    for (const auto& info : tools.hypervisor.domains())
        if (info.domain != 0 && (info.flags & (PV_DOMINF_SHUTDOWN | PV_DOMINF_DYING)) == 0)
            domains.push_back(info.domain);
    return domains;
}

/// What fails for one domain must not keep the others up: it is said, and the first is thrown at the end.
class Failures {
public:
    template <typename Act> bool none(Act act)
    {
        try {
            act();
            return true;
        } catch (const parapet::Error& e) {
            if (first_) fmt::print(stderr, "vmctl: {}\n", e.what());
            if (!first_) first_ = e;
            return false;
        }
    }
    void tell() const
    {
        if (first_) throw *first_;
    }

private:
    std::optional<parapet::Error> first_;
};

void shutdown(const Arguments& a)
{
    parapet::Toolstack tools;
    const auto domains = meant(tools, a);
    const Deadline end = in_seconds(a.timeout);
    Failures failures;
    for (const parapet::DomainId id : domains) {
        const auto ask = [&] { ask_to_end(tools, id, a.reboot ? "reboot" : "poweroff"); };
        a.force ? (void)Failures{}.none(ask) : (void)failures.none(ask); // who cannot hear is destroyed
    }
    for (const parapet::DomainId id : domains) {
        if (!a.wait && !a.force) break;
        const auto info = tools.hypervisor.find(id);
        if (!info || (info->flags & PV_DOMINF_PAUSED) != 0) continue;
        const auto wait = [&] { wait_for_end(tools, id, end, a.timeout); };
        a.force ? (void)Failures{}.none(wait) : (void)failures.none(wait);
    }
    for (const parapet::DomainId id : domains)
        if (const auto info = tools.hypervisor.find(id); a.force && info && (info->flags & PV_DOMINF_SHUTDOWN) == 0)
            failures.none([&] {
                fmt::print(stderr, "vmctl: domain {} did not end within {} s; it is destroyed\n", id, a.timeout);
                destroy_for_good(tools, id);
            });
    failures.tell();
}

} // namespace

void add_shutdown(CLI::App& app, Options&)
{
    Verb verb{app, "shutdown", "Ask a domain to power off"};
    auto a = std::make_shared<Arguments>();
    verb.option("DOMAIN", a->domain, "its name, number or UUID");
    verb.flag("-a,--all", a->all, "all domains but domain 0");
    verb.flag("-r,--reboot", a->reboot, "to reboot instead");
    verb.flag("-w,--wait", a->wait, "return once it is down");
    verb.option("--timeout", a->timeout, "how many seconds to wait (120)");
    verb.flag("--force", a->force, "wait, and destroy what is still up then");
    verb.action([a] { shutdown(*a); });
}

} // namespace vmctl
