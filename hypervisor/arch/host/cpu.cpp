// SPDX-License-Identifier: MIT
//
// CPU state of the fake machine: roots, segment bases, debug registers, identification. A "load" is a copy into the
// calling thread's hardware() record; a TLB operation is a line in flushes().
#include "arch/host/machine.hpp"
#include <cstring>
#include <thread>

namespace hv::arch {
using host::Flush;
using host::state;
using host::thread_state;

namespace {
GuestCpu& hw() { return thread_state().hardware; }
std::uint64_t& base(Base which)
{
    if (which == Base::fs) return hw().bases[0];
    return hw().bases[(which == Base::active_gs) == (hw().kernel_mode_gs != 0) ? 2 : 1];
}
} // namespace

static void record(Flush f)
{
    if (!state().recording) return;
    if (state().before_flush) state().before_flush();
    state().flushes.push_back(f);
}
void load_root(Maddr root_pa)
{
    thread_state().root = root_pa;
    record({Flush::Kind::root, root_pa.raw()});
}
void load_idle_root() { load_root(Maddr{}); }
void invalidate_page(std::uint64_t va) { record({Flush::Kind::page, va}); }
void flush_tlb_local() { record({Flush::Kind::local, 0}); }

CpuName cpu_name(CpuId cpu) { return {cpu.raw() * 2, cpu.raw() + 1}; }
const CpuSet& online_cpus() { return state().online; }
unsigned online_cpu_count() { return state().online.count(); }
void kick_cpu(CpuId) {}
void report_cpu(CpuId) {}
void relax()
{
    if (state().live) host::serve_calls();
    std::this_thread::yield();
}

void call_on_cpus(const CpuSet& cpus, void (*fn)(void*), void* arg)
{
    if (state().live) return host::call_live_cpus(cpus, fn, arg);
    const CpuId self{cpu_info().cpu};
    CpuSet others = cpus;
    others.remove(self);
    if (others.empty() || !state().recording) return;
    record({Flush::Kind::remote, others.word(0)});
    others.for_each([&](CpuId cpu) {
        host::become_cpu(cpu.raw());
        fn(arg);
    });
    host::become_cpu(self.raw());
}

std::size_t fpu_area_bytes() { return 576; }
/// Also what the core should have kept itself: loses what it changed here only.
void save_guest_cpu(GuestCpu& s) { s = hw(); }
void load_guest_cpu(const GuestCpu& s, const GuestCpu*) { hw() = s; }
void swap_gs() { hw().kernel_mode_gs ^= 1; }
void write_base(Base which, std::uint64_t v) { base(which) = v; }
std::uint64_t read_base(Base which) { return base(which); }
void load_user_gs_selector(std::uint16_t selector)
{
    hw().gs = selector;
    base(Base::inactive_gs) = 0;
}
void load_gdt_window(const GuestCpu& s)
{
    hw().gdt_frames = s.gdt_frames;
    hw().gdt_entries = s.gdt_entries;
}
void load_ldt_window(const GuestCpu& s)
{
    hw().ldt_frames = s.ldt_frames;
    hw().ldt_entries = s.ldt_entries;
}
void write_debug_register(unsigned index, std::uint64_t v) { hw().debug.at(index) = v; }
std::uint64_t read_debug_status() { return hw().debug[6]; }
void set_task_switched(TaskSwitched ts) { hw().task_switched = ts; }
void write_xcr0(std::uint64_t v) { hw().xcr0 = v; }

/// A small plausible CPU: "GenuineIntel", family 6, SSE2, XSAVE, NX, long mode, every hidden feature present too, so
/// that a policy that forgets to hide one is seen.
CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf)
{
    switch (leaf) {
    case 0: return {0xd, 0x756e6547, 0x6c65746e, 0x49656e69};
    case 1: return {0x000206a7, 0x00100800, 0xffffffff, 0xffffffff};
    case 7: return subleaf == 0 ? CpuidLeaf{0, ~0U, ~0U, ~0U} : CpuidLeaf{};
    case 0xd: return subleaf == 0 ? CpuidLeaf{7, 832, 832, 0} : subleaf == 2 ? CpuidLeaf{256, 576, 0, 0} : CpuidLeaf{};
    case 0x80000000: return {0x80000008, 0, 0, 0};
    case 0x80000001: return {0, 0, 0xffffffff, 0xffffffff};
    case 0x80000007: return {0, 0, 0, 0x100};
    case 0x80000008: return {0x3028, 0, 0, 0};
    default: return {};
    }
}
bool follows_absent_entries() { return state().l1tf; }
const CpuFeatures& cpu_features()
{
    static constexpr CpuFeatures features{.xcr0_supported = 7, .physical_bits = 40, .invariant_tsc = true};
    return features;
}
Result<std::uint64_t> read_msr(std::uint32_t index)
{
    const auto it = state().planted_msrs.find(index);
    if (it == state().planted_msrs.end()) return Error::einval;
    return it->second;
}

std::uint64_t read_tsc() { return state().live ? host::live_time() : state().now; }
bool tsc_is_stable() { return true; }
TscScale tsc_scale() { return {.mul = 0x80000000, .shift = 1, .khz = 1'000'000}; }
void arm_timer(std::uint64_t ns_from_now) { thread_state().deadline = read_tsc() + ns_from_now; }
void disarm_timer() { thread_state().deadline = 0; }
std::uint64_t boot_wallclock_seconds() { return 1'700'000'000; }

} // namespace hv::arch
