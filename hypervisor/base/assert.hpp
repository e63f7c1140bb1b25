// SPDX-License-Identifier: MIT
//
// ASSERT is for the hypervisor's own bugs: no guest input may reach one. It is on in every build.
#pragma once

namespace hv {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define ASSERT(e) (__builtin_expect(!(e), 0) ? ::hv::assertion_failed(#e, __FILE__, __LINE__) : void(0))
