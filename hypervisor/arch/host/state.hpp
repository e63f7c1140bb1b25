// SPDX-License-Identifier: MIT
//
// What the fake machine remembers, shared by the files of arch/host. Guarded by nothing: tests drive it from one
// thread at a time, except RAM, the per-thread parts, and what a live machine needs.
#pragma once
#include "arch/host/machine.hpp"
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>

namespace hv::arch::host {

struct FreeDeleter {
    void operator()(std::byte* p) const { std::free(p); }
};
using Pages = std::unique_ptr<std::byte, FreeDeleter>;

struct CrossCall {
    void (*fn)(void*);
    void* arg;
    std::atomic<unsigned> left;
};
constexpr unsigned max_live_cpus = 8;

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
    bool live = false;
};
State& state();

struct ThreadState {
    CpuInfo info{};
    Maddr root{};
    GuestCpu hardware{};
    std::uint64_t deadline = 0; ///< Of a live machine's CPU.
};
ThreadState& thread_state();

// ---- live.cpp ----
std::uint64_t live_time();
void call_live_cpus(const CpuSet& cpus, void (*fn)(void*), void* arg);
/// Runs what other CPUs want run on this one.
void serve_calls();
/// The timer's upcall, if it is time.
void serve_timer();
void wait_live();

} // namespace hv::arch::host
