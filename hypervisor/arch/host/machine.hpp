// SPDX-License-Identifier: MIT
//
// The fake machine: what it remembers and the controls that tests have of it. One machine a process; threads that act
// as further CPUs call become_cpu() first. Guarded by nothing: tests drive it from one thread at a time, except RAM
// and what is a thread's own. Only tests and the files of arch/host include this.
// A live machine has a thread for each CPU: time is real, each CPU has its timer, calls reach the others, and nothing
// is recorded.
#pragma once
#include "arch/arch.hpp"
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hv::arch::host {

struct Flush {
    enum class Kind : std::uint8_t { page, local, root, remote } kind;
    std::uint64_t value; ///< Address, root, or mask of the first 64 CPUs.
};
struct GsiState {
    bool configured = false, masked = true, awaiting_end = false;
    Trigger trigger{};
    Polarity polarity{};
};
struct PortAccess {
    std::uint16_t port;
    IoWidth width;
    bool write;
    std::uint32_t value;
};
struct alignas(page_size) Page {
    std::byte bytes[page_size];
};

struct State {
    std::size_t frames = 0;
    std::vector<Page> ram, frame_table, m2p;
    std::uint64_t now = 0; ///< Nanoseconds.
    std::vector<Flush> flushes;
    bool recording = true;              ///< Off while several threads play CPUs: no flush is recorded or passed on.
    std::function<void()> before_flush; ///< Called at each flush, before it is recorded.
    CpuSet online = CpuSet::of(CpuId{0});
    std::array<GsiState, 24> gsis{};
    std::array<bool, 4096> msis{};                        ///< Bound, by cookie.
    std::vector<PortAccess> ports;                        ///< Every access made.
    std::map<std::uint16_t, std::uint32_t> planted_ports; ///< What reads return; else all ones.
    std::map<std::uint32_t, std::uint64_t> planted_msrs;
    std::map<std::uint64_t, std::uint32_t> pci;
    std::string typed; ///< On the console, not read yet.
    bool live = false;
    bool l1tf = false; ///< follows_absent_entries()
};
State& state();

struct ThreadState {
    CpuInfo info{};
    Maddr root{};
    GuestCpu hardware{};        ///< As last loaded.
    std::uint64_t deadline = 0; ///< Nanoseconds; 0: disarmed.
};
ThreadState& thread_state();
inline GuestCpu& hardware() { return thread_state().hardware; }

/// A fresh machine: @p ram_frames zeroed frames from frame 0, no root loaded, time 1 s.
void reset(std::size_t ram_frames);
/// The calling thread is CPU @p cpu from now on (main thread: 0).
void become_cpu(std::uint32_t cpu);
/// Moves the clock; makes upcall_timer() when the armed deadline is passed.
void advance(std::uint64_t ns);
/// CPUs 0..count-1 are online; reset() leaves one.
void set_online(unsigned count);
/// After reset(): the machine is live, with CPUs 0..cpus-1.
void go_live(unsigned cpus);
/// Of a live machine: a CPU that has nothing to run stops with Stopped::halt from now on.
void stop_when_idle();
/// The device raised the line or the message: upcall, if the line is unmasked.
void raise_gsi(unsigned gsi);
void raise_msi(unsigned cookie);
/// What is due on this CPU: other CPUs' calls, typed characters, the timer.
void serve_interrupts();

/// acpi_soft_off, reset and halt_forever throw this; a death test is not needed.
struct Stopped {
    enum class How : std::uint8_t { power_off, reset, halt, enter_guest } how;
};

// ---- live.cpp ----
constexpr unsigned max_live_cpus = 8;
std::uint64_t live_time();
void call_live_cpus(const CpuSet& cpus, void (*fn)(void*), void* arg);
/// Runs what other CPUs want run on this one.
void serve_calls();

} // namespace hv::arch::host
