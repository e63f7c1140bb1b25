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

    [[nodiscard]] bool is(const char* s) const
    {
        return __builtin_strlen(s) == size && __builtin_memcmp(s, data, size) == 0;
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

bool read_choice(Text v, Choice& out)
{
    if (v.is("on") || v.is("1") || v.is("yes") || v.is("true")) return out = Choice::on, true;
    if (v.is("off") || v.is("0") || v.is("no") || v.is("false")) return out = Choice::off, true;
    if (v.is("default") || v.is("auto")) return out = Choice::automatic, true;
    return false;
}

bool read_level(Text v, log::Level& out)
{
    const Text first = v.cut('/'); // Xen allows "limited/always"; the first decides
    if (first.is("none") || first.is("error")) return out = log::Level::error, true;
    if (first.is("warning")) return out = log::Level::warning, true;
    if (first.is("info")) return out = log::Level::info, true;
    if (first.is("debug") || first.is("all")) return out = log::Level::debug, true;
    return false;
}

bool read_console(Text v, Options& o)
{
    o.console_given = true;
    while (v.size != 0) {
        const Text device = v.cut(',');
        if (device.is("com1"))
            o.console_com1 = true;
        else if (device.is("vga"))
            o.console_vga = true;
        else if (!device.is("none"))
            return false;
    }
    return true;
}

bool read_baud(Text v, std::uint32_t& out) // what divides the UART's clock evenly
{
    std::uint32_t baud = 0;
    if (!read_into(v, baud, 115200, 1) || 115200 % baud != 0) return false;
    return out = baud, true;
}

bool read_com1(Text v, Options& o) // BAUD[,FRAME[,PORT]]; only 8n1 frames exist here
{
    o.com1_given = true;
    const Text baud = v.cut(','), frame = v.cut(','), port = v.cut(',');
    if (baud.is("auto"))
        o.com1_baud = 0;
    else if (!read_baud(baud, o.com1_baud))
        return false;
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
        if (name.is("max")) {
            if (!read_size(key, o.dom0_max_bytes)) return false;
        } else if (name.is("min")) {
            std::uint64_t ignored = 0; // an exact size is given or everything: a minimum adds nothing
            if (!read_size(key, ignored)) return false;
        } else if (!read_size(value, o.dom0_bytes)) {
            return false;
        }
    }
    return true;
}

bool read_flag(Text v, bool present, bool& out)
{
    if (!present) return out = true, true;
    Choice c{};
    if (!read_choice(v, c) || c == Choice::automatic) return false;
    return out = c == Choice::on, true;
}

/// Null, or what is wrong with the word.
const char* apply(Options& o, Text name, Text value, bool has_value)
{
    const auto used = [](bool ok) { return ok ? nullptr : "bad value, default kept"; };
    if (name.is("console")) return used(read_console(value, o));
    if (name.is("com1")) return used(read_com1(value, o));
    if (name.is("dom0_mem")) return used(read_dom0_mem(value, o));
    if (name.is("dom0_max_vcpus")) return used(read_into(value, o.dom0_max_vcpus, 64, 1));
    if (name.is("maxcpus")) return used(read_into(value, o.maxcpus, 256));
    if (name.is("loglvl")) return used(read_level(value, o.log_level));
    if (name.is("guest_loglvl")) return used(read_level(value, o.guest_log_level));
    if (name.is("noreboot")) return used(read_flag(value, has_value, o.noreboot));
    if (name.is("spec-ctrl")) return used(read_choice(value, o.spec_ctrl));
    if (name.is("xpti")) return used(read_choice(value, o.xpti));
    if (name.is("watchdog_timeout")) return used(read_into(value, o.watchdog_seconds, 3600));
    if (name.is("tsc")) {
        o.tsc = value.is("stable") ? Choice::on : value.is("unstable") ? Choice::off : o.tsc;
        return used(o.tsc != Choice::automatic);
    }
    if (name.is("fastpath")) return used(read_flag(value, has_value, o.fastpath));
    if (name.is("sched") || name.is("cpufreq")) return nullptr; // accepted: one scheduler, no governor
    if (name.is("placeholder") || name.is("no-real-mode") || name.is("edd")) return nullptr; // Debian's GRUB script
    return "unknown option, ignored";
}

} // namespace

Options parse_options(const char* line, void (*complain)(const char*, const char*))
{
    Options o;
    o.command_line = line;
    Text rest{line, __builtin_strlen(line)};
    while (rest.size != 0) {
        const Text word = rest.cut(' ');
        if (word.size == 0) continue;
        Text value = word;
        const Text name = value.cut('=');
        const char* const why = apply(o, name, value, name.size != word.size);
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
