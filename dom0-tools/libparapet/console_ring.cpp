// SPDX-License-Identifier: MIT
//
// See console_ring.hpp. Indexes run freely and are reduced on use; both ring sizes are powers of two.
#include "libparapet/console_ring.hpp"
#include <algorithm>

namespace parapet {
namespace {

std::uint32_t acquire(const std::uint32_t& index) { return __atomic_load_n(&index, __ATOMIC_ACQUIRE); }
void release(std::uint32_t& index, std::uint32_t value) { __atomic_store_n(&index, value, __ATOMIC_RELEASE); }

} // namespace

ConsoleRing::ConsoleRing(pv_xencons_interface& shared)
    : shared_{shared}, out_cons_{acquire(shared.out_cons)}, in_prod_{acquire(shared.in_prod)}
{
}

std::string ConsoleRing::take_output()
{
    constexpr std::uint32_t size = sizeof shared_.out;
    const std::uint32_t produced = acquire(shared_.out_prod);
    const std::uint32_t count = produced - out_cons_;
    std::string taken;
    if (count > size) {
        ++nonsense_;
    } else {
        taken.reserve(count);
        for (std::uint32_t at = out_cons_; at != produced; ++at)
            taken += shared_.out[at % size];
    }
    out_cons_ = produced;
    release(shared_.out_cons, produced);
    return taken;
}

std::size_t ConsoleRing::input_room() const
{
    constexpr std::uint32_t size = sizeof shared_.in;
    const std::uint32_t used = in_prod_ - acquire(shared_.in_cons);
    return used > size ? 0 : size - used;
}

std::size_t ConsoleRing::put_input(std::span<const char> input)
{
    const std::size_t count = std::min(input.size(), input_room());
    for (std::size_t i = 0; i < count; ++i)
        shared_.in[in_prod_++ % sizeof shared_.in] = input[i];
    release(shared_.in_prod, in_prod_);
    return count;
}

} // namespace parapet
