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

/// Not 0 unless all four are the null selector 0.
std::uint64_t all_selectors(const GuestCpu& s) { return reinterpret_cast<const std::uint64_t&>(s.ds); }
#define STORE_SELECTOR(name, to) asm volatile("mov %%" #name ", %0" : "=m"(to))

void save_fpu(const GuestCpu& s)
{
    if (s.task_switched == TaskSwitched::set) [[unlikely]]
        set_task_switched(TaskSwitched::clear);
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

/// Restores every component, not only those the guest enabled: what it never used is reset, never another vCPU's. What
/// cannot be loaded (it can come from a saved context) is reset. TS is clear.
void load_fpu(const GuestCpu& s)
{
    static constexpr std::uint32_t zero = 0;
    if (abilities().stale_fp_pointers)
        asm volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero)); // ours, not another's
    if (abilities().xsave) {
        write_xcr0(abilities().xcr0_all);
        asm goto("1: xrstor64 (%0)\n" EX_TABLE("1b", "%l[bad]") : : "r"(s.fpu), "a"(-1), "d"(-1) : "memory" : bad);
        if (s.xcr0 != abilities().xcr0_all) write_xcr0(s.xcr0);
    } else {
        asm goto("1: fxrstor64 (%0)\n" EX_TABLE("1b", "%l[bad]") : : "r"(s.fpu) : "memory" : bad);
    }
    if (s.task_switched == TaskSwitched::set) [[unlikely]]
        set_task_switched(TaskSwitched::set);
    return;
bad:
    init_fpu_area(s.fpu);
    load_fpu(s);
}

/// Most vCPUs have no breakpoints, then nothing is written.
[[gnu::cold, gnu::noinline]] void load_breakpoints(const GuestCpu& s)
{
    for (unsigned i = 0; i < 4; ++i)
        write_debug_register(i, s.debug[i]);
    write_debug_register(7, s.debug[7]);
}

} // namespace

std::size_t fpu_area_bytes() { return abilities().fpu_bytes; }

void save_guest_cpu(GuestCpu& s)
{
    STORE_SELECTOR(ds, s.ds);
    STORE_SELECTOR(es, s.es);
    STORE_SELECTOR(fs, s.fs);
    STORE_SELECTOR(gs, s.gs);
    const std::size_t mode = s.kernel_mode_gs;
    s.bases[0] = read_base(Base::fs);
    s.bases[1 + mode] = read_base(Base::active_gs);
    s.bases[2 - mode] = read_base(Base::inactive_gs);
    if ((s.debug[7] & dr7_enables) != 0) [[unlikely]] {
        s.debug[6] = read_debug_status();
        write_debug_register(7, dr7_idle);
    }
    save_fpu(s);
}

// Selectors first: loading one also loads a base.
void load_guest_cpu(const GuestCpu& s, const GuestCpu* before)
{
    barrier_between_vcpus();
    const GuestCpu& was = before != nullptr ? *before : s;
    if (before == nullptr || (was.gdt_entries | s.gdt_entries) != 0) load_gdt_window(s);
    if (before == nullptr || (was.ldt_entries | s.ldt_entries) != 0) load_ldt_window(s);
    static constexpr std::array<std::uint64_t, 3> unknown{1ULL << 63, 1ULL << 63, 1ULL << 63}; // no base is that
    const std::array<std::uint64_t, 3>* had = &was.bases;
    const std::size_t mode = s.kernel_mode_gs;
    if (before == nullptr || (all_selectors(was) | all_selectors(s)) != 0 || mode != was.kernel_mode_gs) {
        load_ds(s.ds);
        load_es(s.es);
        load_fs(s.fs);
        load_gs(s.gs);
        had = &unknown;
    }
    if (s.bases[0] != (*had)[0]) write_base(Base::fs, s.bases[0]);
    if (s.bases[1 + mode] != (*had)[1 + mode]) write_base(Base::active_gs, s.bases[1 + mode]);
    if (s.bases[2 - mode] != (*had)[2 - mode]) write_base(Base::inactive_gs, s.bases[2 - mode]);
    if ((s.debug[7] & dr7_enables) != 0) [[unlikely]]
        load_breakpoints(s);
    load_fpu(s);
}

void swap_gs() { asm volatile("swapgs" : : : "memory"); }
// A base that is not canonical faults; a core that lets one through loses it here rather than the machine.
void write_base(Base which, std::uint64_t v)
{
    std::uint32_t low = static_cast<std::uint32_t>(v), high = static_cast<std::uint32_t>(v >> 32);
    asm volatile("1: wrmsr\n2:\n" ON_FAULT("1b", "xor %k0, %k0\nxor %k1, %k1\nwrmsr", "2b")
                 : "+a"(low), "+d"(high)
                 : "c"(msr_fs_base + static_cast<std::uint32_t>(which)));
}
std::uint64_t read_base(Base which) { return rdmsr(msr_fs_base + static_cast<std::uint32_t>(which)); }

void load_user_gs_selector(std::uint16_t selector)
{
    swap_gs();
    write_base(Base::active_gs, 0); // AMD leaves the base alone when it loads a null selector
    load_gs(selector);
    swap_gs();
}

void write_debug_register(unsigned index, std::uint64_t v)
{
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
    if (ts == TaskSwitched::set) return write_cr0(read_cr0() | cr0_ts);
    asm volatile("clts");
}

void write_xcr0(std::uint64_t v)
{
    asm volatile("xsetbv" : : "a"(static_cast<std::uint32_t>(v)), "d"(static_cast<std::uint32_t>(v >> 32)), "c"(0));
}

} // namespace hv::arch
