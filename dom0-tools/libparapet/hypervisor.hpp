// SPDX-License-Identifier: MIT
//
// The hypercalls that the tools make, through libxencall. Every record that the hypervisor reads or writes lies in a
// hypercall buffer for the time of the call. Failures are Errors that carry errno; calls named try_* return -errno.
#pragma once
#include "libparapet/cpu_list.hpp"
#include "libparapet/error.hpp"
#include "pv-abi/domctl.h"
#include "pv-abi/event.h"
#include "pv-abi/grant.h"
#include "pv-abi/hypercall.h"
#include "pv-abi/memory.h"
#include "pv-abi/mmu.h"
#include "pv-abi/sched.h"
#include "pv-abi/sysctl.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/version.h"
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
extern "C" {
#include <xencall.h>
}

namespace parapet {

using DomainId = std::uint16_t;
using DomainInfo = pv_domctl_getdomaininfo;
using DomainHandle = std::array<std::uint8_t, 16>;

/// Memory that the hypervisor may read and write during a hypercall.
template <typename T> class CallBuffer {
public:
    CallBuffer(xencall_handle* call, std::size_t count)
        : call_{call}, count_{count}, data_{static_cast<T*>(xencall_alloc_buffer(call, count * sizeof(T)))}
    {
        if (data_ == nullptr) fail_errno("no memory for a hypercall");
        std::memset(data_, 0, count * sizeof(T));
    }
    ~CallBuffer() { xencall_free_buffer(call_, data_); }
    CallBuffer(const CallBuffer&) = delete;
    CallBuffer& operator=(const CallBuffer&) = delete;

    T* data() { return data_; }
    T& operator[](std::size_t i) { return data_[i]; }
    T* operator->() { return data_; }
    [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(data_); }
    [[nodiscard]] std::span<T> items() { return {data_, count_}; }

private:
    xencall_handle* call_;
    std::size_t count_;
    T* data_;
};

/// What Parapet alone counts; all of it must be the same before and after a domain's life.
struct Counters {
    std::uint64_t free_frames, heap_bytes, open_ports, grant_mappings, domains, foreign_mappings, dying_frames;
};

/// A domain's part of the CPUs.
struct Share {
    std::uint32_t weight; ///< 1..65535; every vCPU has it.
    std::uint32_t cap;    ///< Percent of one CPU for the domain; 0 = none.
};
/// How a vCPU spent its time, in nanoseconds, and what it asked for; Parapet alone tells.
struct VcpuTimes {
    std::uint32_t state; ///< PV_RUNSTATE_*
    std::uint64_t running, ready, blocked, offline;
    std::uint64_t events, table_updates;
};
struct LockUse {
    std::uint64_t rank, waits, rounds;
};

class Hypervisor {
public:
    Hypervisor();
    ~Hypervisor();
    Hypervisor(const Hypervisor&) = delete;
    Hypervisor& operator=(const Hypervisor&) = delete;

    /// What to say of the running hypervisor; [0] is a version number.
    int version();
    std::string extra_version();
    std::string capabilities();

    pv_sysctl_physinfo physinfo();
    std::vector<DomainInfo> domains();
    std::optional<DomainInfo> find(DomainId domain);
    std::string console_log(bool clear);
    void debug_keys(const std::string& keys);
    std::optional<Counters> counters(); ///< Nothing on another hypervisor than Parapet.

    /// Nothing if there is no such vCPU.
    std::optional<pv_domctl_getvcpuinfo> vcpu(DomainId domain, std::uint32_t vcpu);
    std::optional<VcpuTimes> vcpu_times(DomainId domain, std::uint32_t vcpu);
    /// Stops the vCPU for the moment that it takes. Nothing if it was never started.
    std::optional<pv_vcpu_guest_context> context(DomainId domain, std::uint32_t vcpu);
    Affinity affinity(DomainId domain, std::uint32_t vcpu);
    void set_affinity(DomainId domain, std::uint32_t vcpu, const Affinity& affinity);
    Share share(DomainId domain);
    void set_share(DomainId domain, Share share);
    std::vector<LockUse> locks(); ///< Empty on another hypervisor than Parapet.

    DomainId create(const DomainHandle& handle, std::uint32_t vcpus);
    void set_max_vcpus(DomainId domain, std::uint32_t vcpus);
    void set_max_memory(DomainId domain, std::uint64_t kib);
    void set_tsc_default(DomainId domain);
    void set_memory_map(DomainId domain, std::uint64_t bytes);
    void set_boot_context(DomainId domain, const pv_vcpu_guest_context& context);
    void fill_hypercall_page(DomainId domain, std::uint64_t mfn);
    void set_handle(DomainId domain, const DomainHandle& handle);
    void pause(DomainId domain);
    void unpause(DomainId domain);
    int try_pause(DomainId domain);
    int try_destroy(DomainId domain);

    /// Stakes out @p pages for a domain; 0 gives back what is left. False where claims are unknown.
    bool claim(DomainId domain, std::uint64_t pages);
    /// Returns how many extents were populated; each extent's first machine frame replaces its frame number.
    std::uint64_t populate(DomainId domain, std::span<std::uint64_t> extents, unsigned order);
    /// Whether what populate() gives is known to be clear: Parapet says so, of others it is not known.
    bool gives_zeroed_memory();
    std::uint32_t alloc_unbound(DomainId domain, DomainId remote);
    void pin_l4(DomainId domain, std::uint64_t mfn);

private:
    int call_domctl(pv_domctl& op);
    void domctl(pv_domctl& op, const char* what);
    int call_sysctl(pv_sysctl& op);
    void sysctl(pv_sysctl& op, const char* what);
    Affinity affinity_op(DomainId domain, std::uint32_t vcpu, std::uint32_t cmd, const Affinity& wanted);
    pv_domctl_sched_credit credit_op(DomainId domain, std::uint32_t cmd, pv_domctl_sched_credit credit);
    std::string version_text(unsigned op, std::size_t bytes);

    xencall_handle* call_;
};

} // namespace parapet
