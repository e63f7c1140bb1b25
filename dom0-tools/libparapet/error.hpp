// SPDX-License-Identifier: MIT
//
// How the tools report failure: an exception whose text is ready for the user. Destructors undo what was begun.
#pragma once
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <stdexcept>

namespace parapet {

class Error : public std::runtime_error {
public:
    explicit Error(const std::string& what, int code = 0) : std::runtime_error{what}, code_{code} {}
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
