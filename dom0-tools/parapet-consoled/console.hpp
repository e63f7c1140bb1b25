// SPDX-License-Identifier: MIT
//
// One domain's console: its ring, its event channel, its log and its pty. What the guest writes always goes to the log
// and never waits for a reader; who attaches to the pty first gets the latest screenfuls.
#pragma once
#include "libparapet/console_ring.hpp"
#include "libparapet/files.hpp"
#include "libparapet/foreign.hpp"
#include "libparapet/log_file.hpp"
#include "libparapet/xenstore.hpp"
#include <memory>
#include <optional>

struct xenevtchn_handle;
struct xengntdev_handle;

namespace consoled {

/// What all consoles share.
struct Kernel {
    Kernel();
    ~Kernel();
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    xenevtchn_handle* events;
    xengntdev_handle* grants;
    parapet::ForeignMemory foreign;
};

class Console {
public:
    /// Nothing when another daemon serves this domain, or it has no console (yet). What an earlier daemon has left in
    /// xenstore does not count.
    static std::unique_ptr<Console> serve(Kernel& kernel, parapet::Store& store, parapet::DomainId domain,
                                          const std::string& log_directory);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    [[nodiscard]] std::uint32_t port() const { return port_; }
    [[nodiscard]] int pty() const { return pty_.get(); }
    [[nodiscard]] const std::string& tty() const { return tty_; }
    [[nodiscard]] bool attached() const { return attached_; }
    [[nodiscard]] bool wants_to_write() const { return attached_ && !backlog_.empty(); }
    [[nodiscard]] bool wants_to_read() const { return attached_ && ring_->input_room() != 0; }

    /// The guest has rung: take its output.
    void drain();
    /// Says in xenstore where the pty is; false if the domain has no console there.
    bool publish(parapet::Store& store) const { return publish(store, tty_); }
    /// The domain lives on without us: its pty goes, and its number may soon be another's.
    void withdraw(parapet::Store& store) const;
    void attach() { attached_ = true; }
    void detach() { attached_ = false; }
    void read_pty();
    void write_pty();

    /// A guest that rings too often is heard again only when the next interval begins.
    bool spend_credit() { return credit_ != 0 && --credit_ != 0; }
    bool refill_credit();

private:
    static constexpr unsigned full_credit = 400;

    Console(Kernel& kernel, parapet::DomainId domain, std::uint32_t port, std::string log_path);
    void map_ring(std::uint64_t mfn);
    void open_pty();
    bool publish(parapet::Store& store, const std::string& tty) const;
    void notify() const;

    Kernel& kernel_;
    parapet::DomainId domain_;
    std::uint32_t port_;
    void* granted_{nullptr};
    std::unique_ptr<parapet::ForeignMapping> mapped_;
    std::optional<parapet::ConsoleRing> ring_;
    parapet::LogFile log_;
    parapet::Descriptor pty_;
    std::string tty_;
    std::string backlog_;
    bool attached_{false};
    unsigned credit_{full_credit};
    unsigned nonsense_seen_{0};
};

} // namespace consoled
