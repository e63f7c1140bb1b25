// SPDX-License-Identifier: MIT
//
// See device_fields.hpp.
#include "libparapet/device_fields.hpp"
#include <algorithm>

namespace parapet {

std::vector<Field> device_fields(const ConfigValue& v, const char* what, const std::string& last)
{
    if (!v.is_text())
        throw ConfigError{v.at, fmt::format("a {} must be text in quotes, not a {}", what, v.type_name())};
    const std::string& text = std::get<std::string>(v.value);
    std::vector<Field> fields;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t first = text.find_first_not_of(" \t", start);
        const bool rest = !last.empty() && first != std::string::npos && text.compare(first, last.size(), last) == 0 &&
                          text.compare(first + last.size(), 1, "=") == 0;
        const std::size_t comma = rest ? text.size() : std::min(text.find(',', start), text.size());
        std::string word = first == std::string::npos || first >= comma ? "" : text.substr(first, comma - first);
        word.erase(word.find_last_not_of(" \t") + 1);
        Position at = v.at;
        at.column += static_cast<unsigned>(1 + std::min(first, comma));
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            fields.push_back({"", word, at});
        else
            fields.push_back({word.substr(0, equals), word.substr(equals + 1), at});
        start = comma + 1;
    }
    return fields;
}

void unknown_field(const Field& f, const char* what, const std::vector<std::string>& known)
{
    const std::string meant = closest(f.key, known);
    throw ConfigError{f.at, fmt::format("unknown {} parameter '{}'{}", what, f.key,
                                        meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant))};
}

void require_dom0(const Field& f)
{
    if (f.value != "0" && f.value != "Domain-0" && f.value != "dom0")
        throw ConfigError{f.at, fmt::format("backend '{}': only domain 0 serves devices here", f.value)};
}

} // namespace parapet
