// SPDX-License-Identifier: MIT
// One direction of a ring that is shared with another domain: indexes run freely and are reduced on use, the size is a
// power of two. What lies in the ring is complete before the index says so. One vCPU.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

class ByteRing {
public:
    ByteRing(char* data, u32 size, u32& consumed, u32& produced)
        : data_{data}, size_{size}, consumed_{consumed}, produced_{produced}
    {
    }

    u32 used() const
    {
        return __atomic_load_n(&produced_, __ATOMIC_ACQUIRE) - __atomic_load_n(&consumed_, __ATOMIC_ACQUIRE);
    }
    // How many bytes there was room for, or were there to be taken.
    u32 put(const char* from, u32 length);
    u32 take(char* to, u32 length);

private:
    char* data_;
    u32 size_;
    u32 &consumed_, &produced_;
};

// Sleeps until the port has been rung; whoever calls has cleared it before it looked at the ring.
void wait_port(u32 port);

} // namespace guest
