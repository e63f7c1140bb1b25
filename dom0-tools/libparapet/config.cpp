// SPDX-License-Identifier: MIT
//
// A recursive-descent parser with bounded depth. See config.hpp.
#include "libparapet/config.hpp"
#include <algorithm>
#include <cctype>
#include <charconv>
#include <numeric>

namespace parapet {
namespace {

constexpr unsigned deepest_list = 8;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string shown(char c)
{
    if (std::isprint(static_cast<unsigned char>(c)) != 0) return fmt::format("'{}'", c);
    return fmt::format("byte {:#04x}", static_cast<unsigned char>(c));
}

/// Decimal, 0x hexadecimal or 0 octal, with or without a sign, and nothing else.
std::errc read_number(std::string_view digits, long long& result)
{
    const bool negative = digits.starts_with('-');
    digits.remove_prefix(negative ? 1 : 0);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        base = 16;
        digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits[0] == '0') {
        base = 8;
    }
    if (digits.starts_with('-')) return std::errc::invalid_argument;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result, base);
    if (error == std::errc{} && stop != digits.data() + digits.size()) return std::errc::invalid_argument;
    if (negative) result = -result;
    return error;
}

class Parser {
public:
    Parser(std::string_view text, Position start) : text_{text}, at_{std::move(start)} {}

    std::vector<ConfigSetting> settings()
    {
        std::vector<ConfigSetting> all;
        for (skip(true); !end(); skip(true))
            statement(all);
        return all;
    }

    /// A value that must be all there is.
    ConfigValue only_value()
    {
        skip(false);
        ConfigValue v = value(0);
        skip(false);
        if (!end()) complain("nothing may follow the value");
        return v;
    }

private:
    [[nodiscard]] bool end() const { return next_ == text_.size(); }
    [[nodiscard]] char peek() const { return end() ? '\0' : text_[next_]; }
    [[noreturn]] void complain(const std::string& what) const { throw ConfigError{at_, what}; }

    char take()
    {
        const char c = text_[next_++];
        if (c == '\n') {
            ++at_.line;
            at_.column = 1;
        } else {
            ++at_.column;
        }
        return c;
    }

    /// Skips blanks and comments; with @p lines also line ends and ';'.
    void skip(bool lines)
    {
        while (!end()) {
            const char c = peek();
            if (c == '#') {
                while (!end() && peek() != '\n')
                    take();
            } else if (c == ' ' || c == '\t' || c == '\r' || (lines && (c == '\n' || c == ';'))) {
                take();
            } else if (c == '\\' && next_ + 1 < text_.size() && text_[next_ + 1] == '\n') {
                take();
                take();
            } else {
                return;
            }
        }
    }

    /// Inside a list, lines end nothing.
    void skip_in_list()
    {
        while (!end()) {
            skip(false);
            if (peek() != '\n') return;
            take();
        }
    }

    void statement(std::vector<ConfigSetting>& all)
    {
        const Position start = at_;
        std::string key;
        while (!end() && (is_word(peek()) || (peek() == '-' && !key.empty())))
            key += take();
        if (key.empty()) complain(fmt::format("a setting must start with its name, not with {}", shown(peek())));
        skip(false);
        const bool append = peek() == '+';
        if (append) take();
        if (end() || peek() != '=') complain(fmt::format("'=' is missing after '{}'", key));
        take();
        skip(false);
        add(all, {key, start, value(0)}, append);
        skip(false);
        if (!end() && peek() != '\n' && peek() != ';')
            complain(fmt::format("{} after the value of '{}'", shown(peek()), key));
    }

    static void add(std::vector<ConfigSetting>& all, ConfigSetting setting, bool append)
    {
        const auto old = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.key == setting.key; });
        if (old == all.end()) {
            all.push_back(std::move(setting));
        } else if (!append) {
            throw ConfigError{setting.at, fmt::format("'{}' was already set on line {}", setting.key, old->at.line)};
        } else if (old->value.is_list() && setting.value.is_list()) {
            auto& list = std::get<ConfigValue::List>(old->value.value);
            auto& more = std::get<ConfigValue::List>(setting.value.value);
            list.insert(list.end(), more.begin(), more.end());
        } else if (old->value.is_text() && setting.value.is_text()) {
            std::get<std::string>(old->value.value) += std::get<std::string>(setting.value.value);
        } else {
            throw ConfigError{setting.at, fmt::format("'+=' cannot append a {} to the {} that '{}' is",
                                                      setting.value.type_name(), old->value.type_name(), setting.key)};
        }
    }

    ConfigValue value(unsigned depth)
    {
        const Position start = at_;
        const char c = peek();
        if (c == '"' || c == '\'') return {start, text()};
        if (c == '[') return {start, list(depth)};
        if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '-') return number();
        if (end() || c == '\n') complain("a value is missing");
        if (is_word(c)) unquoted();
        complain(fmt::format("a value cannot start with {}", shown(c)));
    }

    [[noreturn]] void unquoted() const
    {
        std::string_view word = text_.substr(next_);
        word = word.substr(0, std::find_if_not(word.begin(), word.end(), is_word) - word.begin());
        for (const auto& [name, number] : {std::pair{"true", 1}, {"True", 1}, {"false", 0}, {"False", 0}})
            if (word == name) complain(fmt::format("there is no '{}' here; write {}", word, number));
        complain(fmt::format("text must stand in quotes: \"{}\"", word));
    }

    ConfigValue::List list(unsigned depth)
    {
        if (depth == deepest_list) complain("lists are nested too deeply");
        const Position start = at_;
        ConfigValue::List items;
        take();
        for (;;) {
            skip_in_list();
            if (end()) throw ConfigError{start, "this list is never closed with ']'"};
            if (peek() == ']') break;
            items.push_back(value(depth + 1));
            skip_in_list();
            if (peek() == ',')
                take();
            else if (peek() != ']' && !end())
                complain(fmt::format("',' or ']' expected in the list, not {}", shown(peek())));
        }
        take();
        return items;
    }

    ConfigValue number()
    {
        const Position start = at_;
        std::string digits;
        while (!end() && (is_word(peek()) || peek() == '-'))
            digits += take();
        long long result = 0;
        const std::errc error = read_number(digits, result);
        if (error == std::errc::result_out_of_range)
            throw ConfigError{start, fmt::format("the number {} is out of range", digits)};
        if (error != std::errc{})
            throw ConfigError{start, fmt::format("'{}' is not a number ({})", digits,
                                                 std::all_of(digits.begin(), digits.end(), ::isdigit)
                                                     ? "behind a leading 0, digits are octal"
                                                     : "text must stand in quotes")};
        return {start, result, digits};
    }

    std::string text()
    {
        const Position start = at_;
        const char quote = take();
        std::string result;
        while (!end() && peek() != quote) {
            if (peek() == '\n') break;
            const char c = take();
            if (c == '\0') throw ConfigError{start, "text may not contain a zero byte"};
            result += c == '\\' ? escape() : c;
        }
        if (peek() != quote || end()) throw ConfigError{start, "this text is never closed with its quote"};
        take();
        return result;
    }

    char escape()
    {
        if (end()) complain("the text ends in the middle of an escape");
        const char c = take();
        switch (c) {
        case 'a': return '\a';
        case 'b': return '\b';
        case 'f': return '\f';
        case 'n': return '\n';
        case 't': return '\t';
        case 'r': return '\r';
        case 'v': return '\v';
        case 'x': return coded(2, 16);
        case '\\':
        case '\'':
        case '"': return c;
        default: break;
        }
        complain(fmt::format("unknown escape \\{}", std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '?'));
    }

    char coded(unsigned digits, int base)
    {
        unsigned code = 0;
        const auto* first = text_.data() + next_;
        const auto* last = first + std::min<std::size_t>(digits, text_.size() - next_);
        const auto [stop, error] = std::from_chars(first, last, code, base);
        if (error != std::errc{} || stop != last || code == 0 || last - first != digits)
            complain("two hexadecimal digits, not 00, must follow \\x");
        for (unsigned i = 0; i < digits; ++i)
            take();
        return static_cast<char>(code);
    }

    std::string_view text_;
    Position at_;
    std::size_t next_{0};
};

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

/// Edits (insert, delete, replace, swap neighbours count one each) that turn @p word into @p other; case does not
/// matter.
unsigned distance(const std::string& word, const std::string& other)
{
    const std::string a = lower(word), b = lower(other);
    std::vector<std::vector<unsigned>> d(a.size() + 1, std::vector<unsigned>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        d[i][0] = static_cast<unsigned>(i);
    std::iota(d[0].begin(), d[0].end(), 0U);
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const unsigned change = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

} // namespace

const char* ConfigValue::type_name() const
{
    constexpr const char* names[] = {"text", "number", "list"};
    return names[value.index()];
}

std::vector<ConfigSetting> parse_config(std::string_view text, const std::string& file)
{
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return Parser{text, {file}}.settings();
}

void override_setting(std::vector<ConfigSetting>& settings, const std::string& argument, std::size_t number_of)
{
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos) fail("'{}' is not of the form key=value", argument);
    const std::string key = argument.substr(0, equals);
    const std::string word = argument.substr(equals + 1);
    if (!std::all_of(key.begin(), key.end(), [](char c) { return is_word(c) || c == '-'; }))
        fail("'{}' cannot be the name of a setting", key);
    const Position start{fmt::format("argument {} \"{}\"", number_of, argument), 0},
        at{start.file, 0, static_cast<unsigned>(equals) + 2};
    ConfigValue value{at, word};
    long long number = 0;
    if (const std::errc error = read_number(word, number); error == std::errc{})
        value = {at, number, word};
    else if (error == std::errc::result_out_of_range)
        value.written = word;
    else if (!word.empty() && std::string_view{"[\"'"}.find(word[0]) != std::string_view::npos)
        value = Parser{word, at}.only_value();
    std::erase_if(settings, [&](const auto& s) { return s.key == key; });
    settings.push_back({key, start, std::move(value)});
}

std::string closest(const std::string& word, const std::vector<std::string>& candidates)
{
    std::string best;
    if (word.size() > 64) return best;
    unsigned least = word.size() < 6 ? 2 : static_cast<unsigned>(word.size()) / 3 + 1; // one more than may be wrong
    for (const std::string& c : candidates) {
        const unsigned d = distance(word, c);
        if (d >= least || d >= c.size()) continue;
        least = d;
        best = c;
    }
    return best;
}

} // namespace parapet
