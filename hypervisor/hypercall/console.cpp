// SPDX-License-Identifier: MIT
//
// console_io (18): text crosses in blocks through a buffer on the stack; long writes are run in slices.
#include "domain/console.hpp"
#include "domain/domain.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/console.h"

namespace hv::hypercall {
namespace {

constexpr std::size_t block_bytes = 256;
constexpr std::uint32_t slice_bytes = 4096;

Return write(Vcpu& v, std::uint32_t count, GuestVa buffer)
{
    std::array<char, block_bytes> block; // NOLINT(cppcoreguidelines-pro-type-member-init): read before use
    const std::uint32_t now = count < slice_bytes ? count : slice_bytes;
    const guest::In<char> from{buffer};
    for (std::uint32_t done = 0; done < now;) {
        const std::size_t n = now - done < block_bytes ? now - done : block_bytes;
        TRY(from.read_array(std::span{block}.first(n), done));
        domain::console_write(v.domain(), {block.data(), n});
        done += static_cast<std::uint32_t>(n);
    }
    if (now == count) return 0;
    v.set_continuation(std::uint64_t{PV_CONSOLEIO_WRITE}, std::uint64_t{count - now}, buffer.raw() + now);
    return Error::restart;
}

Return read(std::uint32_t count, GuestVa buffer)
{
    std::array<char, block_bytes> block; // NOLINT(cppcoreguidelines-pro-type-member-init): filled up to n
    const std::size_t n = domain::console_read(std::span{block}.first(count < block_bytes ? count : block_bytes));
    TRY(guest::Out<char>{buffer}.write_array(std::span<const char>{block.data(), n}));
    return n;
}

} // namespace

Return console_io(Vcpu& v, std::uint32_t cmd, std::uint32_t count, GuestVa buffer)
{
    switch (cmd) {
    case PV_CONSOLEIO_WRITE: return write(v, count, buffer);
    case PV_CONSOLEIO_READ: return v.domain().is_hardware_domain() ? read(count, buffer) : Return{Error::eperm};
    default: return Error::enosys;
    }
}

} // namespace hv::hypercall
