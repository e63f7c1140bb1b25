// SPDX-License-Identifier: MIT
//
// Skew heap (Sleator, Tarjan 1986) over intrusive nodes: insert and remove are O(log n) amortised. It never owns;
// whoever holds its lock may change it. T derives from HeapNode<T> and has `bool before(const T&) const`.
#pragma once
#include <utility>

namespace hv {

template <typename T> class SkewHeap;

template <typename T> class HeapNode {
    friend class SkewHeap<T>;
    T *up_ = nullptr, *left_ = nullptr, *right_ = nullptr; ///< A right child only beside a left one.
};

template <typename T> class SkewHeap {
public:
    [[nodiscard]] T* first() const { return root_; }

    void insert(T& t)
    {
        node(&t) = {};
        if (root_ != nullptr && !t.before(*root_)) return void(root_ = meld(root_, &t, nullptr));
        if (root_ != nullptr) node(root_).up_ = &t; // what meld() would make of it
        node(&t).left_ = std::exchange(root_, &t);
    }

    void remove(T& t)
    {
        T* const up = node(&t).up_;
        T*& place = up == nullptr ? root_ : node(up).left_ == &t ? node(up).left_ : node(up).right_;
        place = node(&t).right_ == nullptr ? node(&t).left_ : meld(node(&t).left_, node(&t).right_, up);
        if (place != nullptr) node(place).up_ = up;
        if (up != nullptr && node(up).left_ == nullptr) std::swap(node(up).left_, node(up).right_);
    }

    /// Removes the first; there is one.
    [[gnu::always_inline]] T& pop()
    {
        T& t = *root_;
        root_ = node(&t).right_ == nullptr ? node(&t).left_ : meld(node(&t).left_, node(&t).right_, nullptr);
        if (root_ != nullptr) node(root_).up_ = nullptr;
        return t;
    }

    /// The first in order that @p accept takes among at most @p limit nodes, looked at from the top; null if none.
    template <typename F> [[nodiscard]] T* find(F&& accept, unsigned limit) const
    {
        T* best = nullptr;
        T* next = root_;
        for (; next != nullptr && limit != 0; --limit) {
            const bool better = best == nullptr || next->before(*best);
            const bool found = better && accept(*next);
            if (found) best = next;
            T* const child = node(next).left_;
            // Below one that is found, or later than it, nothing is earlier.
            next = better && !found && child != nullptr ? child : after(next);
        }
        return best;
    }

private:
    static HeapNode<T>& node(T* t) { return *t; }

    /// The next in preorder that is not below @p t.
    static T* after(T* t)
    {
        for (T* up = node(t).up_; up != nullptr; t = up, up = node(up).up_)
            if (node(up).right_ != nullptr && node(up).right_ != t) return node(up).right_;
        return nullptr;
    }

    /// Joins two heaps, the second of which may be null, below @p up: their right spines in order, each node's children
    /// exchanged on the way.
    static T* meld(T* a, T* b, T* up)
    {
        T* root = nullptr;
        T** at = &root;
        while (b != nullptr) {
            if (b->before(*a)) std::swap(a, b);
            *at = a;
            at = &node(a).left_;
            node(a).up_ = std::exchange(up, a);
            T* const rest = std::exchange(node(a).right_, node(a).left_);
            a = std::exchange(b, rest);
        }
        *at = a;
        node(a).up_ = up;
        return root;
    }

    T* root_ = nullptr;
};

} // namespace hv
