// SPDX-License-Identifier: MIT
//
// See domain_events.hpp.
#include "libparapet/domain_events.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/end_policy.hpp"
#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

namespace parapet {
namespace {

using Json = nlohmann::ordered_json;

const DomainState* find(const DomainStates& states, const DomainState& wanted)
{
    const auto found =
        std::find_if(states.begin(), states.end(), [&](const auto& s) { return s.domain == wanted.domain; });
    return found == states.end() ? nullptr : &*found;
}

DomainEvent event(const char* what, const DomainState& s) { return {what, s.domain, s.uuid, s.name}; }

DomainEvent end_of(const DomainState& s)
{
    DomainEvent e = event(s.reason == "crash" ? "crashed" : "shutdown", s);
    e.reason = s.reason;
    return e;
}

std::string now()
{
    char stamp[32];
    const std::time_t time = std::time(nullptr);
    tm parts{};
    std::strftime(stamp, sizeof stamp, "%FT%T%z", ::localtime_r(&time, &parts));
    return stamp;
}

} // namespace

DomainStates look_at_domains(Toolstack& tools)
{
    const std::vector<DomainInfo> domains = tools.hypervisor.domains();
    std::vector<std::string> paths;
    for (const DomainInfo& info : domains)
        paths.push_back(domain_path(info.domain) + "/name");
    const auto names = tools.store.read_all(paths);
    DomainStates states;
    for (std::size_t i = 0; i < domains.size(); ++i) {
        const DomainInfo& info = domains[i];
        if (info.domain == 0) continue;
        DomainState s{info.domain, {}, names[i].value_or("")};
        std::copy(std::begin(info.handle), std::end(info.handle), s.uuid.begin());
        s.dying = (info.flags & PV_DOMINF_DYING) != 0;
        s.paused = (info.flags & PV_DOMINF_PAUSED) != 0;
        s.shut_down = (info.flags & PV_DOMINF_SHUTDOWN) != 0;
        if (s.shut_down) s.reason = shutdown_reason(info.flags);
        states.push_back(std::move(s));
    }
    return states;
}

std::vector<DomainEvent> changes(const DomainStates& before, DomainStates& after)
{
    std::vector<DomainEvent> events;
    for (const DomainState& s : before)
        if (!s.name.empty() && find(after, s) == nullptr) events.push_back(event("destroyed", s));
    for (DomainState& s : after) {
        const DomainState* const old = find(before, s);
        if (s.name.empty() && old != nullptr) s.name = old->name;
        if (s.name.empty()) continue;
        if (old == nullptr || old->name.empty()) events.push_back(event("created", s));
        if (s.shut_down && (old == nullptr || !old->shut_down)) events.push_back(end_of(s));
    }
    return events;
}

Json to_json(const DomainEvent& e)
{
    Json j{{"time", now()}, {"event", e.what}, {"name", e.name}, {"domain", e.domain}, {"uuid", uuid_text(e.uuid)}};
    if (!e.reason.empty()) j["reason"] = e.reason;
    if (!e.detail.empty()) j["detail"] = e.detail;
    return j;
}

std::string describe(const Json& e)
{
    std::string text = fmt::format("{}  {} (domain {})  {}", e.value("time", ""), e.value("name", ""),
                                   e.value("domain", 0U), e.value("event", ""));
    if (const std::string reason = e.value("reason", ""); !reason.empty()) text += ": " + reason;
    if (const std::string detail = e.value("detail", ""); !detail.empty()) text += "; " + detail;
    return printable(text);
}

} // namespace parapet
