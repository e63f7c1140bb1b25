// SPDX-License-Identifier: MIT
// Text output of a micro-kernel, one line at a time, through console_io. Formats: %d %u %x (64 bits each), %s, %c, %%.
// No locking: one vCPU prints.
#pragma once

namespace guest {

[[gnu::format(printf, 1, 2)]] void print(const char* format, ...);

} // namespace guest
