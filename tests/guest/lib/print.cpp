// SPDX-License-Identifier: MIT
// Formats into a stack buffer and writes it with one hypercall, so that lines stay whole on the shared console.
// Longer text is cut at the buffer's end.
#include "tests/guest/lib/print.hpp"

#include <stdarg.h>

#include "tests/guest/lib/hypercall.hpp"

namespace guest {
namespace {

struct Buffer {
    char text[400];
    unsigned used = 0;
    void put(char c)
    {
        if (used < sizeof text) {
            text[used++] = c;
        }
    }
    void put_string(const char* s)
    {
        while (*s != 0) {
            put(*s++);
        }
    }
    void put_number(u64 value, unsigned base)
    {
        char digits[24];
        unsigned n = 0;
        do {
            digits[n++] = "0123456789abcdef"[value % base];
            value /= base;
        } while (value != 0);
        while (n > 0) {
            put(digits[--n]);
        }
    }
};

void put_conversion(Buffer& out, char kind, va_list& args)
{
    if (kind == 's') {
        out.put_string(va_arg(args, const char*));
    } else if (kind == 'c') {
        out.put(static_cast<char>(va_arg(args, int)));
    } else if (kind == '%') {
        out.put('%');
    } else {
        u64 value = va_arg(args, u64);
        if (kind == 'd' && static_cast<long>(value) < 0) {
            out.put('-');
            value = -value;
        }
        out.put_number(value, kind == 'x' ? 16 : 10);
    }
}

} // namespace

void print(const char* format, ...)
{
    Buffer out;
    va_list args;
    va_start(args, format);
    for (; *format != 0; ++format) {
        if (*format != '%') {
            out.put(*format);
            continue;
        }
        do {
            ++format;
        } while (*format == 'l');
        put_conversion(out, *format, args);
    }
    va_end(args);
    console_write(out.text, out.used);
}

} // namespace guest
