// SPDX-License-Identifier: MIT
//
// Hypervisor objects: a size-class heap over the frame allocator, reached only through owning pointers.
// Memory comes zeroed. Rank heap inside; any CPU.
#pragma once
#include "base/assert.hpp"
#include "base/result.hpp"
#include <cstddef>
#include <new>
#include <span>
#include <utility>

namespace hv::mm {

/// At most 2^18 pages; aligned to the size's next power of two, up to a page. Zeroed.
Result<void*> heap_allocate(std::size_t bytes);
void heap_free(void* p, std::size_t bytes);

/// Owning pointer to one heap object. May be empty.
template <typename T> class [[nodiscard]] Box {
public:
    Box() = default;
    explicit Box(T* p) : p_{p} {}
    Box(Box&& o) noexcept : p_{o.release()} {}
    Box& operator=(Box o) noexcept
    {
        std::swap(p_, o.p_);
        return *this;
    }
    ~Box() { reset(); }
    explicit operator bool() const { return p_ != nullptr; }
    [[nodiscard]] T* get() const { return p_; }
    T& operator*() const { return *p_; }
    T* operator->() const { return p_; }
    T* release() { return std::exchange(p_, nullptr); }
    void reset()
    {
        if (T* p = release()) {
            p->~T();
            heap_free(p, sizeof(T));
        }
    }

private:
    T* p_ = nullptr;
};

/// Owning array of default-constructed elements. May be empty.
template <typename T> class [[nodiscard]] Array {
public:
    Array() = default;
    Array(T* p, std::size_t n) : p_{p}, n_{n} {}
    Array(Array&& o) noexcept : p_{std::exchange(o.p_, nullptr)}, n_{std::exchange(o.n_, 0)} {}
    Array& operator=(Array o) noexcept
    {
        std::swap(p_, o.p_);
        std::swap(n_, o.n_);
        return *this;
    }
    ~Array() { reset(); }
    explicit operator bool() const { return p_ != nullptr; }
    [[nodiscard]] std::size_t size() const { return n_; }
    [[nodiscard]] T* data() const { return p_; }
    [[nodiscard]] T* begin() const { return p_; }
    [[nodiscard]] T* end() const { return p_ + n_; }
    [[nodiscard]] T& operator[](std::size_t i) const
    {
        ASSERT(i < n_);
        return p_[i];
    }
    [[nodiscard]] std::span<T> span() const { return {p_, n_}; }
    void reset()
    {
        if (p_ == nullptr) return;
        for (T& t : *this)
            t.~T();
        heap_free(std::exchange(p_, nullptr), std::exchange(n_, 0) * sizeof(T));
    }

private:
    T* p_ = nullptr;
    std::size_t n_ = 0;
};

template <typename T, typename... A> Result<Box<T>> make_box(A&&... args)
{
    static_assert(alignof(T) <= 4096);
    void* p = TRY(heap_allocate(sizeof(T)));
    return Box<T>{::new (p) T(std::forward<A>(args)...)};
}

template <typename T> Result<Array<T>> make_array(std::size_t n)
{
    std::size_t bytes = 0;
    if (n == 0) return Array<T>{};
    if (__builtin_mul_overflow(n, sizeof(T), &bytes)) return Error::enomem;
    T* p = static_cast<T*>(TRY(heap_allocate(bytes)));
    for (std::size_t i = 0; i < n; ++i)
        ::new (static_cast<void*>(p + i)) T();
    return Array<T>{p, n};
}

} // namespace hv::mm
