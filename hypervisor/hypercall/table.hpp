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
/// Called from here and by fast.S: the vCPU and the five argument registers; value in rax, error in edx.
using Handler = Result<std::uint64_t> (*)(domain::Vcpu&, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                          std::uint64_t);

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
    static Result<std::uint64_t> call(domain::Vcpu& v, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                                      std::uint64_t d, std::uint64_t e)
    {
        const Args args{a, b, c, d, e};
        return [&]<std::size_t... I>(std::index_sequence<I...>) { return Fn(v, Decode<A>::from(args[I])...); }
        (std::index_sequence_for<A...>{});
    }
};

struct Entry {
    std::uint32_t number;
    Handler handler;
};

template <std::uint32_t Number, auto Fn> constexpr Entry bind() { return {Number, &Thunk<Fn>::call}; }

inline constexpr std::size_t table_size = 64;
struct Table {
    std::array<Handler, table_size> handler{}; ///< Null: no such hypercall.
};
extern "C" const Table hypercall_table; ///< In list.cpp.

void duplicate_hypercall_number(); // never defined: naming it makes a consteval table ill-formed

template <std::size_t N> consteval Table make_table(const std::array<Entry, N>& entries)
{
    Table t{};
    for (const Entry& e : entries) {
        if (t.handler[e.number] != nullptr) duplicate_hypercall_number();
        t.handler[e.number] = e.handler;
    }
    return t;
}

} // namespace hv::hypercall
