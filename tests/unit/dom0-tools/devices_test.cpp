// SPDX-License-Identifier: MIT
//
// Split devices in a store that a small daemon keeps, whose kernel is the test: what is written with which rights, how
// a backend is waited for, what is refused, and that nothing is left.
#include "libparapet/devices.hpp"
#include "libparapet/disk_backing.hpp"
#include "libparapet/networks.hpp"
#include "tests/unit/dom0-tools/store_socket.hpp"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>
extern "C" {
#include <xen/io/xs_wire.h>
}

using namespace parapet;

namespace {

/// Keeps nodes and their rights for one client. kernel is told of each write, and may write itself.
class FakeStore {
public:
    FakeStore() : thread_{[this] { serve(); }} {}
    ~FakeStore() { thread_.join(); } // after the client
    FakeStore(const FakeStore&) = delete;
    FakeStore& operator=(const FakeStore&) = delete;

    std::map<std::string, std::string> nodes() const
    {
        const std::lock_guard lock{mutex_};
        return nodes_;
    }
    std::string rights(const std::string& path) const
    {
        const std::lock_guard lock{mutex_};
        return rights_.at(path);
    }
    void set(const std::string& path, const std::string& value)
    {
        const std::lock_guard lock{mutex_};
        put(path, value);
    }

    std::function<void(const std::string& path, const std::string& value)> kernel; ///< Writes by put().
    void put(const std::string& path, const std::string& value)
    {
        for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
            nodes_.try_emplace(path.substr(0, at));
        nodes_[path] = value;
    }

private:
    void serve()
    {
        const Descriptor client = socket_.accept();
        for (xsd_sockmsg head{}; StoreSocket::take(client, &head, sizeof head);) {
            std::string body(head.len, 0);
            if (!StoreSocket::take(client, body.data(), body.size())) return;
            const std::lock_guard lock{mutex_};
            std::string answer = act(head.type, body);
            const xsd_sockmsg back{answer == "ENOENT" ? std::uint32_t{XS_ERROR} : head.type, 0, 0,
                                   static_cast<std::uint32_t>(answer.size() + (answer == "ENOENT" ? 1 : 0))};
            answer.append(back.len - answer.size(), '\0');
            answer.insert(0, reinterpret_cast<const char*>(&back), sizeof back);
            write_all(client.get(), answer);
        }
    }
    std::string act(std::uint32_t type, const std::string& body)
    {
        const std::string path = body.c_str();
        const std::string rest = body.substr(std::min(body.size(), path.size() + 1));
        const auto below = [&](const std::string& node) { return node.starts_with(path + "/"); };
        if (type == XS_TRANSACTION_START) return std::string{"1\0", 2};
        if (type == XS_READ) return nodes_.contains(path) ? nodes_[path] : "ENOENT";
        if (type == XS_SET_PERMS) {
            rights_[path] = rest;
            std::replace(rights_[path].begin(), rights_[path].end(), '\0', ' ');
        } else if (type == XS_DIRECTORY) {
            std::string names;
            for (const auto& [node, value] : nodes_)
                if (below(node) && node.find('/', path.size() + 1) == std::string::npos)
                    names += node.substr(path.size() + 1) + '\0';
            return nodes_.contains(path) ? names : "ENOENT";
        } else if (type == XS_WRITE) {
            put(path, rest);
            if (kernel) kernel(path, rest);
        } else if (type == XS_RM) {
            std::erase_if(nodes_, [&](const auto& node) { return node.first == path || below(node.first); });
            if (kernel) kernel(path, "(removed)");
        }
        return std::string{"OK\0", 3};
    }

    StoreSocket socket_;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> nodes_, rights_;
    std::thread thread_;
};

const Device disk{DeviceKind::disk, 7, 51712};
const std::string front = "/local/domain/7/device/vbd/51712", back = "/local/domain/0/backend/vbd/7/51712";

template <typename Act> std::string complaint(Act act)
{
    try {
        act();
    } catch (const Error& e) {
        return e.what();
    }
    return "none";
}

TEST(Devices, BothEndsAreWrittenTheStateLastAndNothingIsLeft)
{
    FakeStore daemon;
    std::vector<std::string> order;
    daemon.kernel = [&](const std::string& path, const std::string&) { order.push_back(path); };
    Store store;
    store.write("/local/domain/7/device", "");
    store.write("/libxl/7/type", "pv");
    store.write("/local/domain/0/backend", "");
    const auto before = daemon.nodes();
    NewDevice made{store, disk, {{{"virtual-device", "51712"}}, {{"mode", "r"}}}};
    made.keep();
    EXPECT_EQ(order.back(), back + "/state");
    const auto nodes = daemon.nodes();
    EXPECT_EQ(nodes.at(front + "/backend"), back);
    EXPECT_EQ(nodes.at(front + "/virtual-device"), "51712");
    EXPECT_EQ(nodes.at(back + "/frontend"), front);
    EXPECT_EQ(nodes.at(back + "/mode"), "r");
    EXPECT_EQ(nodes.at("/libxl/7/device/vbd/51712/mode"), "r");
    EXPECT_EQ(daemon.rights(front), "n7 r0 ");
    EXPECT_EQ(daemon.rights(back), "n0 r7 ");
    EXPECT_EQ(daemon.rights("/libxl/7/device/vbd/51712"), "n0 ");
    EXPECT_EQ(devices_of(store, 7, DeviceKind::disk), std::vector<Device>{disk});
    EXPECT_EQ(all_devices(store, DeviceKind::disk), std::vector<Device>{disk});
    EXPECT_TRUE(all_devices(store, DeviceKind::network).empty());
    daemon.set("/local/domain/0/error/backend/vbd/7/51712/error", "x");
    forget(store, disk);
    auto after = daemon.nodes();
    EXPECT_EQ(after, before);
}

TEST(Devices, ABackendThatComplainsIsUndone)
{
    FakeStore daemon;
    daemon.kernel = [&](const std::string& path, const std::string& value) {
        if (path == back + "/state" && value == "1")
            daemon.put("/local/domain/0/error/backend/vbd/7/51712/error", "2 creating vbd structure");
        if (path == front && value == "(removed)") daemon.put(back + "/state", "6");
    };
    Store store;
    store.write("/local/domain/7/device", "");
    store.write("/local/domain/0/backend", "");
    store.write("/libxl/7/type", "pv");
    const auto before = daemon.nodes();
    EXPECT_EQ(complaint([&] {
                  NewDevice made{store, disk, {}};
                  wait_for_backend(store, disk, [] { return false; });
              }),
              "the driver in domain 0 says: 2 creating vbd structure");
    EXPECT_EQ(daemon.nodes(), before);
}

TEST(Devices, TheGuestIsAskedAndWaitedFor)
{
    FakeStore daemon;
    daemon.kernel = [&](const std::string& path, const std::string& value) {
        if (path == back + "/state" && value == "5") daemon.put(front + "/state", "5");
    };
    Store store;
    NewDevice{store, disk, {}}.keep();
    daemon.set(back + "/state", "4");
    ask_to_close(store, disk);
    EXPECT_EQ(daemon.nodes().at(back + "/online"), "0");
    EXPECT_EQ(frontend_state(store, disk), BusState::closing);
    EXPECT_EQ(wait_closed(store, {disk}, std::chrono::milliseconds{30}).size(), 1U); // it takes its time
    EXPECT_EQ(wait_closed(store, {disk}, std::chrono::seconds{60}, [] { return true; }).size(), 1U);
    daemon.set(back + "/state", "6");
    EXPECT_TRUE(wait_closed(store, {disk}, std::chrono::seconds{60}).empty());
    ask_to_close(store, disk); // a closed one would never answer
    EXPECT_EQ(daemon.nodes().at(back + "/state"), "6");
}

TEST(Devices, StatesOfAGuestMayBeGarbage)
{
    FakeStore daemon;
    Store store;
    for (const char* text : {"", "nonsense", "9", "-1", "4 ", "99999999999999999999", "4\n"}) {
        daemon.set(front + "/state", text);
        EXPECT_EQ(frontend_state(store, disk), BusState::unknown) << text;
    }
    daemon.set(front + "/state", "4");
    EXPECT_EQ(frontend_state(store, disk), BusState::connected);
    daemon.set("/local/domain/0/backend/vbd/7/x", "");
    daemon.set("/local/domain/0/backend/vbd/x/1", "");
    EXPECT_TRUE(all_devices(store, DeviceKind::disk).empty());
}

class Image {
public:
    explicit Image(std::uint64_t bytes) : path_{testing::TempDir() + "devices_test.image." + std::to_string(::getpid())}
    {
        std::ofstream{path_}.close();
        std::filesystem::resize_file(path_, bytes);
    }
    ~Image() { std::filesystem::remove(path_); }
    Image(const Image&) = delete;
    Image& operator=(const Image&) = delete;
    [[nodiscard]] DiskConfig disk(const std::string& rest) const { return parse_disk({{"f"}, path_ + rest}); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

TEST(Disks, WhatCannotBeADiskIsRefused)
{
    const auto open = [](const DiskConfig& d) { return complaint([&] { (void)open_backing(d); }); };
    EXPECT_EQ(open(parse_disk({{"f"}, "/no/such,raw,xvda"})), "/no/such: No such file or directory");
    EXPECT_EQ(open(parse_disk({{"f"}, "/tmp,raw,xvda"})), "/tmp is neither a file nor a block device");
    EXPECT_EQ(open(parse_disk({{"f"}, "/dev/null,raw,xvda"})), "/dev/null is neither a file nor a block device");
    {
        const Image empty{0};
        EXPECT_EQ(open(empty.disk(",raw,xvda")), empty.path() + " is empty");
    }
    {
        const Image odd{513};
        EXPECT_EQ(open(odd.disk(",raw,xvda")),
                  odd.path() + " has 513 bytes, not a multiple of 512: it was cut off, or is no raw image");
    }
    {
        const Image raw{1024};
        EXPECT_EQ(open(raw.disk(",qcow2,xvda")), raw.path() + " is no qcow2 image");
        std::ofstream{raw.path(), std::ios::trunc} << "QFI\xfb?"; // no raw image by its size
        EXPECT_EQ(open(raw.disk(",qcow2,xvda")), "none");
        EXPECT_NE(open(raw.disk(",raw,xvda")), "none");
        std::ofstream{raw.path(), std::ios::trunc} << "QFI";
        EXPECT_EQ(open(raw.disk(",qcow2,xvda")), raw.path() + " is no qcow2 image");
    }
    const Image sound{1024};
    EXPECT_EQ(open_backing(sound.disk(",raw,xvda")).bytes, 1024U);
}

TEST(Disks, TheSameImageTwiceInADomainIsRefusedUnlessReadOnlyOrForced)
{
    FakeStore daemon;
    Store store;
    const Image image{1024};
    const auto check = [&](const char* first, const char* second) {
        return complaint([&] { check_disks(store, {image.disk(first), image.disk(second)}); });
    };
    EXPECT_EQ(check(",raw,xvda,w", ",raw,xvdb,r")
                  .find("f:1:1: 'disk': " + image.path() + " is the disk xvda of the same domain already; access w!"),
              0U);
    EXPECT_EQ(check(",raw,xvda,r", ",raw,xvdb,r"), "none");
    EXPECT_EQ(check(",raw,xvda,w", ",raw,xvdb,w!"), "none");
}

TEST(Disks, NumbersOfBlockDevices)
{
    EXPECT_EQ(device_number("8:1f"), device_number("8:1f"));
    EXPECT_EQ(device_text(*device_number("103:10a")), "103:10a");
    for (const char* bad : {"", "8", "8:", ":1", "8:1x", "8:1:2"})
        EXPECT_FALSE(device_number(bad)) << bad;
}

TEST(Networks, AddressesAndBridgesAreChecked)
{
    FakeStore daemon;
    Store store;
    daemon.set("/local/domain/0/backend/vif/3/0/mac", "00:16:3E:00:00:01");
    daemon.set("/local/domain/3/name", "web");
    const auto check = [&](const std::vector<std::string>& texts) {
        std::vector<NetworkConfig> all;
        for (const std::string& text : texts)
            all.push_back(parse_network({{"f"}, text}));
        return complaint([&] { check_networks(store, all); });
    };
    EXPECT_EQ(check({"bridge=no-such-br"}).find("f:1:1: 'vif': there is no bridge no-such-br: domain 0 has"), 0U);
    EXPECT_EQ(check({"bridge=lo"}), "f:1:1: 'vif': lo is no bridge");
    EXPECT_EQ(complaint([&] { attach_network(store, 7, parse_network({{"f"}, "bridge=lo"})); }), "lo is no bridge");
}

} // namespace
