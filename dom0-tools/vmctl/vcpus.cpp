// SPDX-License-Identifier: MIT
//
// vmctl vcpu-list and vcpu-pin: where vCPUs are, and where they may be.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

/// @p flags are the domain's: what keeps all of its vCPUs from running comes first.
const char* state_of(std::uint32_t flags, const pv_domctl_getvcpuinfo& v)
{
    if (v.online == 0) return "offline";
    if ((flags & (PV_DOMINF_DYING | PV_DOMINF_SHUTDOWN)) != 0) return "shut down";
    if ((flags & PV_DOMINF_PAUSED) != 0) return "paused";
    return v.running != 0 ? "running" : v.blocked != 0 ? "blocked" : "ready";
}

Json describe(parapet::Toolstack& tools, const parapet::DomainInfo& info, const pv_domctl_getvcpuinfo& v)
{
    const std::size_t cpus = tools.hypervisor.physinfo().nr_cpus;
    const parapet::Affinity a = tools.hypervisor.affinity(info.domain, v.vcpu);
    return {{"name", parapet::domain_name(tools.store, info.domain)},
            {"domain", info.domain},
            {"vcpu", v.vcpu},
            {"cpu", v.online != 0 ? Json(v.cpu) : Json()},
            {"state", state_of(info.flags, v)},
            {"cpu_seconds", static_cast<double>(v.cpu_time) / 1e9},
            {"hard_affinity", parapet::format_cpus(a.hard, cpus)},
            {"soft_affinity", parapet::format_cpus(a.soft, cpus)}};
}

void list(Options& options, const std::string& name)
{
    parapet::Toolstack tools;
    Json all = Json::array();
    for_each_domain(tools, name, [&](const parapet::DomainInfo& info) {
        for (std::uint32_t i = 0; i <= info.max_vcpu_id; ++i)
            if (const auto v = tools.hypervisor.vcpu(info.domain, i)) all.push_back(describe(tools, info, *v));
    });
    if (options.json) return print_json(all);
    fmt::print("{:<28} {:>5} {:>4} {:>4}  {:<9} {:>9}  {} / {}\n", "Name", "ID", "VCPU", "CPU", "State", "CPU s",
               "may run on", "should");
    for (const Json& v : all)
        fmt::print("{:<28} {:>5} {:>4} {:>4}  {:<9} {:>9.1f}  {} / {}\n", v["name"].get<std::string>(),
                   v["domain"].get<int>(), v["vcpu"].get<int>(), v["cpu"].is_null() ? "-" : v["cpu"].dump(),
                   v["state"].get<std::string>(), v["cpu_seconds"].get<double>(), v["hard_affinity"].get<std::string>(),
                   v["soft_affinity"].get<std::string>());
}

/// All of the domain's vCPUs, or the one named.
std::vector<std::uint32_t> require_vcpus(parapet::Toolstack& tools, parapet::DomainId domain, const std::string& which)
{
    std::vector<std::uint32_t> all;
    const auto info = tools.hypervisor.find(domain);
    for (std::uint32_t i = 0; info && i <= info->max_vcpu_id; ++i)
        if (tools.hypervisor.vcpu(domain, i)) all.push_back(i);
    if (which == "all") return all;
    for (const std::uint32_t i : all)
        if (std::to_string(i) == which) return {i};
    parapet::fail("there is no vCPU '{}': the domain has {}", which, all.size());
}

struct Pin {
    std::string domain, vcpu, hard, soft;
};

void pin(const Pin& p)
{
    parapet::Toolstack tools;
    const std::size_t cpus = tools.hypervisor.physinfo().nr_cpus;
    const parapet::DomainId domain = require_domain(tools, p.domain);
    const parapet::Affinity wanted{parapet::parse_cpus(p.hard, cpus),
                                   parapet::parse_cpus(p.soft.empty() ? "all" : p.soft, cpus)};
    for (const std::uint32_t v : require_vcpus(tools, domain, p.vcpu))
        tools.hypervisor.set_affinity(domain, v, wanted);
}

} // namespace

void add_vcpu_list(CLI::App& app, Options& options)
{
    Verb verb{app, "vcpu-list", "List virtual CPUs and where they run"};
    auto domain = std::make_shared<std::string>();
    verb.option("DOMAIN", *domain, "only this one's");
    verb.action([&options, domain] { list(options, *domain); });
}

void add_vcpu_pin(CLI::App& app, Options&)
{
    Verb verb{app, "vcpu-pin", "Say where virtual CPUs may run"};
    auto p = std::make_shared<Pin>();
    verb.required("DOMAIN", p->domain, "its name, number or UUID");
    verb.required("VCPU", p->vcpu, "a number, or all");
    verb.required("CPUS", p->hard, "where it may run: for example 0,2-3, or all");
    verb.option("SOFT", p->soft, "where it should run, if it can");
    verb.action([p] { pin(*p); });
}

} // namespace vmctl
