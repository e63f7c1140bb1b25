// SPDX-License-Identifier: MIT
//
// Binds typed hypercall handlers to numbers at compile time. Adding a hypercall is one line in hypercall/list.cpp;
// a duplicate number, an untyped argument or a wrong arity does not compile.
#pragma once
#include "domain/vcpu.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include <array>

namespace hv::hypercall {

using Args = std::array<std::uint64_t, 5>;
/// Called from here and by fast.S: the vCPU among the five argument registers, the last two of which are exchanged;
/// value in rax, error in edx.
using Handler = Return (*)(std::uint64_t, std::uint64_t, std::uint64_t, Vcpu&, std::uint64_t, std::uint64_t);

/// Decodes registers into the handler's parameters; narrow integers are truncated, never trusted.
template <auto Fn> struct Thunk;
template <typename R, typename... A, R (*Fn)(Vcpu&, A...)> struct Thunk<Fn> {
    static_assert(sizeof...(A) <= 5, "a hypercall has at most five register arguments");
    static Return call(std::uint64_t a, std::uint64_t b, std::uint64_t c, Vcpu& v, std::uint64_t e, std::uint64_t d)
    {
        const Args args{a, b, c, d, e};
        return [&]<std::size_t... I>(std::index_sequence<I...>)->Return
        {
            if constexpr (std::same_as<R, Return>) return Fn(v, static_cast<A>(args[I])...); // by a jump
            return in_rax(Fn(v, static_cast<A>(args[I])...));
        }
        (std::index_sequence_for<A...>{});
    }
};

inline Return no_such_call(std::uint64_t, std::uint64_t, std::uint64_t, Vcpu&, std::uint64_t, std::uint64_t)
{
    return Error::enosys;
}

struct Table : std::array<Handler, arch::hypercall_numbers> {
    std::array<bool, arch::hypercall_numbers> quick; ///< Multicall need not look at the clock after each.
};
extern "C" const Table hypercall_table; ///< In list.cpp.

/// Runs one hypercall; restart may come back, with v.continuation() filled if the arguments changed.
inline Return dispatch(Vcpu& v, std::uint64_t number, const Args& args)
{
    v.note_hypercall(number);
    if (number >= arch::hypercall_numbers) [[unlikely]]
        return Error::enosys;
    return hypercall_table[number](args[0], args[1], args[2], v, args[4], args[3]);
}

void duplicate_hypercall_number(); // never defined: naming it makes a consteval table ill-formed

template <std::uint32_t Number, auto Fn> consteval void bind(Table& t)
{
    if (t[Number] != &no_such_call) duplicate_hypercall_number();
    if constexpr (std::same_as<decltype(Fn), Handler>)
        t[Number] = Fn;
    else
        t[Number] = &Thunk<Fn>::call;
}

} // namespace hv::hypercall
