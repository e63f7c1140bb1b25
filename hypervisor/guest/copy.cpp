// SPDX-License-Identifier: MIT
//
// Range checks in front of the machine's fault-protected copies. See copy.hpp.
#include "guest/copy.hpp"

namespace hv::guest {

/// First and last byte in the same guest-owned half: no wrap, no step over the hypervisor's slots.
static bool range_ok(GuestVa va, std::size_t bytes)
{
    const std::uint64_t first = va.raw(), last = first + bytes - 1;
    return bytes == 0 || (last >= first && is_guest_va(first) && is_guest_va(last) && (first ^ last) >> 63 == 0);
}

Result<> copy_from_guest_bytes(std::span<std::byte> dst, GuestVa src)
{
    if (!range_ok(src, dst.size()) || arch::copy_from_guest(dst.data(), src, dst.size()) != 0) return Error::efault;
    return Ok{};
}

Result<> copy_to_guest_bytes(GuestVa dst, std::span<const std::byte> src)
{
    if (!range_ok(dst, src.size()) || arch::copy_to_guest(dst, src.data(), src.size()) != 0) return Error::efault;
    return Ok{};
}

Result<> clear_guest_bytes(GuestVa dst, std::size_t bytes)
{
    if (!range_ok(dst, bytes) || arch::clear_guest(dst, bytes) != 0) return Error::efault;
    return Ok{};
}

} // namespace hv::guest
