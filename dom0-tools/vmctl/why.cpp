// SPDX-License-Identifier: MIT
//
// vmctl why NAME: how a domain ended. Of a crash: registers, stack, hypercalls and the console's last lines, from the
// dead domain if it was preserved, else from the card that parapet-lifed kept.
#include "libparapet/crash_card.hpp"
#include "libparapet/domain_events.hpp"
#include "libparapet/end_policy.hpp"
#include "vmctl/life_verbs.hpp"
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

std::optional<Json> saved_card(const std::string& name)
{
    if (name.find('/') != std::string::npos) return std::nullopt;
    std::ifstream file{parapet::card_path(name)};
    if (!file) return std::nullopt;
    const Json card = Json::parse(file, nullptr, false);
    if (!card.is_object()) parapet::fail("{} is damaged", parapet::card_path(name));
    return card;
}

/// Of one that has crashed and is still there.
std::optional<Json> card_of(parapet::Toolstack& tools, const std::string& name)
{
    const auto id = parapet::find_domain(tools, name);
    if (!id || *id == 0) return std::nullopt;
    const auto info = tools.hypervisor.find(*id);
    if (!info || (info->flags & PV_DOMINF_SHUTDOWN) == 0) return std::nullopt;
    const std::string reason = parapet::shutdown_reason(info->flags);
    if (reason != "crash" && reason != "watchdog") return std::nullopt;
    const std::string called = parapet::domain_name(tools.store, *id);
    if (auto kept = saved_card(called); kept && kept->value("domain", 0) == *id) return kept;
    parapet::DomainEvent event{"crashed", *id, uuid_of(*info), called, reason, "it is still there"};
    Json card = parapet::to_json(event);
    card.update(parapet::make_card(tools.hypervisor, *id, called));
    return card;
}

/// The last event of this name that tells of an end, from the journal.
std::optional<Json> last_end(const std::string& name)
{
    std::optional<Json> last;
    for (const char* path : {"/var/log/parapet-events.log.1", "/var/log/parapet-events.log"}) {
        std::ifstream file{path};
        for (std::string line; std::getline(file, line);) {
            const Json e = Json::parse(line, nullptr, false);
            if (!e.is_object() || e.value("name", "") != name) continue;
            const std::string what = e.value("event", "");
            if (what != "created" && (what != "destroyed" || !last)) last = e;
        }
    }
    return last;
}

void show_lines(const char* title, const Json& lines)
{
    if (lines.empty()) return;
    fmt::print("{}:\n", title);
    for (const auto& line : lines)
        fmt::print("  {}\n", parapet::printable(line.get<std::string>()));
}

void show_card(const Json& card)
{
    fmt::print("{}\n", parapet::describe(card));
    if (const std::string why = card.value("why", ""); !why.empty()) fmt::print("it {}\n", parapet::printable(why));
    for (const Json& vcpu : card.value("vcpus", Json::array())) {
        fmt::print("vCPU {} ({} mode):\n", vcpu.value("vcpu", 0), vcpu.value("kernel", true) ? "kernel" : "user");
        unsigned column = 0;
        for (const auto& [reg, value] : vcpu.at("registers").items())
            fmt::print("  {:<7} {}{}", reg, value.get<std::string>(), ++column % 3 == 0 ? "\n" : " ");
        if (column % 3 != 0) fmt::print("\n");
    }
    const Json stack = card.value("stack", Json::array());
    if (!stack.empty()) fmt::print("stack: {}\n", fmt::join(stack.get<std::vector<std::string>>(), " "));
    const Json calls = card.value("hypercalls", Json::array());
    if (!calls.empty())
        fmt::print("hypercalls, the last one first: {}\n", fmt::join(calls.get<std::vector<std::string>>(), " "));
    show_lines("console", card.value("console", Json::array()));
    show_lines("hypervisor", card.value("hypervisor", Json::array()));
    if (stack.empty()) fmt::print("the hypervisor's log (vmctl dmesg) has no report of it\n");
}

void why(const Options& options, const std::string& name)
{
    parapet::Toolstack tools;
    auto card = card_of(tools, name);
    const auto end = card ? std::nullopt : last_end(name);
    if (!card) card = saved_card(name);
    if (card && options.json) return print_json(*card);
    if (card) show_card(*card);
    if (!card && end && options.json) return print_json(*end);
    if (end && (!card || end->value("time", "") > card->value("time", ""))) fmt::print("{}\n", parapet::describe(*end));
    if (card || end) return;
    const bool lives = parapet::find_domain(tools, name).has_value();
    throw parapet::Error{fmt::format("{}'{}': no end of it is known", lives ? "" : "there is no domain ", name),
                         ENOENT};
}

} // namespace

void add_why(CLI::App& app, Options& options)
{
    Verb verb{app, "why", "Show how a domain ended: the crash card"};
    auto name = std::make_shared<std::string>();
    verb.required("DOMAIN", *name, "its name, also when it is gone");
    verb.action([&options, name] { why(options, *name); });
}

} // namespace vmctl
