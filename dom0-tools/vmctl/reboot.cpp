// SPDX-License-Identifier: MIT
//
// vmctl reboot DOMAIN [-w] [--timeout N]: asks a guest to reboot, and may wait until it was started again.
#include "libparapet/attendance.hpp"
#include "libparapet/domain_nodes.hpp"
#include "vmctl/life_verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

struct Arguments {
    std::string domain;
    bool wait{false};
    unsigned timeout{120};
};

/// The domain that runs under this UUID, with another number.
std::optional<parapet::DomainId> successor(parapet::Toolstack& tools, const parapet::DomainHandle& uuid,
                                           parapet::DomainId before)
{
    for (const auto& info : tools.hypervisor.domains())
        if (info.domain != before && uuid_of(info) == uuid &&
            (info.flags & (PV_DOMINF_SHUTDOWN | PV_DOMINF_DYING | PV_DOMINF_PAUSED)) == 0)
            return info.domain;
    return std::nullopt;
}

parapet::DomainId wait_for_return(parapet::Toolstack& tools, const parapet::DomainHandle& uuid,
                                  parapet::DomainId before, const Arguments& a)
{
    const parapet::Records records;
    const Deadline end = in_seconds(a.timeout);
    wait_for_end(tools, before, end, a.timeout);
    std::optional<parapet::DomainId> now;
    const bool over = wait_until(end, [&] {
        now = successor(tools, uuid, before);
        const auto record = records.find(uuid);
        return now || !record || record->settled;
    });
    if (!now) now = successor(tools, uuid, before);
    if (now) return *now;
    if (over)
        parapet::fail("'{}' went down and was not started again: `vmctl events` and `vmctl why {}` tell more", a.domain,
                      a.domain);
    throw parapet::Error{fmt::format("'{}' went down and was not started again within {} s", a.domain, a.timeout),
                         ETIMEDOUT};
}

void reboot(Options& options, const Arguments& a)
{
    parapet::Toolstack tools;
    const parapet::DomainId id = require_domain(tools, a.domain);
    const auto info = tools.hypervisor.find(id);
    if (a.wait && id != 0) {
        if (!parapet::is_attended())
            parapet::fail("nobody would start '{}' again: parapet-lifed does not run", a.domain);
        const auto record = info ? parapet::Records{}.find(uuid_of(*info)) : std::nullopt;
        if (!record || !record->watched)
            parapet::fail("nobody would start '{}' again: it was not created by vmctl, or with --no-monitor", a.domain);
    }
    ask_to_end(tools, id, "reboot");
    if (!a.wait || !info) return;
    const parapet::DomainId now = wait_for_return(tools, uuid_of(*info), id, a);
    if (options.json)
        print_json({{"before", id}, {"domain", now}});
    else
        fmt::print("'{}' is domain {}\n", a.domain, now);
}

} // namespace

void add_reboot(CLI::App& app, Options& options)
{
    Verb verb{app, "reboot", "Ask a domain to reboot"};
    auto a = std::make_shared<Arguments>();
    verb.required("DOMAIN", a->domain, "its name, number or UUID");
    verb.flag("-w,--wait", a->wait, "return once it was started again");
    verb.option("--timeout", a->timeout, "how many seconds to wait (120)");
    verb.action([&options, a] { reboot(options, *a); });
}

} // namespace vmctl
