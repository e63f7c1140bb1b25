// SPDX-License-Identifier: MIT
//
// xenstore through libxenstore: reads answer nothing where a node is missing, writes throw. One connection, one thread.
#pragma once
#include "libparapet/error.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

struct xs_handle;

namespace parapet {

enum class Access : unsigned { none, read, write, both };

class Store {
public:
    Store();
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    std::optional<std::string> read(const std::string& path);
    std::vector<std::string> list(const std::string& path);
    void write(const std::string& path, const std::string& value);
    /// Creates the node with @p owner and the right of domain @p other; dom0 always may.
    void write(const std::string& path, const std::string& value, unsigned owner, unsigned other, Access access);
    void remove(const std::string& path);
    bool exists(const std::string& path);

    void introduce(unsigned domain, std::uint64_t mfn, std::uint32_t port);
    void release(unsigned domain);

    void watch(const std::string& path, const std::string& token);
    void unwatch(const std::string& path, const std::string& token);
    [[nodiscard]] int fd() const;
    /// Takes one event off without waiting: its token.
    std::optional<std::string> take_event();

    /// Runs @p work in a transaction, again when another's changes came between.
    void transaction(const std::function<void()>& work);

private:
    xs_handle* store_;
    std::uint32_t transaction_{0};
};

} // namespace parapet
