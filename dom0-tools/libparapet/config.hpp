// SPDX-License-Identifier: MIT
//
// The syntax of xl.cfg: `key = value` and `key += value`, where a value is a string, a number or a list of values.
// Comments start with #, statements end with a line or ';', lists may span lines. Every value knows where it stands,
// every complaint says file:line:column. Pure; fuzzed.
#pragma once
#include "libparapet/error.hpp"
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace parapet {

struct Position {
    std::string file; ///< Or argument.
    unsigned line{1}; ///< 0: it has no lines.
    unsigned column{1};
};

class ConfigError : public Error {
public:
    ConfigError(const Position& at, const std::string& what)
        : Error{fmt::format("{}{}:{}: {}", at.file, at.line != 0 ? fmt::format(":{}", at.line) : "", at.column, what)}
    {
    }
};

/// Calls @p act; what it complains of is the setting's fault, and is said so.
template <typename Act> auto blaming(const Position& at, const char* key, Act act)
{
    try {
        return act();
    } catch (const ConfigError&) {
        throw;
    } catch (const Error& e) {
        throw ConfigError{at, fmt::format("'{}': {}", key, e.what())};
    }
}

struct ConfigValue {
    using List = std::vector<ConfigValue>;
    Position at;
    std::variant<std::string, long long, List> value;
    std::string written{}; ///< A number's digits as they stood there (where a setting is text, they are it), also of
                           ///< a number without quotes that is too large: that is text.

    [[nodiscard]] bool is_text() const { return std::holds_alternative<std::string>(value); }
    [[nodiscard]] bool is_number() const { return std::holds_alternative<long long>(value); }
    [[nodiscard]] bool is_list() const { return std::holds_alternative<List>(value); }
    [[nodiscard]] const char* type_name() const;
};

struct ConfigSetting {
    std::string key;
    Position at;
    ConfigValue value;
};

/// In the file's order; a key that stands twice throws, `+=` appends to the list or string before it.
std::vector<ConfigSetting> parse_config(std::string_view text, const std::string& file);

/// One `key=value` of a command line, its argument of that number, where text needs no quotes. It replaces what the
/// file said.
void override_setting(std::vector<ConfigSetting>& settings, const std::string& argument, std::size_t number);

/// The candidate that @p word was probably meant to be, or an empty string.
std::string closest(const std::string& word, const std::vector<std::string>& candidates);

} // namespace parapet
