// SPDX-License-Identifier: MIT
//
// Log lines: type-safe formatting into a fixed buffer, into the console ring and to the sinks the machine layer
// registered. `{}` prints a value in its natural form (integers decimal, strings, Strong as its number), `{x}` in
// hexadecimal with 0x. Any CPU, any context; never allocates. Each line is one call and gets its newline here.
#pragma once
#include "base/strong.hpp"
#include <cstdint>
#include <span>

namespace hv::log {

enum class Level : std::uint8_t { error, warning, info, debug };

struct Arg {
    enum class Kind : std::uint8_t { natural, integer, text, character } kind = Kind::natural;
    std::uint64_t number = 0;
    const char* text = nullptr;

    // All implicit on purpose. NOLINTBEGIN
    constexpr Arg(const char* s) : kind{Kind::text}, text{s} {}
    constexpr Arg(char c) : kind{Kind::character}, number{static_cast<unsigned char>(c)} {}
    template <std::unsigned_integral I> constexpr Arg(I v) : number{v} {}
    template <std::signed_integral I> constexpr Arg(I v) : kind{Kind::integer}, number{static_cast<std::uint64_t>(v)} {}
    template <typename T, typename R, Unit u> constexpr Arg(Strong<T, R, u> v) : number{v.raw()} {}
    template <typename T> Arg(T* p) : number{reinterpret_cast<std::uintptr_t>(p)} {}
    // NOLINTEND
};

/// Formats into @p out; returns the number of characters written, always less than out.size(); NUL-terminates.
std::size_t format_args(std::span<char> out, const char* pattern, std::span<const Arg> args);
void write_line(Level level, const char* pattern, std::span<const Arg> args);

template <typename... A> void line(Level level, const char* pattern, A... a)
{
    const Arg args[sizeof...(A) + 1] = {Arg{a}..., Arg{0U}};
    write_line(level, pattern, {args, sizeof...(A)});
}
template <typename... A> void error(const char* p, A... a) { line(Level::error, p, a...); }
template <typename... A> void warning(const char* p, A... a) { line(Level::warning, p, a...); }
template <typename... A> void info(const char* p, A... a) { line(Level::info, p, a...); }
template <typename... A> void debug(const char* p, A... a) { line(Level::debug, p, a...); }

/// Lines above this level go nowhere (`loglvl=`).
void set_threshold(Level most_verbose);
/// Text that has its own line structure, to the sinks alone: the console output of dom0, which would push the log out
/// of the ring.
void write_raw(std::span<const char> text);
using Sink = void (*)(std::span<const char>);
/// At most four sinks, registered during boot on the boot CPU.
void add_sink(Sink sink);

inline constexpr std::size_t ring_bytes = 64 * 1024;
/// Copies the ring from absolute position @p from into @p out; returns {bytes copied, next position}.
struct RingRead {
    std::size_t copied;
    std::uint64_t next;
};
RingRead read_ring(std::uint64_t from, std::span<char> out);
/// Forgets what is in the ring (`vmctl dmesg --clear`).
void clear_ring();

} // namespace hv::log
