// SPDX-License-Identifier: MIT
//
// A domain and the list of all domains. A domain is created paused, lives until `destroy` has run to its end, and its
// memory goes when the last DomainRef and the last frame somebody else still maps are gone. Life-cycle state changes
// under the domain's lock; the list has its own. Any CPU.
#pragma once
#include "domain/events.hpp"
#include "domain/vcpu.hpp"
#include "mm/heap.hpp"
#include "mm/owner.hpp"
#include "mm/shared_page.hpp"
#include "pv-abi/memory.h"
#include "pv-abi/sched.h"

namespace hv::domain {

class DomainRef;
class GrantTable; // domain/grants.hpp: static Result<mm::Box<GrantTable>> create(Domain&, max_frames, max_maptrack);
                  //                    Result<> GrantTable::release_all()  preemptible, the domain dies

inline constexpr unsigned max_vcpus_per_domain = 128;
inline constexpr DomainId no_domain{PV_DOMID_INVALID};

enum class Role : std::uint8_t { ordinary, hardware };

struct DomainConfig {
    DomainId id = no_domain; ///< no_domain: choose one.
    Role role = Role::ordinary;
    std::uint32_t max_vcpus = 1;
    std::uint32_t max_event_port = PV_EVTCHN_2L_NR_CHANNELS - 1;
    std::uint32_t max_grant_frames = 64;
    std::uint32_t max_maptrack_frames = 1024;
    std::array<std::uint8_t, 16> handle{};
};

enum class Life : std::uint8_t { alive, dying, dead };

class Domain final : public mm::MemoryOwner {
public:
    /// Creates it, lists it, paused once by the controller, without vCPUs.
    static Result<Domain*> create(const DomainConfig& config);
    Domain(DomainId id, const DomainConfig& config);
    ~Domain();

    [[nodiscard]] bool is_hardware_domain() const { return MemoryOwner::hardware_domain(); }

    // ---- vCPUs ----
    /// domctl max_vcpus: creates vCPUs 0..count-1 that do not exist yet. Einval above the configured maximum.
    Result<> create_vcpus(std::uint32_t count);
    [[nodiscard]] std::uint32_t vcpu_count() const { return vcpu_count_.load(Order::acquire); }
    [[nodiscard]] std::uint32_t max_vcpus() const { return max_vcpus_; }
    /// Null if it does not exist.
    [[nodiscard]] Vcpu* vcpu(VcpuId id) const
    {
        return id.raw() < vcpu_count() ? vcpus_.data()[id.raw()].get() : nullptr;
    }
    /// Those that exist.
    [[nodiscard]] std::span<const mm::Box<Vcpu>> vcpus() const { return {vcpus_.data(), vcpu_count()}; }

    // ---- life cycle ----
    void pause(); ///< Counted; none of its vCPUs but the caller runs on return.
    void unpause();
    Result<> controller_unpause(); ///< domctl unpausedomain: einval if the controller has not paused it.
    Result<> controller_pause();   ///< domctl pausedomain.
    [[nodiscard]] bool paused() const { return (stops_.load(Order::acquire) & ~(shut_down_bit | dying_bit)) != 0; }
    [[nodiscard]] bool controller_paused() const { return controller_pauses_.load(Order::relaxed) != 0; }
    /// The guest asked (PV_SHUTDOWN_*): its vCPUs stop and the hardware domain learns of it. The hardware domain's own
    /// shutdown takes the machine with it and does not return.
    void shutdown(std::uint32_t reason);
    /// A guest's fault that ends only this domain (guest::crash has printed the report).
    void crash(const char* why);
    /// domctl resumedomain, after a suspend.
    void resume();
    [[nodiscard]] bool is_shut_down() const { return (stops_.load(Order::acquire) & shut_down_bit) != 0; }
    [[nodiscard]] std::uint32_t shutdown_reason() const { return shutdown_reason_.load(Order::relaxed); }
    void set_shutdown_code(std::uint32_t reason) { shutdown_reason_.store(reason, Order::relaxed); }
    /// Preemptible: restart until all it can give back is given back. Einval for the caller's own domain.
    Result<> destroy();
    [[nodiscard]] Life life() const { return life_.load(Order::acquire); }
    [[nodiscard]] bool is_dying() const { return life() != Life::alive; }
    /// SCHEDOP_watchdog.
    Result<std::uint64_t> set_watchdog(std::uint32_t id, std::uint32_t seconds);

    [[nodiscard]] pv_shared_info& shared_info() { return *events.shared_info; }
    /// invalid_mfn late in the domain's death.
    [[nodiscard]] Mfn shared_info_frame();
    void publish_wallclock(); ///< To the guest, if it has its shared_info still.
    [[nodiscard]] GrantTable& grants() { return *grants_; }
    [[nodiscard]] bool has_grants() const { return static_cast<bool>(grants_); } ///< Not late in its death.
    [[nodiscard]] cpu::SpinLock& lock() { return lock_; }

    guest::DomainPolicy policy;
    EventChannels events{*this};
    std::array<std::uint8_t, 16> handle{}; ///< Guarded by lock().
    std::uint32_t weight = default_weight; ///< Of each vCPU.
    std::uint32_t cap = 0;                 ///< Percent of one CPU for all vCPUs together; 0 = none.
    void set_share(std::uint32_t weight, std::uint32_t cap);
    /// XENMEM_set_memory_map of the builder; guarded by lock().
    std::array<pv_e820_entry, 32> memory_map{};
    std::uint32_t memory_map_entries = 0; ///< As memory_map.

private:
    friend class DomainRef;
    friend class Vcpu;
    friend DomainRef next_domain(DomainId id);
    struct DomainTimer : cpu::Timer {
        DomainTimer(Domain& d, Callback fn) : Timer{fn}, domain{d} {}
        Domain& domain;
    };
    static void on_watchdog(cpu::Timer& t);
    static void on_reap(cpu::Timer& t);
    Result<> prepare(const DomainConfig& config);
    void settle_vcpus();
    void stop_vcpus(); ///< None may be runnable.
    Result<> begin_death();
    Result<> give_back();
    [[noreturn]] void end_machine(std::uint32_t reason);
    /// Where the list goes on with the lowest id >= @p id; its lock is held.
    static Domain*& list_from(DomainId id);
    bool free_if_alone(); ///< If nothing holds it any more.

    static constexpr std::uint32_t shut_down_bit = 1U << 31, dying_bit = 1U << 30;
    const std::uint32_t max_vcpus_;
    Atomic<std::uint32_t> stops_{1};   ///< Why its vCPUs do not run: these two, and how often it is paused.
    Atomic<std::uint32_t> vcpu_count_; ///< Grows only.
    mm::Array<mm::Box<Vcpu>> vcpus_;
    std::optional<mm::SharedPage> shared_page_; ///< Goes late in the domain's death, under lock_.
    mm::Box<GrantTable> grants_;
    mm::Box<Domain> self_; ///< Owns itself from listing to the last reference.
    cpu::SpinLock lock_{cpu::Rank::domain};
    Atomic<std::uint32_t> references_;           ///< DomainRefs, and one while listed as alive or dying.
    Atomic<std::uint32_t> controller_pauses_;    ///< Changed by one domctl at a time.
    Atomic<std::uint32_t> shutdown_reason_{~0U}; ///< Changes under lock_ but for set_shutdown_code().
    Atomic<Life> life_;
    DomainTimer watchdogs_[2], reaper_;
    Domain* next_ = nullptr; ///< Guarded by the list's lock, as self_.
};

inline bool Vcpu::runnable() const { return online() && !blocked() && domain_.stops_.load(Order::acquire) == 0; }

inline Result<bool> EventChannels::pending(EventPort port) const
{
    if (port.raw() >= limit_) return Error::einval;
    return (shared::load(&shared_info->evtchn_pending[port.raw() / 64]) >> port.raw() % 64 & 1) != 0;
}

/// Keeps a domain's memory from being freed; not the domain from dying.
class DomainRef {
public:
    DomainRef() = default;
    explicit DomainRef(Domain* d) : domain_{d}
    {
        if (d != nullptr) d->references_.fetch_add(1, Order::relaxed);
    }
    DomainRef(DomainRef&& o) noexcept : domain_{o.domain_} { o.domain_ = nullptr; }
    DomainRef& operator=(DomainRef&& o) noexcept
    {
        std::swap(domain_, o.domain_);
        return *this;
    }
    ~DomainRef() { reset(); }
    void reset()
    {
        if (domain_ != nullptr) drop();
    }
    explicit operator bool() const { return domain_ != nullptr; }
    Domain& operator*() const { return *domain_; }
    Domain* operator->() const { return domain_; }
    [[nodiscard]] Domain* get() const { return domain_; }

private:
    void drop();
    Domain* domain_ = nullptr;
};

/// Null reference if there is none. Finds dying domains too.
DomainRef find_domain(DomainId id);
/// As find_domain, PV_DOMID_SELF meaning the caller's; esrch if there is none or it is dying.
Result<DomainRef> resolve(DomainId id, Vcpu& caller);
/// The domain with the lowest id >= @p id, null at the end: `for (d = next_domain(DomainId{0}); d; d = ...)`.
DomainRef next_domain(DomainId id);
template <typename F> void for_each_domain(F&& f)
{
    for (DomainRef d = next_domain(DomainId{0}); d;
         d = next_domain(DomainId{static_cast<std::uint16_t>(d->id().raw() + 1)}))
        f(*d);
}
/// Null until it is created.
Domain* hardware_domain();

/// The vCPU that runs on this CPU; there must be one.
Vcpu& current();

} // namespace hv::domain
