// SPDX-License-Identifier: MIT
//
// The only way bytes cross between a guest's address space and the hypervisor. Under the current root; a range that
// is not wholly the guest's to name, or not mapped as needed, is efault. A partial copy may have happened then.
#pragma once
#include "arch/arch.hpp"
#include <span>

namespace hv::guest {

/// Outside of the hypervisor's 8 TiB. That is all there is to check of a range: copies go upwards, and whatever lies
/// between a guest's address and the hypervisor's is not canonical and faults.
inline bool start_ok(GuestVa va)
{
    static_assert(PV_HYPERVISOR_VIRT_START == ~0ULL << 47); // the lowest numbers, but for what is not canonical either
    return static_cast<std::int64_t>(va.raw()) >= static_cast<std::int64_t>(PV_HYPERVISOR_VIRT_END);
}

Result<> copy_from_guest_bytes(std::span<std::byte> dst, GuestVa src);
Result<> copy_to_guest_bytes(GuestVa dst, std::span<const std::byte> src);
Result<> clear_guest_bytes(GuestVa dst, std::size_t bytes);

/// The same without a call, for the paths that are counted in instructions. T: whole words.
template <typename T> Result<> load_from_guest(std::span<T> dst, GuestVa src)
{
    static_assert(sizeof(T) % 8 == 0);
    if (!start_ok(src) || !arch::load_words(dst.data(), src, dst.size() * (sizeof(T) / 8))) [[unlikely]]
        return Error::efault;
    return Ok{};
}
inline Result<std::uint32_t> load_word_from_guest(GuestVa src)
{
    std::uint32_t v = 0;
    if (!start_ok(src) || !arch::load_word(v, src)) [[unlikely]]
        return Error::efault;
    return v;
}
inline Result<> store_words_to_guest(GuestVa dst, std::span<const std::uint64_t> words)
{
    if (!start_ok(dst) || !arch::store_words(dst, words.data(), words.size())) [[unlikely]]
        return Error::efault;
    return Ok{};
}
template <typename T> Result<> store_to_guest(GuestVa dst, const T& value)
{
    static_assert(sizeof(T) == 4 || sizeof(T) % 8 == 0);
    if constexpr (!std::is_integral_v<T>)
        return store_words_to_guest(dst, {reinterpret_cast<const std::uint64_t*>(&value), sizeof(T) / 8});
    else if (!start_ok(dst) || !arch::store_word(dst, value)) [[unlikely]]
        return Error::efault;
    return Ok{};
}

} // namespace hv::guest
