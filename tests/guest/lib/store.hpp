// SPDX-License-Identifier: MIT
// A client of xenstore by the domain's own ring. One request at a time; watch events that come before an answer are
// kept, by their token, which is one digit. Relative paths start in the domain's own directory. One vCPU.
#pragma once

#include "tests/guest/lib/ring.hpp"

namespace guest {

enum class StoreOp : u32 {
    list = 1,
    read = 2,
    watch = 4,
    start = 6, // of a transaction
    end = 7,
    write = 11,
    remove = 13,
    event = 15,
    error = 16,
};

class Store {
public:
    struct Interface {
        char request[1024], response[1024];
        u32 request_consumed, request_produced, response_consumed, response_produced;
    };

    Store(Interface& ring, u32 port);

    // The answer, terminated; null where the daemon refuses: error() has its word for it. Until the next request.
    const char* read(const char* path) { return ask(StoreOp::read, path); }
    bool write(const char* path, const char* value, u32 length);
    bool write(const char* path, const char* value);
    bool watch(const char* path, char digit);
    bool remove(const char* path) { return ask(StoreOp::remove, path) != nullptr; }
    bool start_transaction() { return ask(StoreOp::start, "") != nullptr; }
    const char* error() const { return body_; }

    // Sleeps until a watch has fired, and returns its token.
    char wait_event();
    // Bytes that are no request.
    void send_raw(const char* bytes, u32 length);

private:
    static constexpr u32 kLargest = 4096;
    struct Header {
        StoreOp op;
        u32 request, transaction, length;
    };

    const char* ask(StoreOp op, const char* path, const char* more = nullptr, u32 more_length = 0);
    void receive_raw(char* to, u32 length);
    // The next message's body; an event is put aside.
    StoreOp receive();

    ByteRing out_, in_;
    u32 port_;
    u32 fired_ = 0; // a bit for each token
    char body_[kLargest + 1];
};

} // namespace guest
