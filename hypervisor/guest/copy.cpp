// SPDX-License-Identifier: MIT
//
// See guest/copy.hpp.
#include "guest/copy.hpp"

namespace hv::guest {

Result<> copy_from_guest_bytes(std::span<std::byte> dst, GuestVa src)
{
    if (!start_ok(src) || arch::copy_from_guest(dst.data(), src, dst.size()) != 0) return Error::efault;
    return Ok{};
}

Result<> copy_to_guest_bytes(GuestVa dst, std::span<const std::byte> src)
{
    if (!start_ok(dst) || arch::copy_to_guest(dst, src.data(), src.size()) != 0) return Error::efault;
    return Ok{};
}

Result<> clear_guest_bytes(GuestVa dst, std::size_t bytes)
{
    if (!start_ok(dst) || arch::clear_guest(dst, bytes) != 0) return Error::efault;
    return Ok{};
}

} // namespace hv::guest
