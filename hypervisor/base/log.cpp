// SPDX-License-Identifier: MIT
//
// The formatter, the console ring and the sinks. A line is formatted in a local buffer and claims its part of the ring
// by one addition. Sinks take one line at a time; a writer that waits too long, its peer being stopped or dead, goes
// on.
#include "base/log.hpp"
#include "base/atomic.hpp"
#include <array>

namespace hv::log {
namespace {

constexpr std::size_t line_limit = 256;
constexpr std::size_t max_sinks = 4;

std::array<char, ring_bytes> ring;
Atomic<std::uint64_t> ring_head;  // absolute position of the next byte
Atomic<std::uint64_t> ring_floor; // nothing before this position is shown
std::array<Sink, max_sinks> sinks;
Atomic<std::uint32_t> sink_count;
Atomic<std::uint8_t> sinks_busy;
Atomic<std::uint8_t> threshold{static_cast<std::uint8_t>(Level::info)};

/// Bounded writer: drops what does not fit and always leaves room for the NUL.
class Writer {
public:
    explicit Writer(std::span<char> out) : out_{out} {}
    void put(char c)
    {
        if (used_ + 1 < out_.size()) out_[used_++] = c;
    }
    void put(const char* s)
    {
        for (s = s == nullptr ? "(null)" : s; *s != 0; ++s)
            put(*s);
    }
    void number(std::uint64_t v, unsigned base)
    {
        char digits[20];
        unsigned n = 0;
        do {
            digits[n++] = "0123456789abcdef"[v % base];
            v /= base;
        } while (v != 0);
        while (n != 0)
            put(digits[--n]);
    }
    std::size_t finish()
    {
        if (!out_.empty()) out_[used_] = 0;
        return used_;
    }

private:
    std::span<char> out_;
    std::size_t used_ = 0;
};

void put_arg(Writer& w, const Arg& a, bool hex)
{
    switch (a.kind) {
    case Arg::Kind::text: return w.put(a.text);
    case Arg::Kind::character: return w.put(static_cast<char>(a.number));
    case Arg::Kind::integer:
        if (!hex && static_cast<std::int64_t>(a.number) < 0) {
            w.put('-');
            return w.number(0 - a.number, 10);
        }
        [[fallthrough]];
    case Arg::Kind::natural:
        if (hex) w.put("0x");
        return w.number(a.number, hex ? 16 : 10);
    }
}

void append_to_ring(std::span<const char> text)
{
    const std::uint64_t at = ring_head.fetch_add(text.size(), Order::acq_rel);
    for (std::size_t i = 0; i < text.size(); ++i)
        __atomic_store_n(&ring[(at + i) % ring_bytes], text[i], __ATOMIC_RELAXED);
}

} // namespace

std::size_t format_args(std::span<char> out, const char* p, std::span<const Arg> args)
{
    Writer w{out};
    std::size_t next = 0;
    for (; *p != 0; ++p) {
        const bool plain = p[0] == '{' && p[1] == '}';
        const bool hex = p[0] == '{' && p[1] == 'x' && p[2] == '}';
        if ((plain || hex) && next < args.size()) {
            put_arg(w, args[next++], hex);
            p += hex ? 2 : 1;
        } else {
            w.put(*p);
        }
    }
    return w.finish();
}

void write_line(Level level, const char* pattern, std::span<const Arg> args)
{
    if (static_cast<std::uint8_t>(level) > threshold.load(Order::relaxed)) return; // a guest can cause debug lines
    std::array<char, line_limit> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    constexpr std::array prefix{"(parapet) error: ", "(parapet) warning: ", "(parapet) ", "(parapet) debug: "};
    std::size_t n = format_args(buffer, prefix[static_cast<std::size_t>(level)], {});
    n += format_args(std::span{buffer}.subspan(n, line_limit - n - 1), pattern, args);
    if (n >= line_limit) n = line_limit - 1; // format_args() stays below; the compiler cannot know
    buffer[n++] = '\n';
    append_to_ring(std::span{buffer}.first(n));
    write_raw(std::span{buffer}.first(n));
}

void set_threshold(Level most_verbose) { threshold.store(static_cast<std::uint8_t>(most_verbose), Order::relaxed); }

void write_raw(std::span<const char> text)
{
    constexpr unsigned patience = 10'000'000; // spins: longer than any line takes
    for (unsigned i = 0; i < patience && sinks_busy.exchange(1, Order::acquire) != 0; ++i) {
    }
    const std::uint32_t n = sink_count.load(Order::acquire);
    for (std::uint32_t i = 0; i < n; ++i)
        sinks[i](text);
    sinks_busy.store(0, Order::release);
}

void add_sink(Sink sink)
{
    const std::uint32_t n = sink_count.load(Order::relaxed);
    if (n == max_sinks) return;
    sinks[n] = sink;
    sink_count.store(n + 1, Order::release);
}

RingRead read_ring(std::uint64_t from, std::span<char> out)
{
    const std::uint64_t head = ring_head.load(Order::acquire);
    const std::uint64_t oldest = head > ring_bytes ? head - ring_bytes : 0;
    const std::uint64_t floor = ring_floor.load(Order::acquire);
    from = from < oldest ? oldest : from;
    from = from < floor ? floor : from;
    std::size_t n = 0;
    while (n < out.size() && from < head)
        out[n++] = __atomic_load_n(&ring[from++ % ring_bytes], __ATOMIC_RELAXED);
    return {n, from};
}

void clear_ring() { ring_floor.store(ring_head.load(Order::acquire), Order::release); }

} // namespace hv::log
