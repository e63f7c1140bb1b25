// SPDX-License-Identifier: MIT
//
// Pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) over intrusive nodes: O(1) insert, O(log n) amortised remove.
// It never owns; whoever holds its lock may change it. T derives from HeapNode<T> and has `bool before(const T&)
// const`.
#pragma once

namespace hv {

template <typename T> class PairingHeap;

template <typename T> class HeapNode {
    friend class PairingHeap<T>;
    T* child_ = nullptr;   ///< First child.
    T* sibling_ = nullptr; ///< Next sibling.
    T* back_ = nullptr;    ///< Previous sibling, or parent of a first child.
};

template <typename T> class PairingHeap {
public:
    [[nodiscard]] T* first() const { return root_; }

    void insert(T& t)
    {
        unlink(t);
        root_ = meld(root_, &t);
    }

    void remove(T& t)
    {
        Node& n = t;
        T* const orphans = meld_children(n.child_);
        if (root_ == &t) {
            root_ = orphans;
        } else {
            Node& back = *n.back_;
            (back.child_ == &t ? back.child_ : back.sibling_) = n.sibling_;
            if (n.sibling_ != nullptr) node(n.sibling_).back_ = n.back_;
            root_ = meld(root_, orphans);
        }
        unlink(t);
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
            T* const child = node(next).child_;
            // Below one that is found, or later than it, nothing is earlier.
            next = better && !found && child != nullptr ? child : after(next);
        }
        return best;
    }

private:
    using Node = HeapNode<T>;
    static Node& node(T* t) { return *t; }
    static void unlink(Node& n) { n.child_ = n.sibling_ = n.back_ = nullptr; }

    /// The next in preorder that is not below @p t. Walks back over siblings that were visited.
    static T* after(T* t)
    {
        while (t != nullptr && node(t).sibling_ == nullptr) {
            while (node(t).back_ != nullptr && node(node(t).back_).child_ != t)
                t = node(t).back_;
            t = node(t).back_; // the parent
        }
        return t == nullptr ? nullptr : node(t).sibling_;
    }

    /// Joins two heaps; either may be null. The later root becomes the first child of the earlier.
    static T* meld(T* a, T* b)
    {
        if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
        const bool swap = b->before(*a);
        T *const parent = swap ? b : a, *const child = swap ? a : b;
        node(child).sibling_ = node(parent).child_;
        if (node(child).sibling_ != nullptr) node(node(child).sibling_).back_ = child;
        node(child).back_ = parent;
        node(parent).child_ = child;
        return parent;
    }

    /// Two-pass melding of a sibling list into one heap, without recursion: pair left to right, then fold right to
    /// left.
    static T* meld_children(T* first)
    {
        T* pairs = nullptr; // singly linked through sibling_, last pair first
        while (first != nullptr) {
            T* const a = first;
            T* const b = node(a).sibling_;
            first = b == nullptr ? nullptr : node(b).sibling_;
            node(a).sibling_ = node(a).back_ = nullptr;
            if (b != nullptr) node(b).sibling_ = node(b).back_ = nullptr;
            T* const m = meld(a, b);
            node(m).sibling_ = pairs;
            pairs = m;
        }
        T* root = nullptr;
        while (pairs != nullptr) {
            T* const next = node(pairs).sibling_;
            node(pairs).sibling_ = nullptr;
            root = meld(root, pairs);
            pairs = next;
        }
        return root;
    }

    T* root_ = nullptr;
};

} // namespace hv
