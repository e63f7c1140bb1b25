// SPDX-License-Identifier: MIT
//
// The fake machine's controls and memory. Different on purpose from x86: RAM starts at an arbitrary host address and
// hypervisor root entries are recognisable patterns, so that a core that assumes a layout fails its tests.
#include "arch/host/machine.hpp"
#include "base/assert.hpp"

namespace hv::arch::host {

State& state()
{
    static State s;
    return s;
}

ThreadState& thread_state()
{
    thread_local ThreadState t;
    if (t.info.percpu == nullptr) t.info.percpu = &upcall_percpu(t.info.cpu);
    return t;
}

void reset(std::size_t ram_frames)
{
    State& s = state();
    s = State{};
    s.frames = ram_frames;
    s.ram.resize(ram_frames);
    s.frame_table.resize(ram_frames * 16 / page_size + 1);
    s.m2p.resize(ram_frames * 8 / page_size + 1);
    s.now = 1'000'000'000;
    thread_state() = {};
}

void become_cpu(std::uint32_t cpu)
{
    CpuInfo& info = thread_state().info;
    info.cpu = cpu;
    info.percpu = &upcall_percpu(cpu);
}
void set_online(unsigned count)
{
    state().online = CpuSet{};
    for (unsigned i = 0; i < count; ++i)
        state().online.add(CpuId{i});
}

} // namespace hv::arch::host

namespace hv::arch {
using host::state;
using host::thread_state;

CpuInfo& cpu_info() { return thread_state().info; }

std::byte* frame_address(Mfn frame)
{
    ASSERT(frame.raw() < state().frames);
    return state().ram[frame.raw()].bytes;
}
Mfn frame_of_address(const void* address)
{
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) - state().ram[0].bytes);
    ASSERT(offset < state().frames * page_size);
    return Mfn{offset >> page_shift};
}
std::uint64_t* machine_to_phys_table() { return reinterpret_cast<std::uint64_t*>(state().m2p.data()); }
std::byte* frame_table_memory() { return state().frame_table[0].bytes; }

std::span<const std::uint64_t, 16> hypervisor_root_entries()
{
    static const auto entries = [] {
        std::array<std::uint64_t, 16> e{};
        for (std::size_t i = 0; i < e.size(); ++i)
            e[i] = 0x000f'f000'0000'0063ULL + (i << page_shift);
        return e;
    }();
    return entries;
}

} // namespace hv::arch
