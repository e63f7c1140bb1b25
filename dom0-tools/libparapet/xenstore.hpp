// SPDX-License-Identifier: MIT
//
// xenstore by its wire protocol: reads answer nothing where a node is missing, writes throw. One connection, one
// thread. Requests that do not wait for each other's answers (batch(), read_all()) travel together: of a request alone,
// two process switches are most of the cost.
#pragma once
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace parapet {

enum class Access : unsigned { none, read, write, both };

class Store {
public:
    Store();

    std::optional<std::string> read(const std::string& path);
    std::vector<std::optional<std::string>> read_all(const std::vector<std::string>& paths);
    std::vector<std::string> list(const std::string& path);
    void write(const std::string& path, const std::string& value);
    /// Creates the node with @p owner and the right of domain @p other; dom0 always may.
    void write(const std::string& path, const std::string& value, unsigned owner, unsigned other, Access access);
    /// The same rights for a node that is there. What is written below a node for the first time gets the node's.
    void permit(const std::string& path, unsigned owner, unsigned other, Access access);
    void remove(const std::string& path);
    bool exists(const std::string& path);

    void introduce(unsigned domain, std::uint64_t mfn, std::uint32_t port);
    void release(unsigned domain);

    void watch(const std::string& path, const std::string& token);
    void unwatch(const std::string& path, const std::string& token);
    /// Readable when an event has come, unless one waits here already.
    [[nodiscard]] int fd() const { return connection_.get(); }
    [[nodiscard]] bool event_waits() const { return !events_.empty(); }
    /// Takes one event off without waiting: its token.
    std::optional<std::string> take_event();

    /// Runs @p work, whose writes and removals are answered only at its end (or at a read); the first that was refused
    /// is then thrown. Those after it have been done all the same.
    void batch(const std::function<void()>& work);
    /// Runs @p work in a transaction, again when another's changes came between. It is given up if @p work says no.
    void transaction(const std::function<bool()>& work);

private:
    struct Request {
        std::uint32_t type;
        std::string what;    ///< for the complaint
        int allowed, or_too; ///< errnos that are an answer
        [[nodiscard]] bool allows(int error) const { return error == allowed || error == or_too; }
    };
    struct Message {
        std::uint32_t type;
        std::string body;
        int error; ///< errno, or 0
    };

    void send(Request request, const std::string& body);
    void flush();
    std::vector<Message> settle();
    std::optional<Message> next(bool wait);
    std::optional<Message> parse();
    void act(Request request, const std::string& body);
    Message ask(Request request, const std::string& body);
    std::vector<std::string> list_in_parts(const std::string& path);

    Descriptor connection_;
    bool device_{false}; ///< The kernel's device takes one message at a time.
    std::uint32_t transaction_{0};
    bool together_{false};
    std::string out_, in_;
    std::deque<Request> sent_; ///< whose answers are due, in this order
    std::deque<std::string> events_;
};

} // namespace parapet
