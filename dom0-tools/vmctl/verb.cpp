// SPDX-License-Identifier: MIT
//
// See verb.hpp.
#include "vmctl/verb.hpp"
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmctl {

Verb::Verb(CLI::App& app, const char* name, const char* help) : verb_{*app.add_subcommand(name, help)}
{
    verb_.fallthrough();
}

template <typename T> void Verb::required(const char* name, T& value, const char* help)
{
    verb_.add_option(name, value, help)->required();
}

template <typename T> void Verb::option(const char* names, T& value, const char* help)
{
    verb_.add_option(names, value, help);
}

template <typename T> void Verb::option(const char* names, T& value, const char* help, T least, T most)
{
    verb_.add_option(names, value, help)->check(CLI::Range(least, most));
}

void Verb::flag(const char* names, bool& value, const char* help) { verb_.add_flag(names, value, help); }

void Verb::action(std::function<void()> act) { verb_.callback(std::move(act)); }

void misused(const char* what) { throw CLI::ValidationError{what}; }

template void Verb::required(const char*, std::string&, const char*);
template void Verb::required(const char*, std::vector<std::string>&, const char*);
template void Verb::required(const char*, std::uint32_t&, const char*);
template void Verb::option(const char*, std::string&, const char*);
template void Verb::option(const char*, std::vector<std::string>&, const char*);
template void Verb::option(const char*, std::uint32_t&, const char*);
template void Verb::option(const char*, std::optional<std::uint32_t>&, const char*);
template void Verb::option(const char*, std::uint32_t&, const char*, std::uint32_t, std::uint32_t);
template void Verb::option(const char*, double&, const char*, double, double);

} // namespace vmctl
