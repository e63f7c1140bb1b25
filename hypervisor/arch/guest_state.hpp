// SPDX-License-Identifier: MIT
//
// The parts of a vCPU that entry code and hardware know: register frame, hot words the assembly paths read, and the
// state that is in the CPU while the vCPU runs. Plain data; touched only by the CPU the vCPU is loaded on.
#pragma once
#include "base/atomic.hpp"
#include "base/units.hpp"
#include "pv-abi/vcpu.h"
#include <array>

namespace hv::arch {

using GuestRegs = pv_cpu_user_regs; ///< Entry code pushes exactly this layout (up to and including ss).

enum class TaskSwitched : std::uint8_t { clear = 0, set = 1 };

inline constexpr std::uint8_t hypercall_numbers = 64; ///< They are lower.

/// Words read by assembly; offsets are generated from this struct. A root is a CR3 value; 0 = none.
struct VcpuHot {
    std::uint64_t kernel_root; ///< A reference, as the next.
    std::uint64_t user_root;
    std::uint64_t kernel_sp;     ///< stack_switch: stack of entries from guest user mode.
    std::uint64_t frame_top;     ///< Where a frame there ends; non-canonical if that cannot be written.
    std::uint64_t syscall_entry; ///< CALLBACKTYPE_syscall; 0 = not registered.
    std::uint64_t fault_entry;   ///< Address of the handler of page faults.
    std::uint64_t event_entry;   ///< CALLBACKTYPE_event; 0 = not registered.
    pv_vcpu_info* info;          ///< Hypervisor mapping of the registered vcpu_info, never null.
    // Bytes that assembly tests together; those that begin with fast allow it to serve what they name.
    std::uint8_t fast_faults;   ///< Page faults have a handler, and it masks events.
    std::uint8_t kernel_mode;   ///< 1 in guest kernel mode, 0 in guest user mode. Both are ring 3.
    std::uint8_t fast_syscalls; ///< System calls have a callback, and it masks events.
    std::uint8_t call_limit;    ///< Hypercalls with lower numbers are: fast_calls in guest kernel mode, else 0.
    std::uint8_t zero[7];
    std::uint8_t fast_calls;
    pv_trap_info* traps;          ///< 256 entries, index = vector; address 0 = no handler.
    Atomic<std::uint64_t> events; ///< Delivered so far. Only its own CPU writes it: no locked instruction is needed.
    std::uint8_t last_call;       ///< Index of the last hypercall in calls.
    std::array<std::uint8_t, 256> calls; ///< Numbers of the last hypercalls, a ring: an index wraps by itself.
};

/// State that moves between memory and hardware at a vCPU switch.
struct GuestCpu {
    std::array<std::uint64_t, 3> bases; ///< By PV_SEGBASE number: FS, GS of guest user mode, GS of its kernel.
    std::uint16_t ds, es, fs, gs;
    std::array<std::uint64_t, 8> debug; ///< dr0-3, 6, 7; 4 and 5 unused.
    std::uint64_t xcr0;
    TaskSwitched task_switched;
    std::uint8_t kernel_mode_gs;    ///< 1: the kernel's GS base is the active one.
    std::byte* fpu;                 ///< fpu_area_bytes(), 64-aligned.
    std::array<Mfn, 14> gdt_frames; ///< invalid_mfn where absent.
    std::uint32_t gdt_entries;      ///< 0..7168
    std::array<Mfn, 16> ldt_frames;
    std::uint32_t ldt_entries; ///< 0..8192
};

} // namespace hv::arch
