// SPDX-License-Identifier: MIT
//
// Controls of the fake machine for tests: RAM size, clock, planted faults, and what the core asked of the hardware.
// One machine a process; threads that act as further CPUs call become_cpu() first. Only tests include this.
// A live machine has a thread for each CPU: time is real, each CPU has its timer, calls reach the others, and nothing
// is recorded.
#pragma once
#include "arch/arch.hpp"
#include <functional>
#include <string>
#include <vector>

namespace hv::arch::host {

struct Flush {
    enum class Kind : std::uint8_t { page, local, root, remote } kind;
    std::uint64_t value; ///< Address, root, or mask of the first 64 CPUs.
};
struct GsiState {
    bool configured, masked, awaiting_end;
    Trigger trigger;
    Polarity polarity;
};
struct PortAccess {
    std::uint16_t port;
    IoWidth width;
    bool write;
    std::uint32_t value;
};

/// A fresh machine: @p ram_frames zeroed frames from frame 0, no root loaded, time 1 s, an empty flat guest buffer.
void reset(std::size_t ram_frames);
std::size_t ram_frames();
/// The calling thread is CPU @p cpu from now on (main thread: 0).
void become_cpu(std::uint32_t cpu);

/// Guest memory while no root is loaded: this buffer, seen by guests at flat_guest_base.
inline constexpr std::uint64_t flat_guest_base = 0x10000;
std::vector<std::byte>& flat_guest_memory();
/// The next guest copies fail after @p bytes more bytes; no_fault to stop.
inline constexpr std::size_t no_fault = ~std::size_t{0};
void fault_after(std::size_t bytes);

/// Moves the clock; makes upcall_timer() when the armed deadline is passed.
void advance(std::uint64_t ns);
/// Deadline of arm_timer in nanoseconds since reset; 0 = disarmed.
std::uint64_t armed_deadline();

std::vector<Flush>& flushes();
/// Off while several threads play CPUs: flushes are then neither recorded nor passed on.
void record_flushes(bool on);
/// Called at each flush, before it is recorded.
void on_flush(std::function<void()> look);
/// CPUs 0..count-1 are online; reset() leaves one.
void set_online(unsigned count);
/// CPUs that kick_cpu() named since the last look.
CpuSet take_kicks();
/// After reset(): the machine is live, with CPUs 0..cpus-1.
void go_live(unsigned cpus);
/// Of a live machine: a CPU that has nothing to run stops with Stopped::halt from now on.
void stop_when_idle();
GsiState& gsi_state(unsigned gsi);
/// The device raised the line or the message: upcall, if the line is unmasked.
void raise_gsi(unsigned gsi);
void raise_msi(unsigned cookie);
bool msi_bound(unsigned cookie);
/// Every port access made; reads return the value planted for the port, else all ones.
std::vector<PortAccess>& port_accesses();
void plant_port(std::uint16_t port, std::uint32_t value);
void plant_msr(std::uint32_t index, std::uint64_t value);
/// Guest-visible hardware state as last loaded.
GuestCpu& hardware();
std::uint64_t active_gs_base();
void type_on_console(const std::string& text);
/// Calls of wait_for_interrupt(); each advances the clock to the armed deadline.
std::size_t waits();

/// power_off, reset and halt_forever throw this; a death test is not needed.
struct Stopped {
    enum class How : std::uint8_t { power_off, reset, halt, enter_guest } how;
};

} // namespace hv::arch::host
