// SPDX-License-Identifier: MIT
// Expectations and the verdict of a micro-kernel. Every failed expectation prints its line, what was got and what was
// wanted; the kernel ends with "RESULT <name> PASS|FAIL" and powers off. One vCPU, no locking.
#pragma once

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/print.hpp"

extern "C" {
extern guest::u64 entry_rflags;
extern guest::u64 entry_regs[16];     // rax rbx rcx rdx rsi rdi rbp rsp r8 .. r15
extern guest::u16 entry_selectors[6]; // cs ds es fs gs ss
extern char image_end[];
#ifdef GUEST_NAME
extern const char guest_name[];
const char guest_name[] = GUEST_NAME; // set by the build for the test's own file only
#else
extern const char guest_name[];
#endif
}

// The test itself, one per micro-kernel.
void test_main();

namespace guest {

extern pv_start_info* start_info;

enum class Hypervisor { xen, parapet };
Hypervisor hypervisor();

// The value to expect where Parapet differs from Xen on purpose (DESIGN.md section 3, docs/compatibility.md).
template <class T> T by_hypervisor(T xen, T parapet) { return hypervisor() == Hypervisor::xen ? xen : parapet; }

// A heading of the story; printed so that a hang can be located.
void step(const char* text);
bool expect(bool ok, const char* what, int line = __builtin_LINE());
bool expect_eq(u64 got, u64 want, const char* what, int line = __builtin_LINE());
bool expect_rc(long got, long want, const char* what, int line = __builtin_LINE());
// For preparations: ends the test at once when the result is negative.
void require(long rc, const char* what, int line = __builtin_LINE());
[[noreturn]] void finish();
[[noreturn]] void fail(const char* why);
[[noreturn]] void shutdown(unsigned reason);

// True when `word` is one of the words of the kernel command line.
bool has_argument(const char* word);
bool starts_with(const char* text, const char* prefix);
bool contains(const char* text, const char* part);

} // namespace guest
