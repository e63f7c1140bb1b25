// SPDX-License-Identifier: MIT
//
// The fake machine's controls and memory. Different on purpose from x86: RAM starts at an arbitrary host address and
// hypervisor root entries are recognisable patterns, so that a core that assumes a layout fails its tests.
#include "arch/host/state.hpp"
#include "base/assert.hpp"
#include <cstdlib>
#include <cstring>

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

static Pages zero_pages(std::size_t bytes)
{
    const std::size_t rounded = (bytes + page_size) & ~(page_size - 1);
    auto* p = static_cast<std::byte*>(std::aligned_alloc(page_size, rounded));
    std::memset(p, 0, rounded);
    return Pages{p};
}

void reset(std::size_t ram_frames)
{
    State& s = state();
    s = State{};
    s.frames = ram_frames;
    s.ram = zero_pages(ram_frames * page_size);
    s.frame_table = zero_pages(ram_frames * 16);
    s.m2p = zero_pages(ram_frames * 8);
    s.flat.resize(1 << 20);
    s.now = 1'000'000'000;
    for (GsiState& g : s.gsis)
        g.masked = true;
    ThreadState& t = thread_state();
    t.root = Maddr{};
    t.hardware = GuestCpu{};
    t.info.hot = nullptr;
    t.info.current = nullptr;
}

std::size_t ram_frames() { return state().frames; }
void become_cpu(std::uint32_t cpu)
{
    CpuInfo& info = thread_state().info;
    info.cpu = cpu;
    info.percpu = &upcall_percpu(cpu);
}
std::vector<std::byte>& flat_guest_memory() { return state().flat; }
void fault_after(std::size_t bytes) { state().fault_budget = bytes; }
std::uint64_t armed_deadline() { return state().deadline; }
std::vector<Flush>& flushes() { return state().flushes; }
void on_flush(std::function<void()> look) { state().look = std::move(look); }
void record_flushes(bool on) { state().recording = on; }
void set_online(unsigned count)
{
    state().online = CpuSet{};
    for (unsigned i = 0; i < count; ++i)
        state().online.add(CpuId{i});
}
CpuSet take_kicks() { return std::exchange(state().kicked, CpuSet{}); }
GsiState& gsi_state(unsigned gsi) { return state().gsis.at(gsi); }
bool msi_bound(unsigned cookie) { return state().msis.at(cookie); }
std::vector<PortAccess>& port_accesses() { return state().ports; }
void plant_port(std::uint16_t port, std::uint32_t value) { state().planted_ports[port] = value; }
void plant_msr(std::uint32_t index, std::uint64_t value) { state().planted_msrs[index] = value; }
GuestCpu& hardware() { return thread_state().hardware; }
std::uint64_t active_gs_base() { return read_active_gs_base(); }
void type_on_console(const std::string& text) { state().typed.insert(state().typed.end(), text.begin(), text.end()); }
std::size_t waits() { return state().waits; }

} // namespace hv::arch::host

namespace hv::arch {
using host::state;
using host::thread_state;

CpuInfo& cpu_info() { return thread_state().info; }

std::byte* frame_address(Mfn frame)
{
    ASSERT(frame.raw() < state().frames);
    return state().ram.get() + frame.raw() * page_size;
}
Mfn frame_of_address(const void* address)
{
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) - state().ram.get());
    ASSERT(offset < state().frames * page_size);
    return Mfn{offset >> page_shift};
}
std::uint64_t* machine_to_phys_table() { return reinterpret_cast<std::uint64_t*>(state().m2p.get()); }
std::byte* frame_table_memory() { return state().frame_table.get(); }

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
