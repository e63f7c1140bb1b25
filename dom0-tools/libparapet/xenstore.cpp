// SPDX-License-Identifier: MIT
//
// See xenstore.hpp. The daemon answers the requests of a connection in their order; events come in between.
#include "libparapet/xenstore.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
extern "C" {
#include <xen/io/xs_wire.h>
#include <xenstore_lib.h>
}

namespace parapet {
namespace {

constexpr std::size_t most_together = 16 << 10;
constexpr int patience_ms = 10'000; // with a daemon behind the kernel, which tells nobody that there is none

std::string terminated(const std::string& text) { return {text.c_str(), text.size() + 1}; }

/// Texts that each end in a zero byte.
std::vector<std::string> split(const std::string& body)
{
    std::vector<std::string> words;
    for (std::size_t at = 0, end = 0; (end = body.find('\0', at)) != std::string::npos; at = end + 1)
        words.push_back(body.substr(at, end - at));
    return words;
}

int error_number(const std::string& body)
{
    for (const auto& known : xsd_errors)
        if (body.c_str() == std::string_view{known.errstring}) return known.errnum;
    return EINVAL;
}

Descriptor connect_to(const char* path)
{
    sockaddr_un address{AF_UNIX, {}};
    if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return Descriptor{};
    std::strcpy(address.sun_path, path);
    Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid() || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return Descriptor{};
    return socket;
}

std::string permissions(unsigned owner, unsigned other, Access access)
{
    constexpr char letters[] = {'n', 'r', 'w', 'b'};
    std::string text = terminated(fmt::format("n{}", owner));
    if (owner != other) text += terminated(fmt::format("{}{}", letters[static_cast<unsigned>(access)], other));
    return text;
}

/// Waits for more.
void receive(const Descriptor& from, std::string& in)
{
    char part[8192];
    const ssize_t got = ::read(from.get(), part, sizeof part);
    if (got < 0 && errno == EINTR) return;
    if (got == 0) errno = ECONNRESET;
    if (got <= 0) fail_errno("xenstore: the connection is lost");
    in.append(part, static_cast<std::size_t>(got));
}

/// How many messages, without the events, are there whole.
std::size_t answers_in(std::string_view in)
{
    std::size_t count = 0;
    for (xsd_sockmsg head; in.size() >= sizeof head; in.remove_prefix(sizeof head + head.len)) {
        std::memcpy(&head, in.data(), sizeof head);
        if (head.len > XENSTORE_PAYLOAD_MAX) return count + 1; // parse() will not like it
        if (in.size() < sizeof head + head.len) break;
        count += head.type == XS_WATCH_EVENT ? 0 : 1;
    }
    return count;
}

} // namespace

Store::Store() : connection_{connect_to(xs_daemon_socket())}
{
    if (connection_.valid()) return;
    const int error = errno;
    device_ = true; // the daemon is in another domain
    connection_ = Descriptor{::open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC)};
    errno = error;
    if (!connection_.valid()) fail_errno("cannot reach xenstore (is xenstored running?)");
}

void Store::send(Request request, const std::string& body)
{
    const xsd_sockmsg head{request.type, 0, transaction_, static_cast<std::uint32_t>(body.size())};
    if (body.size() > XENSTORE_PAYLOAD_MAX) throw Error{fmt::format("{}: it is too long", request.what), E2BIG};
    out_.append(reinterpret_cast<const char*>(&head), sizeof head);
    out_ += body;
    sent_.push_back(std::move(request));
    if (device_ || out_.size() > most_together) flush();
    while (device_ && answers_in(in_) < sent_.size()) { // the device takes one request at a time
        pollfd ready{connection_.get(), POLLIN, 0};
        if (::poll(&ready, 1, patience_ms) == 0) fail("xenstore does not answer (is xenstored running?)");
        receive(connection_, in_);
    }
}

void Store::flush()
{
    for (std::string_view rest = out_; !rest.empty();) {
        const ssize_t done = device_ ? ::write(connection_.get(), rest.data(), rest.size())
                                     : ::send(connection_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail_errno("xenstore: the connection is lost");
        rest.remove_prefix(static_cast<std::size_t>(done));
    }
    out_.clear();
}

/// The next message among what has been read that is no event; those before it go to the queue.
std::optional<Store::Message> Store::parse()
{
    for (xsd_sockmsg head; in_.size() >= sizeof head;) {
        std::memcpy(&head, in_.data(), sizeof head);
        if (head.len > XENSTORE_PAYLOAD_MAX) fail("xenstore answers with {} bytes", head.len);
        if (in_.size() < sizeof head + head.len) break;
        Message message{head.type, in_.substr(sizeof head, head.len), 0};
        in_.erase(0, sizeof head + head.len);
        if (head.type == XS_ERROR) message.error = error_number(message.body);
        if (head.type != XS_WATCH_EVENT) return message;
        const auto words = split(message.body);
        events_.push_back(words.size() > XS_WATCH_TOKEN ? words[XS_WATCH_TOKEN] : "");
    }
    return std::nullopt;
}

std::optional<Store::Message> Store::next(bool wait)
{
    for (;;) {
        if (auto message = parse()) return message;
        pollfd ready{connection_.get(), POLLIN, 0};
        if (!wait && ::poll(&ready, 1, 0) <= 0) return std::nullopt;
        receive(connection_, in_);
    }
}

/// Hears all answers that are due. What is no error is what was asked for, or was allowed to fail.
std::vector<Store::Message> Store::settle()
{
    flush();
    std::vector<Message> answers;
    std::optional<Error> refused;
    while (!sent_.empty()) {
        Message message = *next(true);
        const Request request = std::move(sent_.front());
        sent_.pop_front();
        if (message.error == 0 && message.type != request.type)
            fail("xenstore: cannot {}: the answer is to something else", request.what);
        if (message.error != 0 && !request.allows(message.error) && !refused)
            refused.emplace(fmt::format("xenstore: cannot {}: {}", request.what, std::strerror(message.error)),
                            message.error);
        answers.push_back(std::move(message));
    }
    // Events that came with the last answer: fd() will not tell of them.
    if (parse()) fail("xenstore answers what was not asked");
    if (refused) throw *refused;
    return answers;
}

void Store::act(Request request, const std::string& body)
{
    send(std::move(request), body);
    if (!together_) settle();
}

Store::Message Store::ask(Request request, const std::string& body)
{
    settle();
    send(std::move(request), body);
    return std::move(settle().front());
}

std::optional<std::string> Store::read(const std::string& path) { return read_all({path})[0]; }

std::vector<std::optional<std::string>> Store::read_all(const std::vector<std::string>& paths)
{
    settle();
    for (const std::string& path : paths)
        send({XS_READ, "read " + path, ENOENT, 0}, terminated(path));
    std::vector<std::optional<std::string>> values;
    for (Message& message : settle())
        values.push_back(message.error == 0 ? std::optional{std::move(message.body)} : std::nullopt);
    return values;
}

std::vector<std::string> Store::list(const std::string& path)
{
    const Message message = ask({XS_DIRECTORY, "list " + path, E2BIG, ENOENT}, terminated(path));
    if (message.error == E2BIG) return list_in_parts(path);
    return message.error == 0 ? split(message.body) : std::vector<std::string>{};
}

/// A list longer than a message: pieces of it, all of the same state of the node.
std::vector<std::string> Store::list_in_parts(const std::string& path)
{
    std::string generation;
    std::vector<std::string> names;
    for (std::size_t offset = 0;;) {
        const Message message = ask({XS_DIRECTORY_PART, "list " + path, ENOENT, 0},
                                    terminated(path) + terminated(fmt::format("{}", offset)));
        auto words = split(message.body);
        if (message.error != 0 || words.empty()) return {};
        if (words[0] != generation) { // the first piece, or the node has changed
            generation = words[0];
            names.clear();
            if (std::exchange(offset, 0) != 0) continue;
        }
        const bool last = words.size() == 1 || words.back().empty();
        if (last && words.size() > 1) words.pop_back();
        names.insert(names.end(), words.begin() + 1, words.end());
        if (last) return names;
        offset += message.body.size() - words[0].size() - 1;
    }
}

void Store::write(const std::string& path, const std::string& value)
{
    act({XS_WRITE, "write " + path, 0, 0}, terminated(path) + value);
}

void Store::write(const std::string& path, const std::string& value, unsigned owner, unsigned other, Access access)
{
    write(path, value);
    permit(path, owner, other, access);
}

void Store::permit(const std::string& path, unsigned owner, unsigned other, Access access)
{
    act({XS_SET_PERMS, "set the permissions of " + path, 0, 0}, terminated(path) + permissions(owner, other, access));
}

void Store::remove(const std::string& path) { act({XS_RM, "remove " + path, ENOENT, 0}, terminated(path)); }

bool Store::exists(const std::string& path) { return read(path).has_value(); }

void Store::introduce(unsigned domain, std::uint64_t mfn, std::uint32_t port)
{
    act({XS_INTRODUCE, fmt::format("take domain {} up", domain), 0, 0}, terminated(fmt::format("{}", domain)) +
                                                                            terminated(fmt::format("{}", mfn)) +
                                                                            terminated(fmt::format("{}", port)));
}

void Store::release(unsigned domain)
{
    act({XS_RELEASE, fmt::format("let domain {} go", domain), ENOENT, 0}, terminated(fmt::format("{}", domain)));
}

void Store::watch(const std::string& path, const std::string& token)
{
    act({XS_WATCH, "watch " + path, 0, 0}, terminated(path) + terminated(token));
}

void Store::unwatch(const std::string& path, const std::string& token)
{
    act({XS_UNWATCH, "stop watching " + path, ENOENT, 0}, terminated(path) + terminated(token));
}

std::optional<std::string> Store::take_event()
{
    if (events_.empty() && next(false)) fail("xenstore answers what was not asked");
    if (events_.empty()) return std::nullopt;
    std::string token = std::move(events_.front());
    events_.pop_front();
    return token;
}

void Store::batch(const std::function<void()>& work)
{
    together_ = true;
    try {
        work();
    } catch (...) {
        together_ = false;
        try {
            settle();
        } catch (const Error&) { // the first failure is the one to tell
        }
        throw;
    }
    together_ = false;
    settle();
}

void Store::transaction(const std::function<bool()>& work)
{
    for (;;) {
        const Message started = ask({XS_TRANSACTION_START, "start a transaction", 0, 0}, terminated(""));
        transaction_ = static_cast<std::uint32_t>(std::strtoul(started.body.c_str(), nullptr, 10));
        const auto end = [&](const char* how) {
            send({XS_TRANSACTION_END, "end a transaction", EAGAIN, 0}, terminated(how));
            transaction_ = 0;
            return settle().back().error == 0;
        };
        bool wanted = false;
        try {
            wanted = work();
        } catch (...) {
            try {
                end("F");
            } catch (const Error&) { // the first failure is the one to tell
            }
            throw;
        }
        if (end(wanted ? "T" : "F")) return;
    }
}

} // namespace parapet
