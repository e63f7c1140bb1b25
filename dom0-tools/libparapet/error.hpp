// SPDX-License-Identifier: MIT
//
// How the tools report failure: an exception whose text is ready for the user, in one line: what it quotes of a file or
// of xenstore may have control characters, which a terminal would obey. Destructors undo what was begun.
#pragma once
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <stdexcept>

namespace parapet {

inline std::string printable(const std::string& text)
{
    std::string shown;
    for (const char c : text)
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f)
            shown += fmt::format("\\x{:02x}", byte);
        else
            shown += c;
    return shown;
}

class Error : public std::runtime_error {
public:
    explicit Error(const std::string& what, int code = 0) : std::runtime_error{printable(what)}, code_{code} {}
    [[nodiscard]] int code() const { return code_; } ///< errno, or 0 where there is none

private:
    int code_;
};

template <typename... Args> [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args)
{
    throw Error{fmt::format(text, std::forward<Args>(args)...)};
}

/// As fail(), with errno's meaning behind the text.
template <typename... Args> [[noreturn]] void fail_errno(fmt::format_string<Args...> text, Args&&... args)
{
    const int code = errno;
    throw Error{fmt::format(text, std::forward<Args>(args)...) + ": " + std::strerror(code), code};
}

} // namespace parapet
