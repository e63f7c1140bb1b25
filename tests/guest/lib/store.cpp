// SPDX-License-Identifier: MIT
// The wire format is xenstore's public one: a header of four words, then texts that end in zero bytes.
#include "tests/guest/lib/store.hpp"

#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"

namespace guest {
namespace {

u32 length_of(const char* text)
{
    u32 n = 0;
    while (text[n] != 0) {
        ++n;
    }
    return n;
}

} // namespace

Store::Store(Interface& ring, u32 port)
    : out_{ring.request, sizeof ring.request, ring.request_consumed, ring.request_produced},
      in_{ring.response, sizeof ring.response, ring.response_consumed, ring.response_produced}, port_{port}
{
}

void Store::send_raw(const char* bytes, u32 length)
{
    for (;;) {
        clear_port(port_);
        const u32 done = out_.put(bytes, length);
        bytes += done;
        length -= done;
        if (done != 0) {
            send(port_);
        } else {
            wait_port(port_);
        }
        if (length == 0) {
            return;
        }
    }
}

void Store::receive_raw(char* to, u32 length)
{
    while (length != 0) {
        clear_port(port_);
        const u32 got = in_.take(to, length);
        to += got;
        length -= got;
        if (got != 0) {
            send(port_); // there is room again
        } else {
            wait_port(port_);
        }
    }
}

StoreOp Store::receive()
{
    Header header;
    receive_raw(reinterpret_cast<char*>(&header), sizeof header);
    if (header.length > kLargest) {
        fail("xenstore sends too much at once");
    }
    receive_raw(body_, header.length);
    body_[header.length] = 0;
    if (header.op == StoreOp::event) {
        fired_ |= 1u << (body_[length_of(body_) + 1] - '0'); // the path, then the token
    }
    return header.op;
}

const char* Store::ask(StoreOp op, const char* path, const char* more, u32 more_length)
{
    const u32 length = length_of(path) + 1;
    const Header header = {.op = op, .request = 0, .transaction = 0, .length = length + more_length};
    send_raw(reinterpret_cast<const char*>(&header), sizeof header);
    send_raw(path, length);
    if (more_length != 0) {
        send_raw(more, more_length);
    }
    StoreOp answer;
    do {
        answer = receive();
    } while (answer == StoreOp::event);
    if (answer != op && answer != StoreOp::error) {
        fail("xenstore answers what was not asked");
    }
    return answer == StoreOp::error ? nullptr : body_;
}

bool Store::write(const char* path, const char* value, u32 length)
{
    return ask(StoreOp::write, path, value, length) != nullptr;
}

bool Store::write(const char* path, const char* value) { return write(path, value, length_of(value)); }

bool Store::watch(const char* path, char digit)
{
    const char token[] = {digit, 0};
    return ask(StoreOp::watch, path, token, sizeof token) != nullptr;
}

char Store::wait_event()
{
    while (fired_ == 0) {
        receive();
    }
    const u32 first = static_cast<u32>(__builtin_ctz(fired_));
    fired_ &= fired_ - 1;
    return static_cast<char>('0' + first);
}

} // namespace guest
