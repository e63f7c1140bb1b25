// SPDX-License-Identifier: MIT
//
// vmctl: control of the domains of this machine. What fails says so in one line on standard error, and by the exit
// status. `vmctl --generate man|completion` makes documentation of the template on its standard input, at build time.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/life_verbs.hpp"
#include "vmctl/manual.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>

namespace vmctl {

parapet::DomainId require_domain(parapet::Toolstack& tools, const std::string& name)
{
    if (const auto found = parapet::find_domain(tools, name)) return *found;
    std::vector<std::string> names;
    for (const auto& info : tools.hypervisor.domains())
        names.push_back(parapet::domain_name(tools.store, info.domain));
    const std::string meant = parapet::closest(name, names);
    throw parapet::Error{
        fmt::format("there is no domain '{}'{}", name, meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)),
        ESRCH};
}

namespace {

struct Entry {
    const char* name;
    void (*add)(CLI::App&, Options&);
};
constexpr Entry verbs[] = {
    {"create", add_create},
    {"check", add_check},
    {"list", add_list},
    {"info", add_info},
    {"console", add_console},
    {"shutdown", add_shutdown},
    {"reboot", add_reboot},
    {"destroy", add_destroy},
    {"pause", add_pause},
    {"unpause", add_unpause},
    {"rename", add_rename},
    {"mem-set", add_mem_set},
    {"mem-max", add_mem_max},
    {"events", add_events},
    {"why", add_why},
    {"autostart", add_autostart},
    {"dmesg", add_dmesg},
    {"audit", add_audit},
    {"vcpu-list", add_vcpu_list},
    {"vcpu-pin", add_vcpu_pin},
    {"vcpu-set", add_vcpu_set},
    {"vcpu-context", add_vcpu_context},
    {"sched", add_sched},
    {"top", add_top},
    {"locks", add_locks},
    {"disk-attach", add_disk_attach},
    {"disk-detach", add_disk_detach},
    {"disk-list", add_disk_list},
    {"net-attach", add_net_attach},
    {"net-detach", add_net_detach},
    {"net-list", add_net_list},
};

/// Adds the verb that is meant; all when it does not come first, for the help. Of an unknown verb, CLI11 alone would
/// say only that one is missing.
void add_verbs(CLI::App& app, Options& options, std::span<char*> words)
{
    const auto word = std::find_if(words.begin(), words.end(), [](const char* w) { return w[0] != '-'; });
    const std::string wanted = word == words.end() ? "" : *word;
    std::vector<std::string> names;
    for (const Entry& verb : verbs) {
        names.emplace_back(verb.name);
        if (word != words.begin() || wanted == verb.name) verb.add(app, options);
    }
    for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        verb->footer(explanation(verb->get_name()));
    for (const std::string_view option : words.first(word - words.begin()))
        if (option != "--json" && option != "--help" && option != "-h")
            throw CLI::ParseError{fmt::format("there is no option '{}' (vmctl --help names them)", option),
                                  CLI::ExitCodes::ExtrasError};
    if (word == words.end() || std::find(names.begin(), names.end(), wanted) != names.end()) return;
    const std::string meant = parapet::closest(wanted, names);
    throw CLI::ParseError{fmt::format("there is no verb '{}' (vmctl --help names them){}", wanted,
                                      meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)),
                          CLI::ExitCodes::ExtrasError};
}

int make_document(CLI::App& app, Options& options, const std::string& kind)
{
    for (const Entry& verb : verbs)
        verb.add(app, options);
    const std::string pattern{std::istreambuf_iterator<char>{std::cin}, {}};
    fmt::print("{}", generate(app, kind, pattern));
    return std::fflush(stdout) == 0 ? 0 : 1;
}

/// In one line, and in other words than CLI11's where those say too little.
std::string complaint(const CLI::App*, const CLI::Error& e)
{
    constexpr std::string_view unconverted = "Could not convert: ";
    std::string what = e.what();
    if (what.starts_with(unconverted)) what = what.substr(unconverted.size()) + " is no number that fits there";
    std::replace(what.begin(), what.end(), '\n', ' ');
    return fmt::format("vmctl: {} (--help tells more)\n", what);
}

} // namespace
} // namespace vmctl

int main(int argc, char** argv)
{
    CLI::App app{"Control the domains of a Parapet (or Xen) machine.", "vmctl"};
    vmctl::Options options;
    app.add_flag("--json", options.json, "print JSON");
    app.require_subcommand(1);
    app.failure_message(vmctl::complaint);
    try {
        const std::span words{argv, static_cast<std::size_t>(argc)};
        if (argc == 3 && words[1] == std::string_view{"--generate"})
            return vmctl::make_document(app, options, words[2]);
        vmctl::add_verbs(app, options, words.subspan(1));
        app.parse(argc, argv);
        if (std::fflush(stdout) != 0) parapet::fail_errno("cannot write");
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : static_cast<int>(vmctl::Exit::usage);
    } catch (const parapet::ConfigError& e) {
        fmt::print(stderr, "{}\n", e.what()); // starts with file:line:column
        return static_cast<int>(vmctl::exit_status(e));
    } catch (const std::exception& e) {
        fmt::print(stderr, "vmctl: {}\n", e.what());
        return static_cast<int>(vmctl::exit_status(e));
    }
    return 0;
}
