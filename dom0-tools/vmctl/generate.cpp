// SPDX-License-Identifier: MIT
//
// See manual.hpp: the man page's section of verbs and the completion's cases, from the parser.
#include "libparapet/error.hpp"
#include "vmctl/manual.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace vmctl {
namespace {

using Options = std::vector<const CLI::Option*>;

constexpr std::pair<Exit, const char*> exits[] = {
    {Exit::done, "done"},
    {Exit::failed, "the hypervisor, xenstore or the system failed, or is not there"},
    {Exit::usage, "there is no such verb or option, or an argument is missing or unreadable"},
    {Exit::refused, "a mistake in a configuration, or what the domain's state or the machine does not allow; nothing "
                    "was changed"},
    {Exit::not_found, "there is no such domain, file or record"},
    {Exit::timeout, "the guest was asked, and has not followed in time"},
};

/// With roff's own characters made plain.
std::string roff(const std::string& text)
{
    std::string out;
    for (const char c : text)
        out += c == '\\' ? "\\e" : c == '-' ? "\\-" : std::string(1, c);
    return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

bool is_flag(const CLI::Option& o) { return o.get_items_expected_max() == 0; }

Options options_of(const CLI::App& verb, bool positional)
{
    Options all;
    for (const CLI::Option* o : verb.get_options())
        if (o->get_positional() == positional && o->get_name(false, true).find("--help") == std::string::npos)
            all.push_back(o);
    return all;
}

/// Its names as they are typed: -w, --wait.
std::vector<std::string> names_of(const CLI::Option& o)
{
    std::vector<std::string> names;
    for (const std::string& n : o.get_snames())
        names.push_back("-" + n);
    for (const std::string& n : o.get_lnames())
        names.push_back("--" + n);
    return names;
}

std::string synopsis(const CLI::App& verb)
{
    std::string text = "\\fB" + roff(verb.get_name()) + "\\fR";
    for (const CLI::Option* o : options_of(verb, true)) {
        const std::string name =
            "\\fI" + o->get_single_name() + "\\fR" + (o->get_items_expected_max() > 1 ? "..." : "");
        text += o->get_required() ? " " + name : " [" + name + "]";
    }
    for (const CLI::Option* o : options_of(verb, false))
        text += fmt::format(" [{}{}]", roff(names_of(*o)[0]), is_flag(*o) ? "" : " \\fIVALUE\\fR");
    return text;
}

std::string manual_of(const CLI::App& verb)
{
    const std::string more = explanation(verb.get_name());
    std::string text =
        ".TP\n" + synopsis(verb) + "\n" + roff(more.empty() ? verb.get_description() + "." : more) + "\n";
    for (const bool positional : {true, false})
        for (const CLI::Option* o : options_of(verb, positional)) {
            const std::string name = positional ? "\\fI" + o->get_single_name() + "\\fR"
                                                : roff(fmt::format("{}", fmt::join(names_of(*o), ", ")));
            text += ".br\n" + name + ": " + roff(o->get_description()) + "\n";
        }
    return text;
}

std::string case_of(const CLI::App& verb)
{
    std::vector<std::string> words, arguments;
    for (const CLI::Option* o : options_of(verb, false))
        for (const std::string& name : names_of(*o))
            words.push_back(name);
    for (const CLI::Option* o : options_of(verb, true))
        arguments.push_back(o->get_single_name());
    return fmt::format("    {}) options='{} --json --help' arguments='{}' ;;\n", verb.get_name(), fmt::join(words, " "),
                       fmt::join(arguments, " "));
}

std::string replaced(std::string text, const std::string& mark, const std::string& with)
{
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) parapet::fail("the template has no {}", mark);
    return text.replace(at, mark.size(), with);
}

} // namespace

std::string generate(const CLI::App& app, const std::string& kind, const std::string& pattern)
{
    std::string verbs, names, statuses;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        verbs += kind == "man" ? manual_of(*verb) : case_of(*verb);
        names += (names.empty() ? "" : " ") + verb->get_name();
    }
    for (const auto& [status, meaning] : exits)
        statuses += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(status), roff(meaning));
    if (kind == "man") return replaced(replaced(pattern, "@VERBS@\n", verbs), "@EXITS@\n", statuses);
    if (kind == "completion") return replaced(replaced(pattern, "@NAMES@", names), "@CASES@\n", verbs);
    parapet::fail("there is nothing of the kind '{}' to generate", kind);
}

} // namespace vmctl
