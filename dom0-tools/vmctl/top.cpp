// SPDX-License-Identifier: MIT
//
// vmctl top: what every vCPU did in each interval. Redraws on a terminal until interrupted; elsewhere prints one table,
// or one JSON object, an interval.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

namespace vmctl {
namespace {

using Key = std::pair<parapet::DomainId, std::uint32_t>;
struct Reading {
    std::chrono::steady_clock::time_point at;
    std::map<Key, parapet::VcpuTimes> vcpus;
};

Reading read(parapet::Toolstack& tools, const std::vector<parapet::DomainInfo>& domains)
{
    Reading r{std::chrono::steady_clock::now(), {}};
    for (const auto& info : domains)
        for (std::uint32_t i = 0; i <= info.max_vcpu_id; ++i)
            if (const auto t = tools.hypervisor.vcpu_times(info.domain, i)) r.vcpus[{info.domain, i}] = *t;
    if (r.vcpus.empty()) parapet::fail("this hypervisor does not tell what vCPUs do");
    return r;
}

Json row(const parapet::VcpuTimes& before, const parapet::VcpuTimes& after, double seconds)
{
    const auto percent = [seconds](std::uint64_t from, std::uint64_t to) {
        return static_cast<double>(to - from) / 1e7 / seconds;
    };
    return {{"cpu_percent", percent(before.running, after.running)},
            {"ready_percent", percent(before.ready, after.ready)},
            {"blocked_percent", percent(before.blocked, after.blocked)},
            {"events", after.events - before.events},
            {"table_updates", after.table_updates - before.table_updates}};
}

Json compare(parapet::Toolstack& tools, const std::vector<parapet::DomainInfo>& domains, const Reading& before,
             const Reading& after)
{
    const double seconds = std::chrono::duration<double>(after.at - before.at).count();
    auto names = parapet::domain_names(tools.store, domains);
    Json all = Json::array();
    for (const auto& info : domains) {
        Json vcpus = Json::array();
        double cpu = 0;
        for (std::uint32_t i = 0; i <= info.max_vcpu_id; ++i) {
            const auto b = before.vcpus.find({info.domain, i}), a = after.vcpus.find({info.domain, i});
            if (b == before.vcpus.end() || a == after.vcpus.end()) continue;
            vcpus.push_back(row(b->second, a->second, seconds));
            vcpus.back()["vcpu"] = i;
            cpu += vcpus.back()["cpu_percent"].get<double>();
        }
        all.push_back({{"name", names[info.domain]},
                       {"domain", info.domain},
                       {"memory_mib", info.tot_pages / 256},
                       {"cpu_percent", cpu},
                       {"vcpus", vcpus}});
    }
    return {{"seconds", seconds}, {"domains", all}};
}

void print(const Json& all)
{
    if (isatty(STDOUT_FILENO) != 0) fmt::print("\033[H\033[J");
    fmt::print("{:<24} {:>4} {:>8} {:>7} {:>7} {:>8} {:>9} {:>9}\n", "Name", "VCPU", "MiB", "CPU %", "ready %",
               "blocked %", "events", "PT upd.");
    for (const Json& d : all["domains"]) {
        fmt::print("{:<24} {:>4} {:>8} {:>7.1f}\n", d["name"].get<std::string>(), "", d["memory_mib"].get<int>(),
                   d["cpu_percent"].get<double>());
        for (const Json& v : d["vcpus"])
            fmt::print("{:<24} {:>4} {:>8} {:>7.1f} {:>7.1f} {:>8.1f} {:>9} {:>9}\n", "", v["vcpu"].get<int>(), "",
                       v["cpu_percent"].get<double>(), v["ready_percent"].get<double>(),
                       v["blocked_percent"].get<double>(), v["events"].get<std::uint64_t>(),
                       v["table_updates"].get<std::uint64_t>());
    }
}

struct Wanted {
    double interval{2};
    bool once{false};
};

void run(const Options& options, const Wanted& w)
{
    parapet::Toolstack tools;
    Reading before = read(tools, tools.hypervisor.domains());
    for (bool more = true; more; more = !w.once) {
        std::this_thread::sleep_for(std::chrono::duration<double>(w.interval));
        const auto domains = tools.hypervisor.domains();
        Reading after = read(tools, domains);
        const Json all = compare(tools, domains, before, after);
        if (options.json)
            print_json(all);
        else
            print(all);
        if (std::fflush(stdout) != 0) parapet::fail_errno("cannot write");
        before = std::move(after);
    }
}

} // namespace

void add_top(CLI::App& app, Options& options)
{
    Verb verb{app, "top", "Show what every virtual CPU does"};
    auto w = std::make_shared<Wanted>();
    verb.option("--interval", w->interval, "seconds between two looks", 0.1, 3600.0);
    verb.flag("--once", w->once, "one interval, then end");
    verb.action([&options, w] { run(options, *w); });
}

} // namespace vmctl
