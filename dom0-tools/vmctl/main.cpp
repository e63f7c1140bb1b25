// SPDX-License-Identifier: MIT
//
// vmctl: control of the domains of this machine. Exit status 0, or 1 with one line on standard error.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"

namespace vmctl {

CLI::App* add_verb(CLI::App& app, const char* name, const char* help)
{
    CLI::App* verb = app.add_subcommand(name, help);
    verb->fallthrough();
    return verb;
}

void print_json(const Json& value) { fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace)); }

parapet::DomainId require_domain(parapet::Toolstack& tools, const std::string& name)
{
    if (const auto found = parapet::find_domain(tools, name)) return *found;
    std::vector<std::string> names;
    for (const auto& info : tools.hypervisor.domains())
        names.push_back(parapet::domain_name(tools.store, info.domain));
    const std::string meant = parapet::closest(name, names);
    parapet::fail("there is no domain '{}'{}", name, meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
}

namespace {

struct Verb {
    const char* name;
    void (*add)(CLI::App&, Options&);
};
constexpr Verb verbs[] = {
    {"create", add_create},     {"list", add_list},         {"info", add_info},
    {"console", add_console},   {"shutdown", add_shutdown}, {"destroy", add_destroy},
    {"pause", add_pause},       {"unpause", add_unpause},   {"dmesg", add_dmesg},
    {"check", add_check},       {"audit", add_audit},       {"vcpu-list", add_vcpu_list},
    {"vcpu-pin", add_vcpu_pin}, {"vcpu-set", add_vcpu_set}, {"vcpu-context", add_vcpu_context},
    {"sched", add_sched},       {"locks", add_locks},       {"top", add_top},
};

/// Adds the verb that is meant; all when it does not come first, for the help. Of an unknown verb, CLI11 alone would
/// say only that one is missing.
void add_verbs(CLI::App& app, Options& options, std::span<char*> words)
{
    const auto word = std::find_if(words.begin(), words.end(), [](const char* w) { return w[0] != '-'; });
    const std::string wanted = word == words.end() ? "" : *word;
    std::vector<std::string> names;
    for (const Verb& verb : verbs) {
        names.emplace_back(verb.name);
        if (word != words.begin() || wanted == verb.name) verb.add(app, options);
    }
    for (const std::string_view option : words.first(word - words.begin()))
        if (option != "--json" && option != "--help" && option != "-h")
            parapet::fail("there is no option '{}' (vmctl --help names them)", option);
    if (word == words.end() || std::find(names.begin(), names.end(), wanted) != names.end()) return;
    const std::string meant = parapet::closest(wanted, names);
    parapet::fail("there is no verb '{}' (vmctl --help names them){}", wanted,
                  meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
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
        vmctl::add_verbs(app, options, std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
        app.parse(argc, argv);
        if (std::fflush(stdout) != 0) parapet::fail_errno("cannot write");
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 1;
    } catch (const parapet::ConfigError& e) {
        fmt::print(stderr, "{}\n", e.what()); // starts with file:line:column
        return 1;
    } catch (const std::exception& e) {
        fmt::print(stderr, "vmctl: {}\n", e.what());
        return 1;
    }
    return 0;
}
