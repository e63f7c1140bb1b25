// SPDX-License-Identifier: MIT
//
// Pointers into guest memory. A GuestPtr has no operator* and no operator->: bytes cross only by copy, once, into
// hypervisor memory (no double fetch), and only for types whose every byte is accounted for.
#pragma once
#include "guest/copy.hpp"
#include <span>
#include <type_traits>

namespace hv::guest {

/// Types whose bytes may cross the guest boundary: no pointers with a meaning, no padding, fixed layout.
template <typename T>
concept AbiType = !std::is_pointer_v<T> && std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> &&
                  std::has_unique_object_representations_v<T>;

enum class Access : std::uint8_t { in, out, inout };

template <AbiType T, Access A> class GuestPtr {
public:
    constexpr explicit GuestPtr(GuestVa va) : va_{va} {}
    [[nodiscard]] constexpr bool null() const { return va_.raw() == 0; }
    [[nodiscard]] constexpr GuestVa address() const { return va_; }

    /// Fetch element @p index exactly once.
    Result<T> read(std::uint64_t index = 0) const requires(A != Access::out)
    {
        T value;
        TRY(read_array(std::span{&value, 1}, index));
        return value;
    }
    Result<> write(const T& value, std::uint64_t index = 0) const requires(A != Access::in)
    {
        return write_array(std::span{&value, 1}, index);
    }
    /// Elements 0, 1, ... as one block, and one word, without a call: for the hottest paths.
    Result<> load(std::span<T> out) const requires(A != Access::out) { return load_from_guest(out, va_); }
    Result<> store(T value) const requires(A != Access::in) { return store_to_guest(va_, value); }
    /// Elements index, index + 1, ... as one block.
    Result<> read_array(std::span<T> out, std::uint64_t index = 0) const requires(A != Access::out)
    {
        const GuestVa from = TRY(at(index));
        return copy_from_guest_bytes(std::as_writable_bytes(out), from);
    }
    Result<> write_array(std::span<const T> in, std::uint64_t index = 0) const requires(A != Access::in)
    {
        const GuestVa to = TRY(at(index));
        return copy_to_guest_bytes(to, std::as_bytes(in));
    }
    /// Address of element @p index; efault on overflow.
    [[nodiscard]] Result<GuestVa> at(std::uint64_t index) const
    {
        std::uint64_t offset, va;
        if (__builtin_mul_overflow(index, sizeof(T), &offset) || __builtin_add_overflow(va_.raw(), offset, &va))
            return Error::efault;
        return GuestVa{va};
    }

private:
    GuestVa va_;
};

template <AbiType T> using In = GuestPtr<T, Access::in>;
template <AbiType T> using Out = GuestPtr<T, Access::out>;
template <AbiType T> using InOut = GuestPtr<T, Access::inout>;

} // namespace hv::guest
