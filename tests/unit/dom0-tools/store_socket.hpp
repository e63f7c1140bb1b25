// SPDX-License-Identifier: MIT
//
// Where a test acts as xenstored: a socket that XENSTORED_PATH names, for one connection.
#pragma once
#include "libparapet/files.hpp"
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

class StoreSocket {
public:
    StoreSocket()
    {
        char name[] = "/tmp/store-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        const std::string path = directory_ + "/socket";
        sockaddr_un address{AF_UNIX, {}};
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        listening_ = parapet::Descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listening_.get(), 1), 0);
        ::setenv("XENSTORED_PATH", path.c_str(), 1);
    }
    ~StoreSocket() { std::filesystem::remove_all(directory_); }
    StoreSocket(const StoreSocket&) = delete;
    StoreSocket& operator=(const StoreSocket&) = delete;

    parapet::Descriptor accept() const { return parapet::Descriptor{::accept(listening_.get(), nullptr, nullptr)}; }

    /// False if the other side ends before so many bytes.
    static bool take(const parapet::Descriptor& from, void* to, std::size_t bytes)
    {
        for (auto* at = static_cast<char*>(to); bytes != 0;) {
            const ssize_t got = ::read(from.get(), at, bytes);
            if (got <= 0) return false;
            at += got;
            bytes -= static_cast<std::size_t>(got);
        }
        return true;
    }

private:
    std::string directory_;
    parapet::Descriptor listening_;
};
