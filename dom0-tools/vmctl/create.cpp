// SPDX-License-Identifier: MIT
//
// vmctl create FILE [key=value...] [-c] [--paused]: builds a domain, tells how long each step took, and starts it.
#include "libparapet/interrupt.hpp"
#include "vmctl/verbs.hpp"
#include <unistd.h>

namespace vmctl {
namespace {

struct Arguments {
    std::string file;
    std::vector<std::string> overrides;
    bool console{false}, paused{false}, no_monitor{false};
};

/// Builds and starts the domain. Whatever fails on the way leaves none behind.
parapet::DomainId start(parapet::Toolstack& tools, const parapet::DomainConfig& config, parapet::Steps& steps,
                        const Arguments& a)
{
    const auto domain = parapet::create_domain(tools, config, steps);
    if (!a.no_monitor) start_monitor(config, domain->id());
    if (!a.paused) tools.hypervisor.unpause(domain->id());
    domain->keep();
    return domain->id();
}

void create(const Options& options, const Arguments& a)
{
    const auto config = parapet::read_domain_config(a.file, a.overrides, parapet::FileCheck::readable);
    for (const std::string& warning : config.warnings)
        fmt::print(stderr, "{}\n", warning);

    std::optional<parapet::SignalGuard> guard{std::in_place};
    Json report{{"name", config.name}, {"steps", Json::array()}};
    if (!options.json) fmt::print("Creating '{}' from {}\n", config.name, a.file);
    std::fflush(stdout);
    parapet::Steps steps{[&](const parapet::Step& s) {
        if (options.json)
            report["steps"].push_back({{"what", s.what}, {"seconds", s.seconds}});
        else
            fmt::print("  {:8.3f} s  {}\n", s.seconds, s.what);
        std::fflush(stdout);
    }};
    parapet::Toolstack tools;
    const parapet::DomainId domain = start(tools, config, steps, a);
    guard.reset(); // from here on it lives, whatever becomes of us
    const bool served = wait_for_console(tools.store, domain);
    steps.done(served ? "console served" : "no console daemon answered");
    if (!served)
        fmt::print(stderr,
                   "vmctl: no console daemon serves '{}': start parapet-consoled, or the guest stalls once its "
                   "console is full\n",
                   config.name);
    report["domain"] = domain;
    report["seconds"] = steps.total();
    if (options.json)
        print_json(report);
    else
        fmt::print("'{}' is domain {}{}, after {:.3f} s\n", config.name, domain, a.paused ? " (paused)" : "",
                   steps.total());
    std::fflush(stdout);
    if (a.console) attach_console(tools.store, domain);
}

} // namespace

void add_create(CLI::App& app, Options& options)
{
    CLI::App* verb = add_verb(app, "create", "Create a domain from an xl.cfg file");
    auto a = std::make_shared<Arguments>();
    verb->add_option("FILE", a->file, "the configuration")->required();
    verb->add_option("SETTING", a->overrides, "key=value, in place of what the file says");
    verb->add_flag("-c,--console", a->console, "attach to its console");
    verb->add_flag("-p,--paused", a->paused, "leave it paused");
    verb->add_flag("--no-monitor", a->no_monitor, "leave nobody behind who acts on its end (on_poweroff, ...)");
    verb->callback([&options, a] { create(options, *a); });
}

} // namespace vmctl
