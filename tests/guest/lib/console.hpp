// SPDX-License-Identifier: MIT
// What a domain says on its console, by the console's ring, and a text put together piece by piece. One vCPU.
#pragma once

#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/ring.hpp"

namespace guest {

class Console {
public:
    Console(pv_xencons_interface& ring, u32 port)
        : out_{ring.out, sizeof ring.out, ring.out_cons, ring.out_prod}, port_{port}
    {
    }
    void say(const char* text)
    {
        for (; *text != 0; ++text) {
            clear_port(port_);
            while (out_.put(text, 1) == 0) {
                send(port_);
                wait_port(port_);
                clear_port(port_);
            }
        }
        send(port_);
    }
    void say(const char* a, const char* b, const char* c = "\n")
    {
        say(a);
        say(b);
        say(c);
    }

private:
    ByteRing out_;
    u32 port_;
};

// A text that is put together piece by piece, and cut at its end.
struct Text {
    char text[512] = {};
    u32 used = 0;
    Text& operator<<(const char* more)
    {
        while (*more != 0 && used + 1 < sizeof text) {
            text[used++] = *more++;
        }
        return *this;
    }
    Text& operator<<(u64 number)
    {
        char digits[21] = {};
        u32 at = 20;
        do {
            digits[--at] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return *this << digits + at;
    }
};

} // namespace guest
