// SPDX-License-Identifier: MIT
//
// What the help says beyond a line for each option, and what is made of all that at build time: the man page and the
// completion. Verbs and options come from the parser itself, so that neither can say anything else.
#pragma once
#include <exception>
#include <string>

namespace CLI {
class App;
}

namespace vmctl {

/// A paragraph on the verb, or an empty text.
std::string explanation(const std::string& verb);

enum class Exit : int { done, failed, usage, refused, not_found, timeout };
/// What ended in this way, as an exit status; not for CLI11's own errors.
Exit exit_status(const std::exception& error);

/// Fills the @...@ lines of a template from what the parser knows: `man` or `completion`.
std::string generate(const CLI::App& app, const std::string& kind, const std::string& pattern);

} // namespace vmctl
