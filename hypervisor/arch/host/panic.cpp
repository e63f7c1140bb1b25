// SPDX-License-Identifier: MIT
//
// A failed ASSERT on the host ends the test process, loudly.
#include "base/assert.hpp"
#include <cstdio>
#include <cstdlib>

void hv::assertion_failed(const char* expression, const char* file, int line)
{
    std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    std::abort();
}
