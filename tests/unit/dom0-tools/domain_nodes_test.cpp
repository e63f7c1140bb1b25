// SPDX-License-Identifier: MIT
//
// A domain's nodes against a store in memory: what is written is removed again, also when the writer was killed after
// any of its requests; names and UUIDs are found.
#include "libparapet/domain_nodes.hpp"
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
extern "C" {
#include <xen/io/xs_wire.h>
}

using namespace parapet;

namespace {

/// Serves one connection after the other until stop(). A transaction changes the nodes at once: nobody else is here.
class MemoryStore {
public:
    MemoryStore()
    {
        char name[] = "/tmp/domain-nodes-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        sockaddr_un address{AF_UNIX, {}};
        (directory_ + "/socket").copy(address.sun_path, sizeof address.sun_path - 1);
        listening_ = Descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listening_.get(), 4), 0);
        ::setenv("XENSTORED_PATH", address.sun_path, 1);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~MemoryStore()
    {
        ::shutdown(listening_.get(), SHUT_RDWR);
        thread_.join();
        std::filesystem::remove_all(directory_);
    }
    MemoryStore(const MemoryStore&) = delete;
    MemoryStore& operator=(const MemoryStore&) = delete;

    /// After so many more writes the connection is lost, as when the other side was killed.
    void die_after(int writes) { left_ = writes; }
    [[nodiscard]] const std::map<std::string, std::string>& nodes() const { return nodes_; }

private:
    void serve()
    {
        for (;;) {
            const Descriptor peer{::accept(listening_.get(), nullptr, nullptr)};
            if (!peer.valid()) return;
            while (answer(peer.get())) {
            }
        }
    }

    static bool receive(int fd, void* to, std::size_t bytes)
    {
        return bytes == 0 || ::recv(fd, to, bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes);
    }

    bool answer(int fd)
    {
        xsd_sockmsg head{};
        if (!receive(fd, &head, sizeof head)) return false;
        std::string body(head.len, '\0');
        if (!receive(fd, body.data(), body.size())) return false;
        if (head.type == XS_WRITE && left_-- == 0) return false;
        const std::string path = body.c_str();
        std::optional<std::string> said = act(head.type, path, body.substr(std::min(path.size() + 1, body.size())));
        if (!said) {
            head.type = XS_ERROR;
            said = std::string{"ENOENT"} + '\0';
        }
        head.len = static_cast<std::uint32_t>(said->size());
        ::send(fd, &head, sizeof head, MSG_NOSIGNAL);
        ::send(fd, said->data(), said->size(), MSG_NOSIGNAL);
        return true;
    }

    std::optional<std::string> act(std::uint32_t type, const std::string& path, const std::string& rest)
    {
        const std::string ok = std::string{"OK"} + '\0';
        if (type == XS_TRANSACTION_START) return std::string{"1"} + '\0';
        if (type == XS_WRITE) {
            nodes_[path] = rest;
            for (std::string up = path; (up = up.substr(0, up.rfind('/'))) != "";)
                nodes_.try_emplace(up);
            return ok;
        }
        if (type != XS_READ && type != XS_RM && type != XS_DIRECTORY) return ok;
        if (!nodes_.contains(path)) return std::nullopt;
        if (type == XS_READ) return nodes_[path];
        if (type == XS_DIRECTORY) return children(path);
        std::erase_if(nodes_, [&](const auto& n) { return n.first == path || n.first.starts_with(path + "/"); });
        return ok;
    }

    std::string children(const std::string& path)
    {
        std::string names;
        for (const auto& [name, value] : nodes_)
            if (name.starts_with(path + "/") && name.find('/', path.size() + 1) == std::string::npos)
                names += name.substr(path.size() + 1) + '\0';
        return names;
    }

    std::string directory_;
    Descriptor listening_;
    std::map<std::string, std::string> nodes_;
    int left_{-1};
    std::thread thread_;
};

DomainConfig config(const std::string& name, std::uint8_t number)
{
    DomainConfig c{};
    c.name = name;
    c.uuid[15] = number;
    c.vcpus = c.max_vcpus = 2;
    return c;
}

} // namespace

TEST(DomainNodes, AreRemovedAsTheyWereWritten)
{
    MemoryStore daemon;
    Store store;
    write_nodes(store, 5, config("first", 1));
    introduce(store, 5, {10, 11, 1, 2});
    EXPECT_EQ(daemon.nodes().at("/local/domain/5/name"), "first");
    EXPECT_EQ(daemon.nodes().at("/local/domain/5/console/ring-ref"), "10");
    const std::string vm = daemon.nodes().at("/local/domain/5/vm");
    EXPECT_EQ(daemon.nodes().at(vm + "/name"), "first");
    write_nodes(store, 6, config("second", 2));
    remove_nodes(store, 5);
    EXPECT_FALSE(daemon.nodes().contains(vm));
    EXPECT_TRUE(daemon.nodes().contains("/local/domain/6/name"));
    remove_nodes(store, 6);
    for (const auto& [path, value] : daemon.nodes())
        EXPECT_TRUE(path == "/local" || path == "/local/domain" || path == "/local/domain/0") << path;
}

TEST(DomainNodes, LeaveNothingWhereverTheirWriterWasKilled)
{
    unsigned killed = 0;
    for (int writes = 0;; ++writes) {
        MemoryStore daemon;
        daemon.die_after(writes);
        bool whole = true;
        try {
            Store store;
            write_nodes(store, 5, config("first", 1));
        } catch (const Error&) {
            whole = false;
            ++killed;
        }
        daemon.die_after(-1);
        Store other;
        remove_nodes(other, 5);
        for (const auto& [path, value] : daemon.nodes())
            EXPECT_TRUE(path == "/local" || path == "/local/domain" || path == "/local/domain/0")
                << path << " after " << writes << " writes";
        if (whole) break;
    }
    EXPECT_GT(killed, 30U);
}

TEST(DomainNodes, AreFoundByNameNumberAndUuid)
{
    MemoryStore daemon;
    Store store;
    write_nodes(store, 5, config("first", 1));
    write_nodes(store, 6, config("second", 2));
    const std::string uuid = uuid_text(config("", 2).uuid);
    EXPECT_EQ(find_domains(store, "first"), std::vector<unsigned>{5});
    EXPECT_EQ(find_domains(store, uuid), std::vector<unsigned>{6});
    EXPECT_EQ(find_domains(store, "17"), std::vector<unsigned>{17});
    EXPECT_TRUE(find_domains(store, "third").empty());
    write_nodes(store, 7, config(uuid, 3)); // called what another's UUID is
    EXPECT_EQ(find_domains(store, uuid), (std::vector<unsigned>{6, 7}));
}

TEST(DomainNodes, TellAllNamesAtOnce)
{
    MemoryStore daemon;
    Store store;
    write_nodes(store, 5, config("first", 1));
    std::vector<DomainInfo> domains(3);
    domains[1].domain = 5;
    domains[2].domain = 9;
    const std::map<unsigned, std::string> wanted{{0, "Domain-0"}, {5, "first"}, {9, "(unnamed 9)"}};
    EXPECT_EQ(domain_names(store, domains), wanted);
}
