// SPDX-License-Identifier: MIT
//
// vmctl sched and locks: what part of the CPUs domains get, and what the hypervisor's locks cost.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

struct Wanted {
    std::string domain;
    std::optional<std::uint32_t> weight, cap;
};

void change(parapet::Toolstack& tools, const Wanted& w)
{
    const parapet::DomainId domain = require_domain(tools, w.domain);
    const auto info = tools.hypervisor.find(domain);
    if (!info) parapet::fail("domain {} is gone", domain);
    parapet::Share share = tools.hypervisor.share(domain);
    const std::uint32_t most = 100 * (info->max_vcpu_id + 1);
    if (w.weight && (*w.weight < 1 || *w.weight > 65535)) parapet::fail("weight {}: 1 to 65535", *w.weight);
    if (w.cap && *w.cap > most)
        parapet::fail("cap {}: the domain's virtual CPUs can use {} % of one CPU at most (0: no cap)", *w.cap, most);
    share.weight = w.weight.value_or(share.weight);
    share.cap = w.cap.value_or(share.cap);
    tools.hypervisor.set_share(domain, share);
}

void show(Options& options, parapet::Toolstack& tools, const std::string& name)
{
    Json all = Json::array();
    for_each_domain(tools, name, [&](const parapet::DomainInfo& info) {
        const parapet::Share s = tools.hypervisor.share(info.domain);
        all.push_back({{"name", parapet::domain_name(tools.store, info.domain)},
                       {"domain", info.domain},
                       {"weight", s.weight},
                       {"cap", s.cap}});
    });
    if (options.json) return print_json(all);
    fmt::print("{:<28} {:>5} {:>7} {:>5}\n", "Name", "ID", "Weight", "Cap");
    for (const Json& d : all)
        fmt::print("{:<28} {:>5} {:>7} {:>5}\n", d["name"].get<std::string>(), d["domain"].get<int>(),
                   d["weight"].get<int>(), d["cap"].get<int>());
}

const char* lock_name(std::uint64_t rank)
{
    switch (rank) { // docs/locking.md
    case 10: return "control";
    case 20: return "domain_list";
    case 30: return "domain";
    case 35: return "binding";
    case 40: return "event";
    case 45: return "pirq";
    case 50: return "grant";
    case 70: return "scheduler";
    case 80: return "timer";
    case 85: return "wallclock";
    case 90: return "memory";
    case 100: return "console";
    default: return "?";
    }
}

void show_locks(Options& options)
{
    parapet::Hypervisor hypervisor;
    const std::vector<parapet::LockUse> locks = hypervisor.locks();
    if (locks.empty()) parapet::fail("this hypervisor does not count its locks");
    Json all = Json::array();
    for (const auto& l : locks)
        all.push_back({{"rank", l.rank}, {"name", lock_name(l.rank)}, {"waits", l.waits}, {"rounds", l.rounds}});
    if (options.json) return print_json(all);
    fmt::print("{:<12} {:>4} {:>12} {:>14}\n", "Lock", "Rank", "Waited for", "Rounds spun");
    for (const auto& l : locks)
        fmt::print("{:<12} {:>4} {:>12} {:>14}\n", lock_name(l.rank), l.rank, l.waits, l.rounds);
}

} // namespace

void add_sched(CLI::App& app, Options& options)
{
    Verb verb{app, "sched", "Show or change domains' parts of the CPUs"};
    auto w = std::make_shared<Wanted>();
    verb.option("DOMAIN", w->domain, "only this one");
    verb.option("--weight", w->weight, "its part beside others': 1 to 65535, 256 by default");
    verb.option("--cap", w->cap, "most it gets, in percent of one CPU; 0: no cap");
    verb.action([&options, w] {
        parapet::Toolstack tools;
        if ((w->weight || w->cap) && w->domain.empty()) parapet::fail("--weight and --cap need a domain");
        if (w->weight || w->cap) return change(tools, *w);
        show(options, tools, w->domain);
    });
}

void add_locks(CLI::App& app, Options& options)
{
    Verb verb{app, "locks", "Show how often the hypervisor's locks were waited for"};
    verb.action([&options] { show_locks(options); });
}

} // namespace vmctl
