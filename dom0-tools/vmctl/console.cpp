// SPDX-License-Identifier: MIT
//
// vmctl console DOMAIN: a terminal on the guest's console. The console daemon owns the ring; this relays its pty.
#include "libparapet/domain_nodes.hpp"
#include "libparapet/files.hpp"
#include "libparapet/interrupt.hpp"
#include "vmctl/verbs.hpp"
#include <chrono>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace vmctl {
namespace {

constexpr char leave_key = 0x1d; // Ctrl-]
constexpr auto console_patience = std::chrono::seconds{3};

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

/// Appends what is there; false at the end.
bool take(int fd, std::string& text)
{
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    text.append(buffer, static_cast<std::size_t>(got));
    return true;
}

/// What was typed and waits for a guest that may not read: it must not keep us from hearing Ctrl-].
class Typed {
public:
    explicit Typed(int pty) : pty_{pty} {}
    /// False when the typing has ended, by Ctrl-] or the end of the input.
    bool hear()
    {
        std::string text;
        if (!take(STDIN_FILENO, text)) return false;
        const std::size_t end = text.find(leave_key);
        pending_.append(text, 0, std::min(end, most_pending - std::min(most_pending, pending_.size())));
        send();
        left_ = end != std::string::npos;
        return !left_;
    }
    void send()
    {
        const ssize_t done = pending_.empty() ? 0 : ::write(pty_, pending_.data(), pending_.size());
        if (done > 0) pending_.erase(0, static_cast<std::size_t>(done));
    }
    [[nodiscard]] bool waiting() const { return !pending_.empty(); }
    [[nodiscard]] bool left() const { return left_; }

private:
    static constexpr std::size_t most_pending = 64 << 10;
    int pty_;
    std::string pending_;
    bool left_{false};
};

std::string tty_path(parapet::DomainId domain) { return parapet::domain_path(domain) + "/console/tty"; }

std::string tty_of(parapet::Store& store, parapet::DomainId domain)
{
    return store.read(tty_path(domain)).value_or("");
}

} // namespace

bool wait_for_console(parapet::Store& store, parapet::DomainId domain)
{
    using Clock = std::chrono::steady_clock;
    if (!tty_of(store, domain).empty()) return true;
    parapet::Store own; // whose events nobody else waits for; asking again and again would keep all others waiting
    own.watch(tty_path(domain), "tty");
    const auto end = Clock::now() + console_patience;
    for (;;) {
        while (own.take_event()) {
        }
        if (!tty_of(own, domain).empty()) return true;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        if (left <= 0) return false;
        pollfd fd{own.fd(), POLLIN, 0};
        if (!own.event_waits() && ::poll(&fd, 1, static_cast<int>(left)) < 0 && errno != EINTR)
            parapet::fail_errno("poll");
    }
}

void attach_console(parapet::Store& store, parapet::DomainId domain)
{
    if (!wait_for_console(store, domain))
        parapet::fail("domain {} has no console yet: is parapet-consoled (or xenconsoled) running?", domain);
    const auto pty = parapet::Descriptor::open(tty_of(store, domain), O_RDWR | O_NOCTTY | O_NONBLOCK);
    const parapet::SignalGuard guard; // a signal ends us only after the terminal is as it was
    const RawTerminal guest{pty.get()};
    const RawTerminal here{STDIN_FILENO};
    pollfd fds[2] = {{pty.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (Typed typed{pty.get()}; !parapet::interrupted();) {
        fds[0].events = typed.waiting() ? POLLIN | POLLOUT : POLLIN;
        if (const int ready = ::poll(fds, 2, 500); ready <= 0) {
            if (ready < 0 && errno != EINTR) parapet::fail_errno("poll");
            continue;
        }
        if ((fds[0].revents & POLLOUT) != 0) typed.send();
        std::string shown;
        if ((fds[0].revents & ~POLLOUT) != 0 && !take(pty.get(), shown)) return;
        parapet::write_all(STDOUT_FILENO, shown);
        if (fds[1].revents == 0 || typed.hear()) continue;
        if (typed.left() || ::isatty(STDIN_FILENO) != 0) { // what follows is no longer the guest's
            if (::isatty(STDOUT_FILENO) != 0) parapet::write_all(STDOUT_FILENO, std::string{"\r\n"});
            return;
        }
        fds[1].fd = -1; // the end of a script's input does not end the console
    }
}

void add_console(CLI::App& app, Options&)
{
    Verb verb{app, "console", "Attach to a domain's console (Ctrl-] leaves)"};
    auto domain = std::make_shared<std::string>();
    verb.required("DOMAIN", *domain, "its name, number or UUID");
    verb.action([domain] {
        parapet::Toolstack tools;
        const parapet::DomainId id = require_domain(tools, *domain);
        if (id == 0) parapet::fail("domain 0's console is the machine's own, its serial line or screen");
        attach_console(tools.store, id);
    });
}

} // namespace vmctl
