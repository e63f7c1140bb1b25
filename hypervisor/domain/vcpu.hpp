// SPDX-License-Identifier: MIT
//
// A virtual CPU: guest state plus what this layer adds: life cycle, scheduling, timers, registered areas. Whether it
// can run is told by flags that any CPU may set, who then calls settle(); blocking and waking happen under the run
// lock of the CPU the vCPU belongs to. Areas are the vCPU's own and change while it runs.
#pragma once
#include "cpu/timer.hpp"
#include "domain/runstate.hpp"
#include "domain/scheduler.hpp"
#include "guest/vcpu_state.hpp"
#include "mm/shared_page.hpp"
#include "pv-abi/event.h"
#include <optional>

namespace hv::domain {

class Domain;
class Vcpu;

/// A timer that knows its vCPU.
class VcpuTimer : public cpu::Timer {
public:
    VcpuTimer(Vcpu& v, Callback fn) : Timer{fn}, vcpu{v} {}
    Vcpu& vcpu;
};

class Vcpu final : public guest::VcpuState, public Runnable {
public:
    /// Allocated, with a place for its vcpu_info, offline.
    static Result<mm::Box<Vcpu>> create(Domain& d, VcpuId id);
    Vcpu(Domain& d, VcpuId id);

    [[nodiscard]] Domain& domain() const { return domain_; }
    [[nodiscard]] inline bool runnable() const; ///< In domain.hpp.
    /// Initialised and not taken down.
    [[nodiscard]] bool online() const { return online_.load(Order::acquire); }
    [[nodiscard]] bool initialised() const { return initialised_.load(Order::acquire); }
    [[nodiscard]] bool blocked() const { return blocked_.load(Order::acquire); }

    // ---- life cycle (vcpu_init.cpp) ----
    /// VCPUOP_initialise, setvcpucontext and dom0's first vCPU: everything in @p c is checked or sanitised here.
    /// Eexist if already initialised. May return restart while it validates the root.
    Result<> initialise(const pv_vcpu_guest_context& c);
    /// The guest's view of its state, for getvcpucontext; the vCPU must not be running.
    void context(pv_vcpu_guest_context& out);
    Result<> up(); ///< Einval before initialise.
    void down();   ///< From the vCPU itself, or any time while it does not run.
    /// Drops every reference it holds into guest memory; the domain dies and the vCPU never runs again.
    void release();

    // ---- scheduling (vcpu.cpp) ----
    /// Waits for an event, from the next reschedule on; does not touch the upcall mask. No effect if one is already
    /// deliverable. This and poll() are for the vCPU that runs here.
    void block();
    void wake() ///< Ends a block or a poll.
    {
        if (blocked()) settle(Waiting::ends);
    }
    enum class Waiting : std::uint8_t { as_before, ends };
    /// runnable() may have changed, or its waiting ends: queues it on the CPU that suits it best, or not, and accounts
    /// for it. Any CPU. Nothing of rank scheduler or above is held.
    void settle(Waiting waiting = Waiting::as_before);
    void notify(); ///< Something was marked pending: wakes it, or interrupts it where it runs.
    void yield();  ///< The CPU to whoever else waits for it. The vCPU runs here.
    /// Blocks until one of @p ports is pending or @p deadline (0 = none) passes. Einval for a bad port.
    Result<> poll(std::span<const EventPort> ports, Nanoseconds deadline);
    Result<> poll_one(EventPort port, Nanoseconds deadline);

    // ---- areas (vcpu_areas.cpp) ----
    Result<> register_info(Mfn frame, std::uint32_t offset);
    Result<> register_runstate(GuestVa area);
    Result<> register_time(GuestVa area); ///< GuestVa{0} unregisters.
    /// Has the guest a place where it sees this vCPU's vcpu_info? vCPUs beyond the legacy 32 must register one first.
    [[nodiscard]] bool has_info_place() const { return hot.info != private_info_.get(); }
    [[nodiscard]] bool has_info_page() const { return info_page_.has_value(); } ///< A frame of guest RAM is held.
    [[nodiscard]] bool has_runstate_area() const { return runstate_area_.raw() != 0; }
    /// Writes the runstate area through the kernel root, which must be loaded. A fault is ignored.
    void publish_runstate();

    // ---- timers (vcpu_areas.cpp) ----
    void set_singleshot(Nanoseconds deadline);
    void stop_singleshot() { singleshot_.stop(); }
    Result<> set_periodic(Nanoseconds period);
    void stop_periodic() { periodic_.stop(); }

    // ---- placement (run.cpp) ----
    static constexpr std::uint32_t no_cpu = ~0U;
    Atomic<std::uint32_t> cpu_number;        ///< CPU whose queue it belongs to; changes under that queue's lock.
    Atomic<std::uint32_t> loaded_on{no_cpu}; ///< CPU that may hold its state or its translations.
    CpuSet hard_affinity, soft_affinity;     ///< Where it may and where it should run; guarded by the run lock.

    RunstateClock runstate;
    std::array<Atomic<std::uint32_t>, PV_NR_VIRQS> virq_ports; ///< 0 = not bound. Written under the event lock.
    Atomic<std::uint32_t> poll_port; ///< While it is one of Domain::pollers: port polled for, any_port, or no_port.
    static constexpr std::uint32_t no_port = ~0U, any_port = 0;

private:
    static void on_singleshot(cpu::Timer& t);
    static void on_periodic(cpu::Timer& t);
    static void on_poll_timeout(cpu::Timer& t);
    void use_info(pv_vcpu_info* place);
    void stay_awake(); ///< It does not wait after all.
    template <typename Ports> inline Result<> poll(std::uint32_t which, Ports ports, Nanoseconds deadline);
    inline void end_poll();

    Domain& domain_;
    Atomic<bool> initialised_, online_;
    Atomic<bool> blocked_; ///< Set by the vCPU itself, cleared under the run lock.
    bool polling_ = false; ///< Its own while it is not blocked, then under the run lock.
    Atomic<Nanoseconds> period_;
    VcpuTimer singleshot_, periodic_, poll_timer_;
    GuestVa runstate_area_{};
    std::optional<mm::MappedPage> info_page_;
    mm::Box<pv_vcpu_info> private_info_; ///< vCPUs beyond the legacy 32, until they register their own place.
};

} // namespace hv::domain
