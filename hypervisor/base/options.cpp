// SPDX-License-Identifier: MIT
//
// A table of words, each with a function that reads its value. See base/options.hpp.
#include "base/options.hpp"
#include <array>

namespace hv {
Options options;
namespace {

/// A part of the command line.
struct Text {
    const char* data;
    std::size_t size;

    Text(const char* text) : Text{text, __builtin_strlen(text)} {} // NOLINT: implicit on purpose
    Text(const char* start, std::size_t n) : data{start}, size{n} {}
    [[nodiscard]] bool is(Text other) const
    {
        return other.size == size && __builtin_memcmp(other.data, data, size) == 0;
    }
    /// Cuts off and returns everything before the first @p separator (all of it if there is none).
    Text cut(char separator)
    {
        std::size_t n = 0;
        while (n < size && data[n] != separator)
            ++n;
        const Text head{data, n};
        const std::size_t skip = n < size ? n + 1 : n;
        data += skip;
        size -= skip;
        return head;
    }
};

bool read_number(Text t, std::uint64_t& out)
{
    const bool hex = t.size > 2 && t.data[0] == '0' && (t.data[1] | 0x20) == 'x';
    std::size_t i = hex ? 2 : 0;
    if (i == t.size) return false;
    std::uint64_t value = 0;
    for (; i < t.size; ++i) {
        const unsigned c = static_cast<unsigned char>(t.data[i]) | 0x20U;
        const unsigned digit = c - '0' < 10 ? c - '0' : c - 'a' < 6 && hex ? c - 'a' + 10 : 99;
        if (digit == 99 || __builtin_mul_overflow(value, hex ? 16U : 10U, &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
    }
    out = value;
    return true;
}

/// Number with an optional suffix B K M G T; without one the unit is KiB, as Xen has it.
bool read_size(Text t, std::uint64_t& out)
{
    if (t.size == 0) return false;
    const char last = static_cast<char>(t.data[t.size - 1] | 0x20);
    unsigned unit = 0;
    while (unit < 5 && "bkmgt"[unit] != last)
        ++unit;
    const unsigned shift = unit == 5 ? 10 : 10 * unit;
    if (unit != 5) --t.size;
    std::uint64_t n = 0;
    if (!read_number(t, n) || n > (~0ULL >> shift)) return false;
    out = n << shift;
    return true;
}

template <typename T> bool read_into(Text v, T& out, std::uint64_t limit, std::uint64_t least = 0)
{
    std::uint64_t n = 0;
    if (!read_number(v, n) || n < least || n > limit) return false;
    out = static_cast<T>(n);
    return true;
}

/// Words that may be given, and what they stand for.
template <typename V> struct Meaning {
    const char* words;
    V value;
};
constexpr Meaning<Choice> choices[] = {
    {"on 1 yes true", Choice::on}, {"off 0 no false", Choice::off}, {"default auto", Choice::automatic}};
constexpr Meaning<Choice> tsc_kinds[] = {{"stable", Choice::on}, {"unstable", Choice::off}};
constexpr Meaning<log::Level> levels[] = {{"none error", log::Level::error},
                                          {"warning", log::Level::warning},
                                          {"info", log::Level::info},
                                          {"debug all", log::Level::debug}};

template <typename V, std::size_t N> bool read_word(Text given, const Meaning<V> (&meanings)[N], V& out)
{
    for (const Meaning<V>& m : meanings)
        for (Text words{m.words}; words.size != 0;)
            if (given.is(words.cut(' '))) return out = m.value, true;
    return false;
}

bool read_console(Text v, Options& o)
{
    o.console_given = true;
    while (v.size != 0) {
        const Text device = v.cut(',');
        o.console_com1 |= device.is("com1");
        o.console_vga |= device.is("vga");
        if (!device.is("com1") && !device.is("vga") && !device.is("none")) return false;
    }
    return true;
}

bool read_com1(Text v, Options& o) // BAUD[,FRAME[,PORT]]; only 8n1 frames exist here
{
    o.com1_given = true;
    const Text baud = v.cut(','), frame = v.cut(','), port = v.cut(',');
    std::uint32_t rate = 0;
    if (!baud.is("auto") && (!read_into(baud, rate, 115200, 1) || 115200 % rate != 0)) return false;
    o.com1_baud = rate; // what divides the UART's clock evenly
    if (frame.size != 0 && !frame.is("8n1")) return false;
    return port.size == 0 || read_into(port, o.com1_port, 0xfff8);
}

bool read_dom0_mem(Text v, Options& o) // SIZE[,min:SIZE][,max:SIZE]
{
    if (v.size == 0) return false;
    while (v.size != 0) {
        Text value = v.cut(',');
        Text key = value;
        const Text name = key.cut(':');
        std::uint64_t ignored = 0; // an exact size is given or everything: a minimum adds nothing
        const bool limit = name.is("max") || name.is("min");
        if (!read_size(limit ? key : value, !limit ? o.dom0_bytes : name.is("max") ? o.dom0_max_bytes : ignored))
            return false;
    }
    return true;
}

bool read_flag(Text v, bool& out) // the word alone, or a choice
{
    Choice c = Choice::on;
    if ((v.size != 0 && !read_word(v, choices, c)) || c == Choice::automatic) return false;
    return out = c == Choice::on, true;
}

/// Null, or what is wrong with the word.
const char* apply(Options& o, Text name, Text value)
{
    const auto used = [](bool ok) { return ok ? nullptr : "bad value, default kept"; };
    if (name.is("console")) return used(read_console(value, o));
    if (name.is("com1")) return used(read_com1(value, o));
    if (name.is("dom0_mem")) return used(read_dom0_mem(value, o));
    if (name.is("dom0_max_vcpus")) return used(read_into(value, o.dom0_max_vcpus, 64, 1));
    if (name.is("maxcpus")) return used(read_into(value, o.maxcpus, 256));
    // Levels: Xen allows "limited/always"; the first decides.
    if (name.is("loglvl")) return used(read_word(value.cut('/'), levels, o.log_level));
    if (name.is("guest_loglvl")) return used(read_word(value.cut('/'), levels, o.guest_log_level));
    if (name.is("noreboot")) return used(read_flag(value, o.noreboot));
    if (name.is("spec-ctrl")) return used(read_word(value, choices, o.spec_ctrl));
    if (name.is("xpti")) return used(read_word(value, choices, o.xpti));
    if (name.is("watchdog_timeout")) return used(read_into(value, o.watchdog_seconds, 3600));
    if (name.is("tsc")) return used(read_word(value, tsc_kinds, o.tsc));
    if (name.is("fastpath")) return used(read_flag(value, o.fastpath));
    if (name.is("x2apic")) return used(read_flag(value, o.x2apic));
    if (name.is("smap")) return used(read_word(value, choices, o.smap));
    if (name.is("sched") || name.is("cpufreq")) return nullptr; // accepted: one scheduler, no governor
    if (name.is("placeholder") || name.is("no-real-mode") || name.is("edd")) return nullptr; // Debian's GRUB script
    return "unknown option, ignored";
}

} // namespace

Options parse_options(const char* line, void (*complain)(const char*, const char*))
{
    Options o;
    o.command_line = line;
    Text rest{line};
    while (rest.size != 0) {
        const Text word = rest.cut(' ');
        if (word.size == 0) continue;
        Text value = word;
        const Text name = value.cut('=');
        const char* const why = apply(o, name, value);
        if (why == nullptr) continue;
        std::array<char, 64> copy{};
        for (std::size_t i = 0; i < word.size && i + 1 < copy.size(); ++i)
            copy[i] = word.data[i];
        complain(copy.data(), why);
    }
    if (!o.console_given) o.console_vga = true, o.console_com1 = o.com1_given; // as Xen
    return o;
}

} // namespace hv
