// SPDX-License-Identifier: MIT
//
// The process that stays with a domain and does what its configuration says once it shuts down. It holds nothing of
// the domain's; when it is killed, the domain only stays where it is.
#include "libparapet/domain_nodes.hpp"
#include "libparapet/files.hpp"
#include "libparapet/interrupt.hpp"
#include "libparapet/log_file.hpp"
#include "vmctl/verbs.hpp"
#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace vmctl {
namespace {

using parapet::OnEnd;

constexpr auto shortest_life = std::chrono::seconds{5};
constexpr unsigned most_short_lives = 5;

parapet::LogFile log{"/var/log/parapet-monitor.log", 1 << 20}; // not beside the guests' logs: one may be called monitor

template <typename... Args> void note(fmt::format_string<Args...> text, Args&&... args)
{
    char stamp[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(stamp, sizeof stamp, "%F %T", std::localtime(&now));
    log.append(fmt::format("{} {}\n", stamp, fmt::format(text, std::forward<Args>(args)...)));
    if (log.fd() >= 0) ::dup2(log.fd(), STDERR_FILENO); // what a library prints goes there, too
}

/// Waits until the domain shuts down (its flags) or is gone (nothing).
std::optional<std::uint32_t> wait_for_end(parapet::Toolstack& tools, parapet::DomainId id,
                                          const parapet::DomainConfig& c)
{
    for (;;) {
        while (tools.store.take_event()) {
        }
        const auto info = tools.hypervisor.find(id);
        const bool ours = info && std::equal(c.uuid.begin(), c.uuid.end(), info->handle);
        if (!ours || (info->flags & PV_DOMINF_DYING) != 0) return std::nullopt;
        if ((info->flags & PV_DOMINF_SHUTDOWN) != 0) return info->flags;
        if (tools.store.event_waits()) continue;
        pollfd fd{tools.store.fd(), POLLIN, 0};
        if (::poll(&fd, 1, -1) < 0 && errno != EINTR) parapet::fail_errno("poll");
    }
}

OnEnd action_for(const parapet::DomainConfig& c, const std::string& reason)
{
    if (reason == "poweroff") return c.on_poweroff;
    if (reason == "reboot") return c.on_reboot;
    return reason == "suspend" ? OnEnd::preserve : c.on_crash;
}

/// The old domain keeps its memory for a look at it, under another name and UUID.
void set_aside(parapet::Toolstack& tools, parapet::DomainId id, const std::string& name)
{
    tools.hypervisor.set_handle(id, parapet::random_uuid());
    for (unsigned n = 1;; ++n) {
        const std::string other = fmt::format("{}-{}", name, n);
        if (!parapet::find_domains(tools.store, other).empty()) continue;
        tools.store.write(parapet::domain_path(id) + "/name", other);
        return;
    }
}

parapet::DomainId start_again(parapet::Toolstack& tools, const parapet::DomainConfig& c)
{
    parapet::Steps steps{[](const parapet::Step&) {}};
    const parapet::SignalGuard guard;
    const auto domain = parapet::create_domain(tools, c, steps);
    wait_for_console(tools.store, domain->id());
    tools.hypervisor.unpause(domain->id());
    domain->keep();
    return domain->id();
}

void watch_over(const parapet::DomainConfig& c, parapet::DomainId id)
{
    using Clock = std::chrono::steady_clock;
    parapet::Toolstack tools;
    tools.store.watch("@releaseDomain", "release");
    unsigned short_lives = 0;
    for (;;) {
        const auto start = Clock::now();
        const auto flags = wait_for_end(tools, id, c);
        if (!flags) return;
        const std::string reason = shutdown_reason(*flags);
        OnEnd action = action_for(c, reason);
        short_lives = Clock::now() - start < shortest_life ? short_lives + 1 : 0;
        const bool again = action == OnEnd::restart || action == OnEnd::rename_restart;
        if (short_lives == most_short_lives && again) {
            note("{}: it ended {} times right after its start; it is not started again", c.name, short_lives);
            action = action == OnEnd::restart ? OnEnd::destroy : OnEnd::preserve;
        }
        note("{} (domain {}): {}, so {}", c.name, id, reason, parapet::name(action));
        if (action == OnEnd::preserve) return;
        if (action == OnEnd::rename_restart)
            set_aside(tools, id, c.name);
        else if (!parapet::destroy_domain(tools, id))
            note("{} (domain {}) is still dying", c.name, id);
        if (action == OnEnd::destroy) return;
        id = start_again(tools, c);
        note("{} is domain {} now", c.name, id);
    }
}

void become_daemon(const std::string& name, parapet::DomainId id)
{
    ::close_range(STDERR_FILENO + 1, ~0U, 0); // a lock or pipe of the caller's must not last as long as the domain
    const auto null = parapet::Descriptor::open("/dev/null", O_RDWR);
    ::setsid();
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
    if (::chdir("/") != 0) parapet::fail_errno("/");
    note("{} is domain {}", name, id); // the caller is told when there can be no log
    if (log.fd() < 0) ::dup2(null.get(), STDERR_FILENO);
}

} // namespace

void start_monitor(const parapet::DomainConfig& config, parapet::DomainId domain)
{
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) parapet::fail_errno("cannot start the domain's monitor");
    if (child != 0) return;
    try {
        parapet::SignalGuard::forget();
        become_daemon(config.name, domain);
        watch_over(config, domain);
    } catch (const std::exception& e) {
        note("{} (domain {}): {}", config.name, domain, e.what());
        std::_Exit(1);
    }
    std::_Exit(0);
}

} // namespace vmctl
