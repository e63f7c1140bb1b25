// SPDX-License-Identifier: MIT
//
// Guest state that lives in the CPU: segments and their bases, FPU (eager), debug registers, TS, XCR0. Called by the
// CPU the vCPU is loaded on. A selector that faults on load is replaced by the null selector.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/features.hpp"
#include "arch/x86/mitigations.hpp"

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint64_t dr7_idle = 0x400, dr7_enables = 0xff;
std::array<std::uint64_t, 256> loaded_dr7; // by CPU: most vCPUs have no breakpoints, then nothing is written

std::uint32_t msr_of(Base which) { return msr_fs_base + static_cast<std::uint32_t>(which); }

#define LOAD_SELECTOR(name)                                                                                            \
    void load_##name(std::uint16_t selector)                                                                           \
    {                                                                                                                  \
        asm volatile("1: mov %k0, %%" #name "\n2:\n" ON_FAULT("1b", "xor %k0, %k0\nmov %k0, %%" #name, "2b")           \
                     : "+r"(selector));                                                                                \
    }
LOAD_SELECTOR(ds)
LOAD_SELECTOR(es)
LOAD_SELECTOR(fs)
LOAD_SELECTOR(gs)
#undef LOAD_SELECTOR

#define STORE_SELECTOR(name, to) asm volatile("mov %%" #name ", %0" : "=r"(to))

void save_fpu(const GuestCpu& s)
{
    if (s.task_switched == TaskSwitched::set) set_task_switched(TaskSwitched::clear);
    if (!abilities().xsave) {
        asm volatile("fxsave64 (%0)" : : "r"(s.fpu) : "memory");
        return;
    }
    if (s.xcr0 != abilities().xcr0_all) write_xcr0(abilities().xcr0_all);
    if (abilities().xsaveopt)
        asm volatile("xsaveopt64 (%0)" : : "r"(s.fpu), "a"(-1), "d"(-1) : "memory");
    else
        asm volatile("xsave64 (%0)" : : "r"(s.fpu), "a"(-1), "d"(-1) : "memory");
}

/// False if @p area is malformed (it can come from a saved context).
bool restore(const std::byte* area)
{
    bool failed = false;
    if (abilities().xsave)
        asm volatile("1: xrstor64 (%1)\n2:\n" ON_FAULT("1b", "mov $1, %b0", "2b")
                     : "+q"(failed)
                     : "r"(area), "a"(-1), "d"(-1)
                     : "memory");
    else
        asm volatile("1: fxrstor64 (%1)\n2:\n" ON_FAULT("1b", "mov $1, %b0", "2b")
                     : "+q"(failed)
                     : "r"(area)
                     : "memory");
    return !failed;
}

/// Restores every component, not only those the guest enabled: what it never used is reset, never another vCPU's.
void load_fpu(const GuestCpu& s)
{
    set_task_switched(TaskSwitched::clear);
    const std::uint32_t zero = 0;
    if (abilities().stale_fp_pointers)
        asm volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero)); // ours, not another's
    if (abilities().xsave) write_xcr0(abilities().xcr0_all);
    if (!restore(s.fpu)) {
        init_fpu_area(s.fpu);
        restore(s.fpu);
    }
    if (abilities().xsave && s.xcr0 != abilities().xcr0_all) write_xcr0(s.xcr0);
    if (s.task_switched == TaskSwitched::set) set_task_switched(TaskSwitched::set);
}

void load_debug_registers(const GuestCpu& s)
{
    const std::uint64_t dr7 = s.debug[7] | dr7_idle;
    if (((dr7 | loaded_dr7[cpu_info().cpu]) & dr7_enables) == 0) return;
    write_debug_register(7, dr7_idle);
    for (unsigned i = 0; i < 4; ++i)
        write_debug_register(i, s.debug[i]);
    write_debug_register(6, s.debug[6]);
    write_debug_register(7, dr7);
}

} // namespace

std::size_t fpu_area_bytes() { return abilities().fpu_bytes; }

void save_guest_cpu(GuestCpu& s)
{
    STORE_SELECTOR(ds, s.ds);
    STORE_SELECTOR(es, s.es);
    STORE_SELECTOR(fs, s.fs);
    STORE_SELECTOR(gs, s.gs);
    s.fs_base = read_base(Base::fs);
    const std::uint64_t active = read_base(Base::active_gs), inactive = read_base(Base::inactive_gs);
    s.kernel_gs_base = s.kernel_mode_gs != 0 ? active : inactive;
    s.user_gs_base = s.kernel_mode_gs != 0 ? inactive : active;
    if ((s.debug[7] & dr7_enables) != 0) s.debug[6] = read_debug_status();
    save_fpu(s);
}

// Selectors first: loading one also loads a base.
void load_guest_cpu(const GuestCpu& s)
{
    barrier_between_vcpus();
    load_gdt_window(s);
    load_ldt_window(s);
    load_ds(s.ds);
    load_es(s.es);
    load_fs(s.fs);
    load_gs(s.gs);
    write_base(Base::fs, s.fs_base);
    write_base(Base::active_gs, s.kernel_mode_gs != 0 ? s.kernel_gs_base : s.user_gs_base);
    write_base(Base::inactive_gs, s.kernel_mode_gs != 0 ? s.user_gs_base : s.kernel_gs_base);
    load_debug_registers(s);
    load_fpu(s);
}

void swap_gs() { asm volatile("swapgs" : : : "memory"); }
// A base that is not canonical faults; a core that lets one through loses it here rather than the machine.
void write_base(Base which, std::uint64_t v)
{
    std::uint32_t low = static_cast<std::uint32_t>(v), high = static_cast<std::uint32_t>(v >> 32);
    asm volatile("1: wrmsr\n2:\n" ON_FAULT("1b", "xor %k0, %k0\nxor %k1, %k1\nwrmsr", "2b")
                 : "+a"(low), "+d"(high)
                 : "c"(msr_of(which)));
}
std::uint64_t read_base(Base which) { return rdmsr(msr_of(which)); }

void load_user_gs_selector(std::uint16_t selector)
{
    swap_gs();
    write_base(Base::active_gs, 0); // AMD leaves the base alone when it loads a null selector
    load_gs(selector);
    swap_gs();
}

void write_debug_register(unsigned index, std::uint64_t v)
{
    if (index == 7) loaded_dr7[cpu_info().cpu] = v;
    switch (index) {
    case 0: asm volatile("mov %0, %%dr0" : : "r"(v)); break;
    case 1: asm volatile("mov %0, %%dr1" : : "r"(v)); break;
    case 2: asm volatile("mov %0, %%dr2" : : "r"(v)); break;
    case 3: asm volatile("mov %0, %%dr3" : : "r"(v)); break;
    case 6: write_dr6(v); break;
    case 7: asm volatile("mov %0, %%dr7" : : "r"(v)); break;
    default: break;
    }
}

std::uint64_t read_debug_status() { return read_dr6(); }

void set_task_switched(TaskSwitched ts)
{
    if (ts == TaskSwitched::set)
        write_cr0(read_cr0() | cr0_ts);
    else
        asm volatile("clts");
}

void write_xcr0(std::uint64_t v)
{
    asm volatile("xsetbv" : : "a"(static_cast<std::uint32_t>(v)), "d"(static_cast<std::uint32_t>(v >> 32)), "c"(0));
}

} // namespace hv::arch
