// SPDX-License-Identifier: MIT
// A guest user address space: its own L4 with one L1 at 4 MiB, built before it is pinned and installed with
// NEW_USER_BASEPTR. Kernel and user share nothing else, as in stock Linux. One vCPU, no locking.
#pragma once

#include <new>

#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"

namespace guest {

constexpr u64 kUserBase = 0x400000;
constexpr u64 kUserCode = kUserBase;           // page 0: code, read-only to the user
constexpr u64 kUserStack = kUserBase + 0x1000; // page 1
constexpr u64 kUserData = kUserBase + 0x2000;  // page 2
constexpr u64 kUserStackTop = kUserStack + kPageSize;
constexpr u64 kUserHole = kUserBase + 0x10000; // never mapped
constexpr u64 kUserRflags = kFlagReserved | kFlagIf;

class UserSpace {
public:
    // Builds, pins and installs the tables; code, stack and data are fresh pages reachable through the members too.
    UserSpace();
    // Copies machine code to the start of the code page.
    void load(const void* begin, const void* end);
    u8* code_page() { return code_; }
    u8* stack_page() { return stack_; }
    u8* data_page() { return data_; }
    u64* l1() { return l1_; }
    u64* l4() { return l4_; }
    u64 l3_entry() const { return l4_[0]; }
    // A context that starts at the code page with an empty stack and zero registers.
    TrapFrame context() const;

private:
    u64 *l4_, *l3_, *l2_, *l1_;
    u8 *code_, *stack_, *data_;
};

} // namespace guest

// Machine code between two labels of the enclosing function's own name space: USER_CODE(name, "instructions").
#define USER_CODE(name, text)                                                                                          \
    asm(".pushsection .rodata\n" #name "_begin:\n" text "\n" #name "_end:\n.popsection");                              \
    extern "C" const char name##_begin[], name##_end[]
