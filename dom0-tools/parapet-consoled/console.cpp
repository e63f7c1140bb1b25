// SPDX-License-Identifier: MIT
//
// See console.hpp.
#include "parapet-consoled/console.hpp"
#include "libparapet/domain_nodes.hpp"
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>
extern "C" {
#include <xenevtchn.h>
#include <xengnttab.h>
}

namespace consoled {
namespace {

using parapet::fail_errno;

constexpr std::size_t backlog_bytes = 16 << 10;
constexpr std::uint64_t log_bytes = 4 << 20;

/// A name fit for a file, whatever a toolstack has let through.
std::string file_name(std::string name)
{
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && std::string_view{"_-.+:"}.find(c) == std::string::npos)
            c = '_';
    if (name.empty() || name[0] == '.') name = "_" + name;
    return name.substr(0, 200);
}

std::optional<std::uint64_t> number(const std::optional<std::string>& text)
{
    if (!text || text->empty() || text->size() > 18) return std::nullopt;
    if (!std::all_of(text->begin(), text->end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
        return std::nullopt;
    return std::stoull(*text);
}

} // namespace

Kernel::Kernel() : events{xenevtchn_open(nullptr, 0)}, grants{xengnttab_open(nullptr, 0)}
{
    if (events == nullptr) fail_errno("cannot open the event channel device");
}

Kernel::~Kernel()
{
    xenevtchn_close(events);
    if (grants != nullptr) xengnttab_close(grants);
}

std::unique_ptr<Console> Console::serve(Kernel& kernel, parapet::Store& store, parapet::DomainId domain,
                                        const std::string& log_directory)
{
    const std::string path = parapet::domain_path(domain);
    const auto nodes = store.read_all({path + "/console/ring-ref", path + "/console/port", path + "/name"});
    const auto mfn = number(nodes[0]), remote = number(nodes[1]);
    if (!mfn || !remote || *remote == 0) return nullptr;
    // Only one can bind the guest's port: whoever else serves consoles has it, or we have.
    const int port = xenevtchn_bind_interdomain(kernel.events, domain, static_cast<evtchn_port_t>(*remote));
    if (port < 0) return nullptr;
    const std::string log = log_directory + "/" + file_name(parapet::domain_name(domain, nodes[2])) + ".log";
    std::unique_ptr<Console> console{new Console{kernel, domain, static_cast<std::uint32_t>(port), log}};
    console->map_ring(*mfn);
    console->open_pty();
    console->publish(store, console->tty_);
    console->drain();
    return console;
}

Console::Console(Kernel& kernel, parapet::DomainId domain, std::uint32_t port, std::string log_path)
    : kernel_{kernel}, domain_{domain}, port_{port}, log_{std::move(log_path), log_bytes}
{
}

Console::~Console()
{
    ring_.reset();
    if (granted_ != nullptr) xengnttab_unmap(kernel_.grants, granted_, 1);
    xenevtchn_unbind(kernel_.events, port_);
}

void Console::map_ring(std::uint64_t mfn)
{
    if (kernel_.grants != nullptr)
        granted_ = xengnttab_map_grant_ref(kernel_.grants, domain_, PV_GNTTAB_RESERVED_CONSOLE, PROT_READ | PROT_WRITE);
    void* base = granted_;
    if (base == nullptr) {
        mapped_ = std::make_unique<parapet::ForeignMapping>(kernel_.foreign, domain_, std::span{&mfn, 1});
        base = mapped_->as<void>();
    }
    ring_.emplace(*static_cast<pv_xencons_interface*>(base));
}

void Console::open_pty()
{
    pty_ = parapet::Descriptor{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)};
    char name[64];
    if (!pty_.valid() || ::grantpt(pty_.get()) != 0 || ::unlockpt(pty_.get()) != 0 ||
        ::ptsname_r(pty_.get(), name, sizeof name) != 0)
        fail_errno("cannot make a pty");
    tty_ = name;
    // The settings stay when this closes; after it, the master tells by POLLHUP that nobody is attached.
    const auto slave = parapet::Descriptor::open(tty_, O_RDWR | O_NOCTTY);
    termios settings{};
    if (::tcgetattr(slave.get(), &settings) != 0) fail_errno("{}", tty_);
    ::cfmakeraw(&settings);
    if (::tcsetattr(slave.get(), TCSANOW, &settings) != 0) fail_errno("{}", tty_);
}

bool Console::publish(parapet::Store& store, const std::string& tty) const
{
    bool lives = false;
    const std::string path = parapet::domain_path(domain_) + "/console";
    store.transaction([&] { // a domain that has just been destroyed gets no node again
        lives = store.exists(path + "/ring-ref");
        if (lives) store.write(path + "/tty", tty);
        return lives;
    });
    return lives;
}

void Console::withdraw(parapet::Store& store) const
{
    try {
        publish(store, "");
    } catch (const parapet::Error& e) {
        fmt::print(stderr, "parapet-consoled: domain {}: {}\n", domain_, e.what());
    }
}

void Console::notify() const { xenevtchn_notify(kernel_.events, port_); }

void Console::drain()
{
    const std::string text = ring_->take_output();
    if (ring_->nonsense() != nonsense_seen_) {
        nonsense_seen_ = ring_->nonsense();
        if (nonsense_seen_ == 1) log_.append("\r\n[parapet-consoled: the guest's ring indexes make no sense]\r\n");
    }
    if (text.empty()) return;
    notify();
    log_.append(text);
    backlog_ += text;
    if (backlog_.size() > backlog_bytes) backlog_.erase(0, backlog_.size() - backlog_bytes);
    if (attached_) write_pty();
}

void Console::write_pty()
{
    const ssize_t done = ::write(pty_.get(), backlog_.data(), backlog_.size());
    if (done > 0) backlog_.erase(0, static_cast<std::size_t>(done));
}

void Console::read_pty()
{
    char input[sizeof(pv_xencons_interface::in)];
    const ssize_t got = ::read(pty_.get(), input, std::min(sizeof input, ring_->input_room()));
    if (got <= 0) return;
    ring_->put_input({input, static_cast<std::size_t>(got)});
    notify();
}

bool Console::refill_credit()
{
    const bool was_out = credit_ == 0;
    credit_ = full_credit;
    return was_out;
}

} // namespace consoled
