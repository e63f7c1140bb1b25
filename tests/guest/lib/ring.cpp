// SPDX-License-Identifier: MIT
// A peer that sets an index beyond the ring's size gets nothing and gives nothing.
#include "tests/guest/lib/ring.hpp"

#include "tests/guest/lib/test.hpp"

namespace guest {

u32 ByteRing::put(const char* from, u32 length)
{
    const u32 full = used();
    u32 count = full > size_ ? 0 : size_ - full;
    count = count < length ? count : length;
    const u32 at = produced_;
    for (u32 i = 0; i < count; ++i) {
        data_[(at + i) % size_] = from[i];
    }
    __atomic_store_n(&produced_, at + count, __ATOMIC_RELEASE);
    return count;
}

u32 ByteRing::take(char* to, u32 length)
{
    u32 count = used();
    count = count > size_ ? 0 : count < length ? count : length;
    const u32 at = consumed_;
    for (u32 i = 0; i < count; ++i) {
        to[i] = data_[(at + i) % size_];
    }
    __atomic_store_n(&consumed_, at + count, __ATOMIC_RELEASE);
    return count;
}

void wait_port(u32 port)
{
    pv_sched_poll request = {.ports = addr(&port), .nr_ports = 1, .hole0 = 0, .timeout = 0};
    require(sched_op(PV_SCHEDOP_POLL, &request), "poll");
}

} // namespace guest
