// SPDX-License-Identifier: MIT
//
// parapet-consoled: keeps every guest's console flowing, into a log and to whoever attaches. It leaves alone what
// xenconsoled serves. One thread; a guest's misbehaviour ends at most the service of that guest.
#include "libparapet/domain_nodes.hpp"
#include "libparapet/hypervisor.hpp"
#include "libparapet/stop_signals.hpp"
#include "libparapet/xenstore_socket.hpp"
#include "parapet-consoled/console.hpp"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <getopt.h>
#include <map>
#include <poll.h>
#include <set>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>
extern "C" {
#include <xenevtchn.h>
}

namespace consoled {
namespace {

using parapet::DomainId;
using parapet::fail_errno;

constexpr auto interval = std::chrono::milliseconds{100}; // the time a guest's credit of events is for
constexpr auto patience = std::chrono::milliseconds{500}; // between attempts to reach xenstored

class Daemon {
public:
    explicit Daemon(std::string log_directory)
        : log_directory_{std::move(log_directory)}, openings_{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)}
    {
        if (!openings_.valid()) fail_errno("inotify");
        connect();
    }

    /// @p sleeping is the signal mask while there is nothing to do; else the stop signals are blocked.
    void run(const sigset_t& sleeping)
    {
        while (!parapet::stop_wanted())
            try {
                serve(sleeping);
            } catch (const parapet::Error& e) {
                if (e.code() != ECONNRESET && e.code() != EPIPE) throw;
                lose_store(e.what());
            }
        for (const auto& [domain, console] : consoles_)
            if (store_) console->withdraw(*store_);
    }

private:
    using Clock = std::chrono::steady_clock;
    using Consoles = std::map<DomainId, std::unique_ptr<Console>>;

    /// One round: what has come, or the next that comes.
    void serve(const sigset_t& sleeping)
    {
        if (!store_ && Clock::now() >= connect_at_) try_connect();
        std::vector<pollfd> fds = descriptors();
        const bool event = store_ && store_->event_waits();
        const timespec wait = event ? timespec{} : time_left();
        if (::ppoll(fds.data(), fds.size(), event || exhausted_ || !store_ ? &wait : nullptr, &sleeping) < 0) {
            if (errno == EINTR) return;
            fail_errno("poll");
        }
        if (exhausted_ && Clock::now() >= hear_at_) hear_again();
        if (event || (store_ && fds[0].revents != 0)) domains_changed();
        if (fds[1].revents != 0) take_event();
        if (fds[2].revents != 0) take_openings();
        for (std::size_t i = 3; i < fds.size(); ++i)
            serve_pty(fds[i]);
    }

    void connect()
    {
        const bool here = parapet::xenstored_listens();
        if (was_here_ && !here) throw parapet::Error{"xenstored does not listen", ECONNREFUSED};
        was_here_ = here;
        store_.emplace();
        store_->watch("@introduceDomain", "domains");
        store_->watch("@releaseDomain", "domains");
    }

    /// The consoles go on; who wants to attach must wait.
    void lose_store(const std::string& why)
    {
        fmt::print(stderr, "parapet-consoled: {}; waiting for it to come back\n", why);
        store_.reset();
        expected_.clear();
        connect_at_ = Clock::now() + patience;
    }

    void try_connect()
    {
        try {
            connect();
        } catch (const parapet::Error&) { // it was said when it went
            store_.reset();
            connect_at_ = Clock::now() + patience;
            return;
        }
        fmt::print(stderr, "parapet-consoled: xenstore is back\n");
        for (const auto& [domain, console] : consoles_)
            unpublished_.insert(domain); // it may be a new one, which knows nothing
        domains_changed();
    }

    [[nodiscard]] timespec time_left() const
    {
        const auto until = !store_ && (!exhausted_ || connect_at_ < hear_at_) ? connect_at_ : hear_at_;
        const auto left = std::max(std::chrono::nanoseconds{until - Clock::now()}, std::chrono::nanoseconds{0});
        return {0, std::min<long>(left.count(), 999'999'999)};
    }

    std::vector<pollfd> descriptors()
    {
        std::vector<pollfd> fds{{store_ ? store_->fd() : -1, POLLIN, 0},
                                {xenevtchn_fd(kernel_.events), POLLIN, 0},
                                {openings_.get(), POLLIN, 0}};
        for (const auto& [domain, console] : consoles_) {
            if (!console->attached()) continue; // its POLLHUP would never let us sleep
            const int events = (console->wants_to_read() ? POLLIN : 0) | (console->wants_to_write() ? POLLOUT : 0);
            fds.push_back({console->pty(), static_cast<short>(events), 0});
        }
        return fds;
    }

    void domains_changed()
    {
        while (store_->take_event()) {
        }
        std::erase_if(unpublished_, [&](DomainId domain) {
            const auto found = consoles_.find(domain);
            return found == consoles_.end() || found->second->publish(*store_);
        });
        const auto domains = hypervisor_.domains();
        const auto alive = [&](DomainId id) {
            return std::any_of(domains.begin(), domains.end(), [&](const auto& info) {
                return info.domain == id && (info.flags & PV_DOMINF_DYING) == 0;
            });
        };
        for (auto it = consoles_.begin(); it != consoles_.end();) {
            it->second->drain();
            it = alive(it->first) ? std::next(it) : drop(it);
        }
        for (const auto& info : domains)
            if (info.domain != 0 && alive(info.domain) && !consoles_.contains(info.domain)) take_up(info.domain);
        for (const auto& info : domains)
            if (info.domain != 0) expect(info.domain, alive(info.domain) && !consoles_.contains(info.domain));
        const std::set<DomainId> before = expected_;
        for (const DomainId id : before)
            if (!alive(id)) expect(id, false);
    }

    /// A toolstack may write the console's nodes only after it has introduced the domain.
    void expect(DomainId domain, bool wanted)
    {
        const std::string path = parapet::domain_path(domain) + "/console";
        if (wanted && expected_.insert(domain).second) store_->watch(path, "domains");
        if (!wanted && expected_.erase(domain) != 0) store_->unwatch(path, "domains");
    }

    Consoles::iterator drop(Consoles::iterator it)
    {
        std::erase_if(watched_, [&](const auto& entry) { return entry.second == it->first; });
        return consoles_.erase(it);
    }

    void take_up(DomainId domain)
    {
        try {
            auto console = Console::serve(kernel_, *store_, domain, log_directory_);
            if (!console) return;
            const int watch = ::inotify_add_watch(openings_.get(), console->tty().c_str(), IN_OPEN);
            if (watch < 0) fail_errno("cannot watch {}", console->tty());
            watched_[watch] = domain;
            consoles_[domain] = std::move(console);
        } catch (const parapet::Error& e) {
            fmt::print(stderr, "parapet-consoled: domain {}: {}\n", domain, e.what());
        }
    }

    void take_event()
    {
        const int port = xenevtchn_pending(kernel_.events);
        if (port < 0) return;
        const auto found = std::find_if(consoles_.begin(), consoles_.end(), [&](const auto& entry) {
            return entry.second->port() == static_cast<std::uint32_t>(port);
        });
        if (found == consoles_.end()) return;
        found->second->drain();
        if (found->second->spend_credit())
            xenevtchn_unmask(kernel_.events, static_cast<evtchn_port_t>(port));
        else if (!std::exchange(exhausted_, true))
            hear_at_ = Clock::now() + interval; // for all: another guest's noise must not bring it forward
    }

    void hear_again()
    {
        exhausted_ = false;
        for (const auto& [domain, console] : consoles_) {
            if (!console->refill_credit()) continue;
            console->drain();
            xenevtchn_unmask(kernel_.events, console->port());
        }
    }

    void take_openings()
    {
        alignas(inotify_event) char buffer[4096];
        const ssize_t got = ::read(openings_.get(), buffer, sizeof buffer);
        for (ssize_t at = 0; at < got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            const auto domain = watched_.find(event->wd);
            if (domain != watched_.end() && consoles_.contains(domain->second)) {
                consoles_[domain->second]->attach();
                consoles_[domain->second]->write_pty();
            }
            at += static_cast<ssize_t>(sizeof *event + event->len);
        }
    }

    void serve_pty(const pollfd& fd)
    {
        const auto found = std::find_if(consoles_.begin(), consoles_.end(),
                                        [&](const auto& entry) { return entry.second->pty() == fd.fd; });
        if (found == consoles_.end()) return;
        Console& console = *found->second;
        if ((fd.revents & POLLIN) != 0) console.read_pty();
        if ((fd.revents & POLLOUT) != 0) console.write_pty();
        if ((fd.revents & POLLHUP) != 0) console.detach();
    }

    std::string log_directory_;
    parapet::Descriptor openings_;
    parapet::Hypervisor hypervisor_;
    std::optional<parapet::Store> store_; ///< None while xenstored is away.
    Kernel kernel_;
    Consoles consoles_;
    std::set<DomainId> expected_;    ///< alive, not served by us: their nodes are watched
    std::set<DomainId> unpublished_; ///< served by us, not yet known to a new xenstored
    std::map<int, DomainId> watched_;
    bool exhausted_{false}, was_here_{false}; ///< Now no guest is heard; xenstored was in this domain.
    Clock::time_point hear_at_;               ///< If exhausted.
    Clock::time_point connect_at_;            ///< Without xenstore.
};

int usage(int status)
{
    fmt::print(status == 0 ? stdout : stderr, "usage: parapet-consoled [--log DIRECTORY] (default /var/log/parapet)\n");
    return status;
}

/// One daemon a machine. The lock lasts as long as the process.
parapet::Descriptor take_lock()
{
    auto lock = parapet::Descriptor::open("/run/parapet-consoled.lock", O_RDWR | O_CREAT, 0600);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) parapet::fail("another parapet-consoled is running");
    return lock;
}

} // namespace
} // namespace consoled

int main(int argc, char** argv)
{
    const option options[] = {{"log", required_argument, nullptr, 'l'}, {"help", no_argument, nullptr, 'h'}, {}};
    std::string log = "/var/log/parapet";
    for (int c = 0; (c = ::getopt_long(argc, argv, "l:h", options, nullptr)) != -1;) {
        if (c == 'h') return consoled::usage(0);
        if (c != 'l') return consoled::usage(2);
        log = optarg;
    }
    if (optind != argc) return consoled::usage(2);
    try {
        const sigset_t sleeping = parapet::catch_stop_signals();
        const auto lock = consoled::take_lock();
        parapet::make_directories(log, 0755);
        consoled::Daemon{log}.run(sleeping);
    } catch (const std::exception& e) {
        fmt::print(stderr, "parapet-consoled: {}\n", e.what());
        return 1;
    }
    return 0;
}
