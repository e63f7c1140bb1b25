// SPDX-License-Identifier: MIT
//
// A verb of the command line, as the verbs' own files see it. CLI11 stands behind it, but is included only where it is
// parsed with or read: it costs a compiler seconds, in every file.
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace vmctl {

/// A subcommand that also takes --json behind its own name. Its arguments' values are texts and numbers, which must be
/// there as long as its action is.
class Verb {
public:
    Verb(CLI::App& app, const char* name, const char* help);
    /// An argument that must be there; it is known by its place.
    template <typename T> void required(const char* name, T& value, const char* help);
    /// One that need not be; it is known by its place, or by names such as -w,--wait.
    template <typename T> void option(const char* names, T& value, const char* help);
    template <typename T> void option(const char* names, T& value, const char* help, T least, T most);
    void flag(const char* names, bool& value, const char* help);
    void action(std::function<void()> act);

private:
    CLI::App& verb_;
};

/// The command line can be read, but makes no sense.
[[noreturn]] void misused(const char* what);

} // namespace vmctl
