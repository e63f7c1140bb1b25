// SPDX-License-Identifier: MIT
//
// What the fake machine remembers, shared by the files of arch/host. Guarded by nothing: tests drive it from one
// thread at a time, except RAM and the per-thread parts.
#pragma once
#include "arch/host/machine.hpp"
#include <array>
#include <deque>
#include <map>
#include <memory>

namespace hv::arch::host {

struct FreeDeleter {
    void operator()(std::byte* p) const { std::free(p); }
};
using Pages = std::unique_ptr<std::byte, FreeDeleter>;

struct State {
    std::size_t frames = 0;
    Pages ram, frame_table, m2p;
    std::vector<std::byte> flat;
    std::size_t fault_budget = no_fault;
    std::uint64_t now = 0, deadline = 0;
    std::vector<Flush> flushes;
    bool recording = true;
    std::function<void()> look;
    CpuSet online = CpuSet::of(CpuId{0}), kicked;
    std::array<GsiState, 24> gsis{};
    std::array<bool, 4096> msis{};
    std::vector<PortAccess> ports;
    std::map<std::uint16_t, std::uint32_t> planted_ports;
    std::map<std::uint32_t, std::uint64_t> planted_msrs;
    std::map<std::uint64_t, std::uint32_t> pci;
    std::deque<char> typed;
    std::size_t waits = 0;
};
State& state();

struct ThreadState {
    CpuInfo info{};
    Maddr root{};
    GuestCpu hardware{};
};
ThreadState& thread_state();

} // namespace hv::arch::host
