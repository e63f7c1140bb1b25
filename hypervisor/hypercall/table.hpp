// SPDX-License-Identifier: MIT
//
// Binds typed hypercall handlers to numbers at compile time. Adding a hypercall is one line in hypercall/list.cpp;
// a duplicate number, an untyped argument or a wrong arity does not compile.
#pragma once
#include "guest/guest_ptr.hpp"
#include <array>

namespace hv::domain {
class Vcpu;
}

namespace hv::hypercall {

using Args = std::array<std::uint64_t, 5>;
using Handler = Result<std::uint64_t> (*)(domain::Vcpu&, const Args&);

/// Decodes one guest register into one handler parameter; narrow integers are truncated, never trusted.
template <typename T> struct Decode;
template <std::unsigned_integral T> struct Decode<T> {
    static constexpr T from(std::uint64_t r) { return static_cast<T>(r); }
};
template <typename Tag, typename Rep> struct Decode<Strong<Tag, Rep>> {
    static constexpr Strong<Tag, Rep> from(std::uint64_t r) { return Strong<Tag, Rep>{static_cast<Rep>(r)}; }
};
template <typename T, guest::Access A> struct Decode<guest::GuestPtr<T, A>> {
    static constexpr guest::GuestPtr<T, A> from(std::uint64_t r) { return guest::GuestPtr<T, A>{GuestVa{r}}; }
};

template <auto Fn> struct Thunk;
template <typename... A, Result<std::uint64_t> (*Fn)(domain::Vcpu&, A...)> struct Thunk<Fn> {
    static_assert(sizeof...(A) <= 5, "a hypercall has at most five register arguments");
    static Result<std::uint64_t> call(domain::Vcpu& v, const Args& args)
    {
        return [&]<std::size_t... I>(std::index_sequence<I...>) { return Fn(v, Decode<A>::from(args[I])...); }
        (std::index_sequence_for<A...>{});
    }
};

struct Entry {
    std::uint32_t number;
    Handler handler;
    const char* name;
};

template <std::uint32_t Number, auto Fn> constexpr Entry bind(const char* name)
{
    return {Number, &Thunk<Fn>::call, name};
}

inline constexpr std::size_t table_size = 64;
struct Table {
    std::array<Entry, table_size> slot{};
};
extern const Table table; ///< In list.cpp.

void duplicate_hypercall_number(); // never defined: naming it makes a consteval table ill-formed

template <std::size_t N> consteval Table make_table(const std::array<Entry, N>& entries)
{
    Table t{};
    for (const Entry& e : entries) {
        if (t.slot[e.number].handler != nullptr) duplicate_hypercall_number();
        t.slot[e.number] = e;
    }
    return t;
}

} // namespace hv::hypercall
