// SPDX-License-Identifier: MIT
//
// vmctl console DOMAIN: a terminal on the guest's console. The console daemon owns the ring; this relays its pty.
#include "libparapet/domain_nodes.hpp"
#include "libparapet/files.hpp"
#include "vmctl/verbs.hpp"
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace vmctl {
namespace {

constexpr char leave_key = 0x1d; // Ctrl-]

/// Puts a terminal into raw mode and back.
class RawTerminal {
public:
    explicit RawTerminal(int fd) : fd_{fd}, changed_{::tcgetattr(fd, &before_) == 0}
    {
        if (!changed_) return;
        termios raw = before_;
        ::cfmakeraw(&raw);
        ::tcsetattr(fd_, TCSAFLUSH, &raw);
    }
    ~RawTerminal()
    {
        if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

private:
    int fd_;
    termios before_{};
    bool changed_;
};

/// Copies what is there; false at the end of the input (or on Ctrl-] where that counts).
bool relay(int from, int to, char leave)
{
    char buffer[4096];
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    std::span<const char> data{buffer, static_cast<std::size_t>(got)};
    const auto end = leave == 0 ? data.end() : std::find(data.begin(), data.end(), leave);
    parapet::write_all(to, std::as_bytes(data.first(static_cast<std::size_t>(end - data.begin()))));
    return end == data.end();
}

std::string tty_of(parapet::Store& store, parapet::DomainId domain)
{
    return store.read(parapet::domain_path(domain) + "/console/tty").value_or("");
}

} // namespace

bool wait_for_console(parapet::Store& store, parapet::DomainId domain)
{
    for (int i = 0; i < 200; ++i) {
        if (!tty_of(store, domain).empty()) return true;
        ::usleep(5'000);
    }
    return false;
}

void attach_console(parapet::Store& store, parapet::DomainId domain)
{
    if (!wait_for_console(store, domain))
        parapet::fail("domain {} has no console yet: is parapet-consoled (or xenconsoled) running?", domain);
    const auto pty = parapet::Descriptor::open(tty_of(store, domain), O_RDWR | O_NOCTTY);
    const RawTerminal guest{pty.get()};
    const RawTerminal here{STDIN_FILENO};
    pollfd fds[2] = {{pty.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        if (::poll(fds, 2, -1) < 0 && errno != EINTR) parapet::fail_errno("poll");
        if (fds[0].revents != 0 && !relay(pty.get(), STDOUT_FILENO, 0)) return;
        // the end of a script's input does not end the console
        if (fds[1].revents != 0 && !relay(STDIN_FILENO, pty.get(), leave_key)) {
            if (::isatty(STDIN_FILENO) != 0) return;
            fds[1].fd = -1;
        }
    }
}

void add_console(CLI::App& app, Options&)
{
    CLI::App* verb = add_verb(app, "console", "Attach to a domain's console (Ctrl-] leaves)");
    auto domain = std::make_shared<std::string>();
    verb->add_option("DOMAIN", *domain, "its name, number or UUID")->required();
    verb->callback([domain] {
        parapet::Toolstack tools;
        attach_console(tools.store, require_domain(tools, *domain));
    });
}

} // namespace vmctl
