// SPDX-License-Identifier: MIT
//
// Hypervisor objects, reached only through owning pointers. Each has frames of its own: there are few (a domain has
// about a dozen beside its vCPUs), and most fill a page. Any CPU.
#pragma once
#include "mm/allocator.hpp"
#include <cstddef>
#include <new>
#include <span>
#include <type_traits>

namespace hv::mm {

/// At most 2^18 pages, aligned to their number's next power of two.
Result<void*> heap_allocate(std::size_t bytes, Contents contents = Contents::zeroed);
void heap_free(void* p);

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
            heap_free(p);
        }
    }

private:
    T* p_ = nullptr;
};

/// Owning array of default-constructed elements. May be empty.
template <typename T> class [[nodiscard]] Array {
public:
    Array() = default;
    explicit Array(std::span<T> elements) : span_{elements} {}
    Array(Array&& o) noexcept : span_{std::exchange(o.span_, {})} {}
    Array& operator=(Array o) noexcept
    {
        std::swap(span_, o.span_);
        return *this;
    }
    ~Array()
    {
        for (T& t : span_)
            t.~T();
        if (!span_.empty()) heap_free(span_.data());
    }
    explicit operator bool() const { return !span_.empty(); }
    [[nodiscard]] T* data() const { return span_.data(); }
    [[nodiscard]] std::span<T> span() const { return span_; }
    [[nodiscard]] T& operator[](std::size_t i) const
    {
        ASSERT(i < span_.size());
        return span_[i];
    }
    /// Shows only the first @p n from now on, at least one.
    void cut(std::size_t n) requires std::is_trivially_destructible_v<T> { span_ = span_.first(n); }

private:
    std::span<T> span_;
};

template <typename T, typename... A> Result<Box<T>> make_box(A&&... args)
{
    static_assert(alignof(T) <= 4096);
    void* p = TRY(heap_allocate(sizeof(T)));
    return Box<T>{::new (p) T(std::forward<A>(args)...)};
}

template <typename T> Result<Array<T>> make_array(std::size_t n, Contents contents = Contents::zeroed)
{
    std::size_t bytes = 0;
    if (n == 0) return Array<T>{};
    if (__builtin_mul_overflow(n, sizeof(T), &bytes)) return Error::enomem;
    const std::span<T> elements{static_cast<T*>(TRY(heap_allocate(bytes, contents))), n};
    if constexpr (!std::is_trivially_default_constructible_v<T>)
        for (T& t : elements)
            ::new (static_cast<void*>(&t)) T();
    return Array<T>{elements};
}

} // namespace hv::mm
