// SPDX-License-Identifier: MIT
//
// Intrusive doubly linked list. The list never owns; whoever holds the list's lock may link and unlink.
#pragma once
#include "base/assert.hpp"

namespace hv {

template <typename T, typename Tag = void> class List;

/// Base class of a linkable object; use distinct tags to be on several lists.
template <typename T, typename Tag = void> class ListNode {
public:
    ListNode() = default;
    ListNode(const ListNode&) = delete;
    ListNode& operator=(const ListNode&) = delete;
    [[nodiscard]] bool linked() const { return next_ != nullptr; }

private:
    friend class List<T, Tag>;
    ListNode* prev_ = nullptr;
    ListNode* next_ = nullptr;
};

template <typename T, typename Tag> class List {
    using Node = ListNode<T, Tag>;

public:
    constexpr List() = default;
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    [[nodiscard]] T* front() const { return empty() ? nullptr : static_cast<T*>(first_); }
    void push_back(T& item) { insert(item, nullptr); }
    void push_front(T& item) { insert(item, first_); }
    /// Links @p item before @p at; a null @p at means the end.
    void insert_before(T& item, T* at) { insert(item, at == nullptr ? nullptr : static_cast<Node*>(at)); }
    void remove(T& item)
    {
        Node& n = item;
        ASSERT(n.linked());
        (n.prev_ == nullptr ? first_ : n.prev_->next_) = n.next_ == &end_ ? (n.prev_ ? &end_ : nullptr) : n.next_;
        if (n.next_ == &end_)
            last_ = n.prev_;
        else
            n.next_->prev_ = n.prev_;
        n.prev_ = n.next_ = nullptr;
    }
    T* pop_front()
    {
        T* item = front();
        if (item != nullptr) remove(*item);
        return item;
    }

    class Iterator {
    public:
        explicit Iterator(Node* n, const Node* end) : node_{n}, end_{end} {}
        T& operator*() const { return static_cast<T&>(*node_); }
        Iterator& operator++()
        {
            node_ = node_->next_ == end_ ? nullptr : node_->next_;
            return *this;
        }
        bool operator!=(const Iterator& o) const { return node_ != o.node_; }

    private:
        Node* node_;
        const Node* end_;
    };
    Iterator begin() { return Iterator{first_, &end_}; }
    Iterator end() { return Iterator{nullptr, &end_}; }

private:
    // A linked node's next_ is never null: the last one points at end_, so linked() needs no extra flag.
    void insert(Node& n, Node* at)
    {
        ASSERT(!n.linked());
        n.prev_ = at == nullptr ? last_ : at->prev_;
        n.next_ = at == nullptr ? &end_ : at;
        (n.prev_ == nullptr ? first_ : n.prev_->next_) = &n;
        (at == nullptr ? last_ : at->prev_) = &n;
    }
    Node* first_ = nullptr;
    Node* last_ = nullptr;
    Node end_;
};

} // namespace hv
