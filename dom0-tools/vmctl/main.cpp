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

const char* shutdown_reason(std::uint32_t flags)
{
    constexpr const char* reasons[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset"};
    const std::uint32_t reason = flags >> PV_DOMINF_SHUTDOWNSHIFT & PV_DOMINF_SHUTDOWNMASK;
    return reason < std::size(reasons) ? reasons[reason] : "unknown";
}

namespace {

/// CLI11 alone would say of an unknown verb only that one is missing.
void check_verb(const CLI::App& app, std::span<char*> words)
{
    std::vector<std::string> names;
    for (const CLI::App* known : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(known->get_name());
    const auto verb = std::find_if(words.begin(), words.end(), [](const char* word) { return word[0] != '-'; });
    if (verb == words.end() || std::find(names.begin(), names.end(), *verb) != names.end()) return;
    const std::string meant = parapet::closest(*verb, names);
    parapet::fail("there is no verb '{}' (vmctl --help names them){}", *verb,
                  meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
}

} // namespace
} // namespace vmctl

int main(int argc, char** argv)
{
    CLI::App app{"Control the domains of a Parapet (or Xen) machine.", "vmctl"};
    vmctl::Options options;
    app.add_flag("--json", options.json, "print JSON");
    app.require_subcommand(1);
    vmctl::add_create(app, options);
    vmctl::add_list(app, options);
    vmctl::add_info(app, options);
    vmctl::add_console(app, options);
    vmctl::add_shutdown(app, options);
    vmctl::add_destroy(app, options);
    vmctl::add_pause(app, options);
    vmctl::add_unpause(app, options);
    vmctl::add_dmesg(app, options);
    vmctl::add_check(app, options);
    vmctl::add_audit(app, options);
    vmctl::add_vcpus(app, options);
    vmctl::add_vcpu_set(app, options);
    vmctl::add_vcpu_context(app, options);
    vmctl::add_sched(app, options);
    vmctl::add_top(app, options);
    try {
        vmctl::check_verb(app, std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
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
