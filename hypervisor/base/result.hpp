// SPDX-License-Identifier: MIT
//
// Result<T>: the only way a fallible function reports failure. One error domain, values fixed by the ABI.
// Results of register-sized types are themselves trivial, so that they travel in registers.
#pragma once
#include "base/strong.hpp"
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace hv {

enum class Error : std::int32_t {
    eperm = -1,
    enoent = -2,
    esrch = -3,
    eio = -5,
    enxio = -6,
    e2big = -7,
    eagain = -11,
    enomem = -12,
    eacces = -13,
    efault = -14,
    ebusy = -16,
    eexist = -17,
    enodev = -19,
    einval = -22,
    enospc = -28,
    erange = -34,
    enosys = -38,
    enodata = -61,
    etime = -62,
    eoverflow = -75,
    restart = -85, ///< Preempted: state is consistent, run the same call again. Never reaches a guest.
    eopnotsupp = -95,
    enobufs = -105,
};

struct Ok {};

/// Scalars, Ok and Strong: their results are trivial. Asks nothing of T, which may still be incomplete (a create()).
template <typename T> inline constexpr bool is_register_sized = std::is_scalar_v<T>;
template <> inline constexpr bool is_register_sized<Ok> = true;
template <typename Tag, typename Rep, Unit unit> inline constexpr bool is_register_sized<Strong<Tag, Rep, unit>> = true;

template <typename T = Ok, bool trivial = is_register_sized<T>> class [[nodiscard]] Result;

template <typename T> class [[nodiscard]] Result<T, true> {
public:
    constexpr Result(T value) : value_{value}, error_{} {}             // NOLINT: implicit on purpose
    constexpr Result(Error e) : value_{}, error_{static_cast<Bits>(e)} // NOLINT: implicit on purpose
    {
        if constexpr (std::is_same_v<T, std::uint64_t>) value_ = static_cast<T>(static_cast<std::int64_t>(e));
    }
    [[nodiscard]] constexpr bool ok() const { return error_ == 0; }
    [[nodiscard]] constexpr Error error() const { return static_cast<Error>(error_); }
    constexpr T take() const { return value_; } ///< Of a failed 64-bit one: the negative errno, as rax has it.

private:
    /// As wide as the value: padding would be put together anew at each return.
    using Bits = std::conditional_t<sizeof(T) == sizeof(std::int64_t), std::int64_t, std::int32_t>;
    [[no_unique_address]] T value_;
    Bits error_;
};

template <typename T> class [[nodiscard]] Result<T, false> {
public:
    constexpr Result(T value) : value_{std::move(value)}, error_{} {} // NOLINT: implicit on purpose
    constexpr Result(Error e) : none_{}, error_{e} {}                 // NOLINT: implicit on purpose
    constexpr Result(Result&& o) noexcept : none_{}, error_{o.error_}
    {
        if (ok()) ::new (static_cast<void*>(&value_)) T(std::move(o.value_));
    }
    Result& operator=(Result&&) = delete;
    constexpr ~Result()
    {
        if (ok()) value_.~T();
    }

    [[nodiscard]] constexpr bool ok() const { return error_ == Error{}; }
    [[nodiscard]] constexpr Error error() const { return error_; }
    constexpr T take() && { return std::move(value_); }
    constexpr T take() const& requires std::is_copy_constructible_v<T> { return value_; }

private:
    union {
        char none_;
        T value_;
    };
    Error error_;
};

} // namespace hv

/// Unwrap a Result or return its error from the enclosing function.
#define TRY(expr) TRY_NAMED_(HV_CONCAT(try_result_, __COUNTER__), expr)
#define TRY_NAMED_(name, expr)                                                                                         \
    __extension__({                                                                                                    \
        auto name = (expr);                                                                                            \
        if (!name.ok()) [[unlikely]]                                                                                   \
            return name.error();                                                                                       \
        std::move(name).take();                                                                                        \
    })
#define HV_CONCAT(a, b) HV_CONCAT_(a, b)
#define HV_CONCAT_(a, b) a##b
