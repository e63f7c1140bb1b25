// SPDX-License-Identifier: MIT
//
// vmctl create FILE [key=value...] [-c] [--paused]: builds a domain, tells how long each step took, and starts it.
#include "libparapet/attendance.hpp"
#include "libparapet/domain_record.hpp"
#include "libparapet/interrupt.hpp"
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace vmctl {
namespace {

struct Arguments {
    std::string file;
    std::vector<std::string> overrides;
    bool console{false}, paused{false}, no_monitor{false};
};

/// What parapet-lifed needs to act on the domain's end; nothing is left of it when the domain does not come to be.
void write_record(const parapet::NewDomain& domain, const parapet::DomainConfig& config,
                  const parapet::ConfigSource& source, const Arguments& a)
{
    parapet::DomainRecord record;
    record.uuid = config.uuid;
    record.name = config.name;
    record.source = source;
    record.rings = domain.rings;
    record.started = parapet::boot_seconds();
    record.watched = !a.no_monitor;
    const parapet::Records records;
    records.remove(record.uuid); // an attach that met the end of a domain of this UUID may have left its devices there
    records.write(record);
}

/// Builds and starts the domain. Whatever fails on the way leaves none behind.
parapet::DomainId start(parapet::Toolstack& tools, const parapet::DomainConfig& config,
                        const parapet::ConfigSource& source, parapet::Steps& steps, const Arguments& a)
{
    const auto domain = parapet::create_domain(tools, config, steps);
    write_record(*domain, config, source, a);
    try {
        if (!a.paused) parapet::start(tools, domain->id());
    } catch (const parapet::Error&) {
        parapet::Records{}.remove(config.uuid);
        throw;
    }
    domain->keep();
    return domain->id();
}

void warn_of_missing_daemons(const std::string& name, bool served, const Arguments& a)
{
    if (!served)
        fmt::print(stderr,
                   "vmctl: no console daemon serves '{}': start parapet-consoled, or the guest stalls once its "
                   "console is full\n",
                   name);
    if (!a.no_monitor && !parapet::is_attended())
        fmt::print(stderr,
                   "vmctl: parapet-lifed does not run: until it is started, nobody acts on the end of '{}' "
                   "(on_poweroff, on_reboot, on_crash, on_watchdog)\n",
                   name);
}

void create(const Options& options, const Arguments& a)
{
    const auto source = parapet::read_config_source(a.file, a.overrides);
    const auto config = parapet::interpret(source, parapet::FileCheck::readable);
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
    const parapet::DomainId domain = start(tools, config, source, steps, a);
    guard.reset(); // from here on it lives, whatever becomes of us
    const bool served = wait_for_console(tools.store, domain);
    steps.done(served ? "console served" : "no console daemon answered");
    warn_of_missing_daemons(config.name, served, a);
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
    Verb verb{app, "create", "Create a domain from an xl.cfg file"};
    auto a = std::make_shared<Arguments>();
    verb.required("FILE", a->file, "the configuration");
    verb.option("SETTING", a->overrides, "key=value, in place of what the file says");
    verb.flag("-c,--console", a->console, "attach to its console");
    verb.flag("-p,--paused", a->paused, "leave it paused");
    verb.flag("--no-monitor", a->no_monitor, "have parapet-lifed leave its end alone (on_poweroff, ...)");
    verb.action([&options, a] { create(options, *a); });
}

} // namespace vmctl
