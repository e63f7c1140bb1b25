// SPDX-License-Identifier: MIT
//
// See cpu_list.hpp.
#include "libparapet/cpu_list.hpp"
#include <algorithm>
#include <charconv>

namespace parapet {
namespace {

struct Part {
    std::string_view text; ///< Without the blanks around it.
    std::size_t offset;
};

Part trimmed(std::string_view text, std::size_t offset)
{
    const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(first);
    text = text.substr(0, text.find_last_not_of(" \t") + 1);
    return {text, offset + first};
}

std::size_t cpu_number(std::string_view text, const Part& part)
{
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || error == std::errc::invalid_argument || end != text.data() + text.size())
        throw CpuListError{
            fmt::format("'{}' is no CPU, nor a range of them; write for example 0,2-3 or all,^1 or all", part.text),
            part.offset};
    if (error != std::errc{} || n >= most_cpus)
        throw CpuListError{fmt::format("there is no CPU {}: the last one ever is {}", text, most_cpus - 1),
                           part.offset};
    return n;
}

CpuList range_of(std::string_view text, const Part& part)
{
    if (text == "all") return CpuList{}.set();
    const std::size_t dash = text.find('-');
    const std::size_t first = cpu_number(text.substr(0, dash), part);
    const std::size_t last = dash == text.npos ? first : cpu_number(text.substr(dash + 1), part);
    if (last < first) throw CpuListError{fmt::format("'{}' runs backwards", part.text), part.offset};
    CpuList list;
    for (std::size_t n = first; n <= last; ++n)
        list.set(n);
    return list;
}

void take(CpuChoice& choice, const Part& part)
{
    if (part.text.starts_with("node"))
        throw CpuListError{fmt::format("'{}': NUMA nodes are not told apart here; name CPUs", part.text), part.offset};
    const bool away = part.text.starts_with('^');
    const std::string_view text = part.text.substr(away ? 1 : 0);
    const CpuList range = range_of(text, part);
    if (away) {
        choice.list &= ~range;
        choice.named &= ~range;
    } else {
        choice.list |= range;
        if (text != "all") choice.named |= range;
    }
}

} // namespace

CpuChoice parse_choice(const std::string& text)
{
    CpuChoice choice;
    std::string_view rest = text;
    for (;;) {
        const std::size_t comma = rest.find(',');
        take(choice, trimmed(rest.substr(0, comma), text.size() - rest.size()));
        if (comma == rest.npos) break;
        rest.remove_prefix(comma + 1);
    }
    if (choice.list.none()) throw CpuListError{fmt::format("'{}' leaves no CPU; start with all or a range", text), 0};
    return choice;
}

CpuList resolve(const CpuChoice& choice, std::size_t cpus)
{
    CpuList machine;
    for (std::size_t n = 0; n < std::min(cpus, most_cpus); ++n)
        machine.set(n);
    const CpuList absent = choice.named & ~machine;
    if (absent.any()) fail("there is no CPU {}: this machine's are 0 to {}", format_cpus(absent, most_cpus), cpus - 1);
    const CpuList list = choice.list & machine;
    if (list.none()) fail("no CPU is left: this machine's are 0 to {}", cpus - 1);
    return list;
}

CpuList parse_cpus(const std::string& text, std::size_t cpus) { return resolve(parse_choice(text), cpus); }

std::string format_cpus(const CpuList& list, std::size_t cpus)
{
    std::string text;
    for (std::size_t n = 0; n < cpus; ++n) {
        if (!list.test(n)) continue;
        const std::size_t first = n;
        while (n + 1 < cpus && list.test(n + 1))
            ++n;
        if (first == 0 && n + 1 == cpus) return "all";
        text += fmt::format("{}{}", text.empty() ? "" : ",", first);
        if (n != first) text += fmt::format("-{}", n);
    }
    return text.empty() ? "none" : text;
}

} // namespace parapet
