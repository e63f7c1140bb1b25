// SPDX-License-Identifier: MIT
//
// See hypervisor.hpp. One method a hypercall, no policy.
#include "libparapet/hypervisor.hpp"
#include "libparapet/control_op.hpp"
#include <algorithm>
#include <cstdio>
extern "C" { // which the header does not say itself
#include <xentoollog.h>
}

namespace parapet {
namespace {

/// What fails is said once, and by us.
xentoollog_logger* silent_log()
{
    static auto* const log = xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    return reinterpret_cast<xentoollog_logger*>(log);
}

[[noreturn]] void refuse(const std::string& what, int error)
{
    if (error == EACCES)
        throw Error{fmt::format("{}: the hypervisor speaks another interface version than {:#x}", what,
                                PV_DOMCTL_INTERFACE_VERSION),
                    error};
    throw Error{fmt::format("{}: {}", what, std::strerror(error)), error};
}

} // namespace

Hypervisor::Hypervisor() : call_{xencall_open(silent_log(), 0)}
{
    if (call_ == nullptr) fail_errno("cannot reach the hypervisor (run as root, in domain 0)");
}

Hypervisor::~Hypervisor() { xencall_close(call_); }

int Hypervisor::call_domctl(pv_domctl& op)
{
    CallBuffer<pv_domctl> buffer{call_, 1};
    buffer[0] = op;
    const int result = xencall1(call_, PV_HYPERCALL_DOMCTL, buffer.address());
    op = buffer[0];
    return result < 0 ? -errno : result;
}

void Hypervisor::domctl(pv_domctl& op, const char* what)
{
    const int result = call_domctl(op);
    const bool named = op.domain < PV_DOMID_FIRST_RESERVED;
    if (result < 0) refuse(named ? fmt::format("{} of domain {}", what, op.domain) : what, -result);
}

int Hypervisor::call_sysctl(pv_sysctl& op)
{
    CallBuffer<pv_sysctl> buffer{call_, 1};
    buffer[0] = op;
    const int result = xencall1(call_, PV_HYPERCALL_SYSCTL, buffer.address());
    op = buffer[0];
    return result < 0 ? -errno : result;
}

void Hypervisor::sysctl(pv_sysctl& op, const char* what)
{
    const int result = call_sysctl(op);
    if (result < 0) refuse(what, -result);
}

int Hypervisor::version() { return xencall2(call_, PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION, 0); }

std::string Hypervisor::version_text(unsigned op, std::size_t bytes)
{
    CallBuffer<char> text{call_, bytes + 1};
    if (xencall2(call_, PV_HYPERCALL_XEN_VERSION, op, text.address()) < 0) fail_errno("xen_version {}", op);
    return text.data();
}

std::string Hypervisor::extra_version() { return version_text(PV_XENVER_EXTRAVERSION, 16); }
std::string Hypervisor::capabilities() { return version_text(PV_XENVER_CAPABILITIES, 1024); }

pv_sysctl_physinfo Hypervisor::physinfo()
{
    pv_sysctl op = sysctl_for(PV_SYSCTL_PHYSINFO);
    sysctl(op, "physinfo");
    return op.u.physinfo;
}

std::vector<DomainInfo> Hypervisor::domains()
{
    constexpr std::uint32_t batch = 4096 / sizeof(DomainInfo); // the library keeps a buffer of one page ready
    CallBuffer<DomainInfo> buffer{call_, batch};
    std::vector<DomainInfo> all;
    DomainId next = 0;
    for (std::uint32_t got = batch; got == batch;) {
        pv_sysctl op = sysctl_for(PV_SYSCTL_GETDOMAININFOLIST);
        op.u.getdomaininfolist.first_domain = next;
        op.u.getdomaininfolist.max_domains = batch;
        op.u.getdomaininfolist.buffer = buffer.address();
        sysctl(op, "getdomaininfolist");
        got = std::min(op.u.getdomaininfolist.num_domains, batch);
        all.insert(all.end(), buffer.data(), buffer.data() + got);
        if (got != 0) next = static_cast<DomainId>(all.back().domain + 1);
    }
    return all;
}

std::optional<DomainInfo> Hypervisor::find(DomainId domain)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_GETDOMAININFO);
    const int result = call_domctl(op);
    if (result == -ESRCH) return std::nullopt;
    if (result < 0) refuse("getdomaininfo", -result);
    if (op.u.getdomaininfo.domain != domain) return std::nullopt;
    return op.u.getdomaininfo;
}

std::string Hypervisor::console_log(bool clear)
{
    constexpr std::uint32_t bytes = 16384;
    CallBuffer<char> buffer{call_, bytes};
    std::string log;
    pv_sysctl op = sysctl_for(PV_SYSCTL_READCONSOLE);
    op.u.readconsole.clear = clear ? 1 : 0;
    op.u.readconsole.incremental = 1;
    for (;;) {
        op.u.readconsole.buffer = buffer.address();
        op.u.readconsole.count = bytes;
        sysctl(op, "readconsole");
        if (op.u.readconsole.count == 0 || op.u.readconsole.count > bytes) return log;
        log.append(buffer.data(), op.u.readconsole.count);
    }
}

void Hypervisor::debug_keys(const std::string& keys)
{
    CallBuffer<char> buffer{call_, keys.size()};
    std::copy(keys.begin(), keys.end(), buffer.data());
    pv_sysctl op = sysctl_for(PV_SYSCTL_DEBUG_KEYS);
    op.u.debug_keys.keys = buffer.address();
    op.u.debug_keys.nr_keys = static_cast<std::uint32_t>(keys.size());
    sysctl(op, "debug_keys");
}

std::optional<Counters> Hypervisor::counters()
{
    constexpr std::uint32_t parapet_counters = 0x70617261;
    pv_sysctl op = sysctl_for(parapet_counters);
    const int result = call_sysctl(op);
    if (result == -ENOSYS || result == -EOPNOTSUPP) return std::nullopt;
    if (result < 0) refuse("counters", -result);
    const auto& n = op.u.words;
    return Counters{n[0], n[1], n[2], n[3], n[4], n[5], n[6]};
}

bool Hypervisor::gives_zeroed_memory() { return counters().has_value(); }

DomainId Hypervisor::create(const DomainHandle& handle, std::uint32_t vcpus)
{
    constexpr std::uint32_t label_of_domu = 0xc;
    pv_domctl op = domctl_for(0xffff, PV_DOMCTL_CREATEDOMAIN);
    auto& create = op.u.createdomain;
    create.ssidref = label_of_domu;
    std::copy(handle.begin(), handle.end(), create.handle);
    create.max_vcpus = vcpus;
    create.max_evtchn_port = 1023;
    create.max_grant_frames = -1;
    create.max_maptrack_frames = -1;
    create.grant_opts = 1;
    domctl(op, "createdomain");
    return op.domain;
}

void Hypervisor::set_max_vcpus(DomainId domain, std::uint32_t vcpus)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_MAX_VCPUS);
    op.u.max_vcpus = vcpus;
    domctl(op, "max_vcpus");
}

void Hypervisor::set_max_memory(DomainId domain, std::uint64_t kib)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_MAX_MEM);
    op.u.max_mem = kib;
    domctl(op, "max_mem");
}

void Hypervisor::set_tsc_default(DomainId domain)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_SETTSCINFO);
    domctl(op, "settscinfo");
}

void Hypervisor::set_memory_map(DomainId domain, std::uint64_t bytes)
{
    CallBuffer<pv_e820_entry> entry{call_, 1};
    entry[0] = {0, bytes, PV_E820_RAM};
    CallBuffer<pv_foreign_memory_map> map{call_, 1};
    map->domid = domain;
    map->map.nr_entries = 1;
    map->map.buffer = entry.address();
    if (xencall2(call_, PV_HYPERCALL_MEMORY_OP, PV_XENMEM_SET_MEMORY_MAP, map.address()) < 0)
        fail_errno("set_memory_map");
}

void Hypervisor::set_boot_context(DomainId domain, const pv_vcpu_guest_context& context)
{
    CallBuffer<pv_vcpu_guest_context> buffer{call_, 1};
    buffer[0] = context;
    pv_domctl op = domctl_for(domain, PV_DOMCTL_SETVCPUCONTEXT);
    op.u.vcpucontext.ctxt = buffer.address();
    domctl(op, "setvcpucontext");
}

void Hypervisor::fill_hypercall_page(DomainId domain, std::uint64_t mfn)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_HYPERCALL_INIT);
    op.u.hypercall_init = mfn;
    domctl(op, "hypercall_init");
}

void Hypervisor::set_handle(DomainId domain, const DomainHandle& handle)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_SETDOMAINHANDLE);
    std::copy(handle.begin(), handle.end(), op.u.setdomainhandle.handle);
    domctl(op, "setdomainhandle");
}

void Hypervisor::pause(DomainId domain)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_PAUSEDOMAIN);
    domctl(op, "pausedomain");
}

void Hypervisor::unpause(DomainId domain)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_UNPAUSEDOMAIN);
    domctl(op, "unpausedomain");
}

int Hypervisor::try_pause(DomainId domain)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_PAUSEDOMAIN);
    return call_domctl(op);
}

int Hypervisor::try_destroy(DomainId domain)
{
    pv_domctl op = domctl_for(domain, PV_DOMCTL_DESTROYDOMAIN);
    int result = -EAGAIN;
    while (result == -EAGAIN)
        result = call_domctl(op);
    return result;
}

bool Hypervisor::claim(DomainId domain, std::uint64_t pages)
{
    CallBuffer<pv_memory_reservation> claim{call_, 1};
    claim->nr_extents = pages;
    claim->domid = domain;
    if (xencall2(call_, PV_HYPERCALL_MEMORY_OP, PV_XENMEM_CLAIM_PAGES, claim.address()) == 0) return true;
    if (errno == ENOSYS) return false;
    fail_errno("cannot claim {} MiB for the domain", pages / 256);
}

std::uint64_t Hypervisor::populate(DomainId domain, std::span<std::uint64_t> extents, unsigned order)
{
    CallBuffer<std::uint64_t> list{call_, extents.size()};
    std::copy(extents.begin(), extents.end(), list.data());
    CallBuffer<pv_memory_reservation> reservation{call_, 1};
    reservation->extent_start = list.address();
    reservation->nr_extents = extents.size();
    reservation->extent_order = order;
    reservation->domid = domain;
    const long done = xencall2L(call_, PV_HYPERCALL_MEMORY_OP, PV_XENMEM_POPULATE_PHYSMAP, reservation.address());
    if (done < 0) fail_errno("populate_physmap");
    if (static_cast<std::uint64_t>(done) > extents.size()) fail("populate_physmap answered {}", done);
    std::copy_n(list.data(), done, extents.begin());
    return static_cast<std::uint64_t>(done);
}

std::uint32_t Hypervisor::alloc_unbound(DomainId domain, DomainId remote)
{
    CallBuffer<pv_evtchn_alloc_unbound> op{call_, 1};
    op->dom = domain;
    op->remote_dom = remote;
    if (xencall2(call_, PV_HYPERCALL_EVENT_CHANNEL_OP, PV_EVTCHNOP_ALLOC_UNBOUND, op.address()) < 0)
        fail_errno("alloc_unbound");
    return op->port;
}

void Hypervisor::pin_l4(DomainId domain, std::uint64_t mfn)
{
    CallBuffer<pv_mmuext_op> op{call_, 1};
    op->cmd = PV_MMUEXT_PIN_L4_TABLE;
    op->arg1.mfn = mfn;
    if (xencall4(call_, PV_HYPERCALL_MMUEXT_OP, op.address(), 1, 0, domain) < 0)
        fail_errno("the hypervisor refuses the boot page tables");
}

} // namespace parapet
