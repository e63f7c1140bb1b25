// SPDX-License-Identifier: MIT
//
// vmctl events [-f]: what happened to domains, from parapet-lifed's journal; or what happens, as it does, for which
// nobody else is needed.
#include "libparapet/domain_events.hpp"
#include "libparapet/interrupt.hpp"
#include "vmctl/life_verbs.hpp"
#include <fstream>
#include <nlohmann/json.hpp>
#include <poll.h>

namespace vmctl {
namespace {

constexpr const char* journal = "/var/log/parapet-events.log"; // and .1, the older part

void show(const Options& options, const Json& event)
{
    fmt::print("{}\n",
               options.json ? event.dump(-1, ' ', false, Json::error_handler_t::replace) : parapet::describe(event));
    if (std::fflush(stdout) != 0) parapet::fail_errno("cannot write");
}

/// False when there is no such file.
bool show_file(const Options& options, const std::string& path)
{
    std::ifstream file{path};
    if (!file) return false;
    for (std::string line; std::getline(file, line);)
        if (const Json event = Json::parse(line, nullptr, false); event.is_object()) show(options, event);
    return true;
}

void follow(const Options& options)
{
    parapet::Toolstack tools;
    tools.store.watch("@introduceDomain", "domains");
    tools.store.watch("@releaseDomain", "domains");
    parapet::DomainStates before = parapet::look_at_domains(tools);
    for (;;) {
        if (!tools.store.event_waits()) {
            pollfd fd{tools.store.fd(), POLLIN, 0};
            if (::poll(&fd, 1, -1) < 0 && errno != EINTR) parapet::fail_errno("poll");
        }
        while (tools.store.take_event()) {
        }
        parapet::DomainStates now = parapet::look_at_domains(tools);
        for (const auto& event : parapet::changes(before, now))
            show(options, parapet::to_json(event));
        before = std::move(now);
    }
}

} // namespace

void add_events(CLI::App& app, Options& options)
{
    Verb verb{app, "events", "Show what happened to domains"};
    auto go_on = std::make_shared<bool>(false);
    verb.flag("-f,--follow", *go_on, "what happens from now on, as it does");
    verb.action([&options, go_on] {
        if (*go_on) return follow(options);
        const bool older = show_file(options, fmt::format("{}.1", journal)), newer = show_file(options, journal);
        if (!older && !newer)
            throw parapet::Error{fmt::format("there is no {}: parapet-lifed never ran here", journal), ENOENT};
    });
}

} // namespace vmctl
