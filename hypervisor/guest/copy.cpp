// SPDX-License-Identifier: MIT
//
// Range checks in front of the machine's fault-protected copies. See copy.hpp.
#include "guest/copy.hpp"

namespace hv::guest {

/// No wrap, and wholly below or wholly above the hole that is not canonical or the hypervisor's.
static bool range_ok(GuestVa va, std::size_t bytes)
{
    constexpr std::uint64_t lower_end = 1ULL << 47;
    static_assert(is_guest_va(lower_end - 1) && !is_guest_va(lower_end) && is_guest_va(PV_HYPERVISOR_VIRT_END));
    static_assert(!is_guest_va(PV_HYPERVISOR_VIRT_END - 1) && !is_guest_va(PV_HYPERVISOR_VIRT_START - 1));
    const std::uint64_t first = va.raw(), end = first + bytes;
    if (end < first) return end == 0 && first >= PV_HYPERVISOR_VIRT_END; // up to the very last byte
    return end <= lower_end || first >= PV_HYPERVISOR_VIRT_END || bytes == 0;
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
