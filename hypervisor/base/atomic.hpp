// SPDX-License-Identifier: MIT
//
// The only atomics in the hypervisor. Orders are explicit at every call; there is no default.
#pragma once
#include <cstdint>
#include <type_traits>

namespace hv {

enum class Order : int {
    relaxed = __ATOMIC_RELAXED,
    acquire = __ATOMIC_ACQUIRE,
    release = __ATOMIC_RELEASE,
    acq_rel = __ATOMIC_ACQ_REL,
    seq_cst = __ATOMIC_SEQ_CST,
};

template <typename T> class Atomic {
public:
    constexpr Atomic() = default;
    constexpr explicit Atomic(T v) : value_{v} {}
    Atomic& operator=(Atomic&&) = delete;

    [[nodiscard]] T load(Order o) const
    {
        T v;
        __atomic_load(&value_, &v, static_cast<int>(o));
        return v;
    }
    void store(T v, Order o) { __atomic_store(&value_, &v, static_cast<int>(o)); }
    T exchange(T v, Order o)
    {
        T before;
        __atomic_exchange(&value_, &v, &before, static_cast<int>(o));
        return before;
    }
    T fetch_add(T v, Order o) { return __atomic_fetch_add(&value_, v, static_cast<int>(o)); }
    T fetch_sub(T v, Order o) { return __atomic_fetch_sub(&value_, v, static_cast<int>(o)); }
    T fetch_or(T v, Order o) { return __atomic_fetch_or(&value_, v, static_cast<int>(o)); }
    T fetch_and(T v, Order o) { return __atomic_fetch_and(&value_, v, static_cast<int>(o)); }

    /// On failure @p expected holds the current value.
    [[nodiscard]] bool compare_exchange(T& expected, T desired, Order success)
    {
        return __atomic_compare_exchange(&value_, &expected, &desired, false, static_cast<int>(success),
                                         __ATOMIC_RELAXED);
    }

private:
    T value_{};
};

/// Atomic access to a word in memory shared with a guest, or one of ours that assembly and its own CPU use plainly.
namespace shared {
template <typename T> using As = std::type_identity_t<T>; // the word alone decides the type
template <typename T> T load(const T* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
template <typename T> void store(T* p, As<T> v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
template <typename T> T fetch_or(T* p, As<T> v) { return __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL); }
template <typename T> T fetch_and(T* p, As<T> v) { return __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL); }
template <typename T> T exchange(T* p, As<T> v) { return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL); }
template <typename T> bool compare_exchange(T* p, T& expected, As<T> desired)
{
    return __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
} // namespace shared

} // namespace hv
