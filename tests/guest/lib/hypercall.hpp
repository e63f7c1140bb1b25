// SPDX-License-Identifier: MIT
// The hypercall instruction as stock Linux uses it: number in rax, arguments in rdi rsi rdx r10 r8, result in rax.
// A micro-kernel is single-threaded; nothing here holds state. Typed wrappers take ABI structures by reference.
#pragma once

#include <stdint.h>

#include "tests/abi.h"

namespace guest {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s32 = int32_t;

inline long hypercall(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0)
{
    long result;
    register u64 r10 asm("r10") = d;
    register u64 r8 asm("r8") = e;
    asm volatile("syscall"
                 : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                 : "0"(number)
                 : "rcx", "r11", "memory");
    return result;
}

template <class T> u64 addr(const T* pointer) { return reinterpret_cast<u64>(pointer); }

inline long xen_version(u64 op, void* out = nullptr) { return hypercall(PV_HYPERCALL_XEN_VERSION, op, addr(out)); }
inline long memory_op(u64 op, void* arg) { return hypercall(PV_HYPERCALL_MEMORY_OP, op, addr(arg)); }
inline long event_op(u64 op, void* arg) { return hypercall(PV_HYPERCALL_EVENT_CHANNEL_OP, op, addr(arg)); }
inline long sched_op(u64 op, void* arg) { return hypercall(PV_HYPERCALL_SCHED_OP, op, addr(arg)); }
inline long physdev_op(u64 op, void* arg) { return hypercall(PV_HYPERCALL_PHYSDEV_OP, op, addr(arg)); }
inline long callback_op(u64 op, void* arg) { return hypercall(PV_HYPERCALL_CALLBACK_OP, op, addr(arg)); }
inline long vcpu_op(u64 op, u64 vcpu, void* arg) { return hypercall(PV_HYPERCALL_VCPU_OP, op, vcpu, addr(arg)); }
inline long grant_op(u64 op, void* args, u64 count)
{
    return hypercall(PV_HYPERCALL_GRANT_TABLE_OP, op, addr(args), count);
}
inline long console_write(const char* text, u64 length)
{
    return hypercall(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_WRITE, length, addr(text));
}

} // namespace guest
