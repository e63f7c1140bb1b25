// SPDX-License-Identifier: MIT
//
// See lifecycle.hpp. One create at a time in this dom0, by a lock file, until the domain has its name, its devices and
// its memory: all are checked under it.
#include "libparapet/lifecycle.hpp"
#include "libparapet/create_lock.hpp"
#include "libparapet/domain_devices.hpp"
#include "libparapet/domain_memory.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/xl_record.hpp"
#include <array>
#include <exception>
#include <fcntl.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr std::uint64_t pages_per_mib = 256;
constexpr std::uint64_t overhead_pages = 4 * pages_per_mib; // what the hypervisor itself spends on a domain
constexpr std::uint64_t max_memory_slack_kib = 1024;

void refuse_duplicates(Toolstack& tools, const DomainConfig& c)
{
    if (const auto other = find_domain(tools, c.name))
        throw ConfigError{c.name_at,
                          fmt::format("a domain with the name '{}' is already there (number {})", c.name, *other)};
    for (const DomainInfo& info : tools.hypervisor.domains()) // one that dies has no nodes left: it is no hindrance
        if ((info.flags & PV_DOMINF_DYING) == 0 && std::equal(c.uuid.begin(), c.uuid.end(), info.handle))
            throw ConfigError{c.uuid_at, fmt::format("a domain with the UUID {} is already there (number {})",
                                                     uuid_text(c.uuid), info.domain)};
}

void configure(Hypervisor& hv, DomainId id, const DomainConfig& c, const std::vector<Affinity>& places)
{
    hv.set_max_vcpus(id, c.max_vcpus);
    for (std::uint32_t v = 0; v < places.size(); ++v)
        hv.set_affinity(id, v, places[v]);
    if (c.cpus.weight || c.cpus.cap) {
        const Share before = hv.share(id);
        hv.set_share(id, {c.cpus.weight.value_or(before.weight), c.cpus.cap.value_or(before.cap)});
    }
    hv.set_max_memory(id, c.memory_mib * 1024 + max_memory_slack_kib);
    hv.set_tsc_default(id);
    hv.set_memory_map(id, c.max_memory_mib << 20);
}

/// All virtual interrupts of a new domain start masked; the page is the hypervisor's and comes zeroed.
std::uint64_t prepare_shared_info(Hypervisor& hv, const ForeignMemory& foreign, DomainId id)
{
    const auto info = hv.find(id);
    if (!info) fail("domain {} vanished while it was built", id);
    const std::uint64_t frame = info->shared_info_frame;
    const ForeignMapping mapping{foreign, id, {&frame, 1}};
    for (auto& vcpu : mapping.as<pv_shared_info>()->vcpu_info)
        vcpu.evtchn_upcall_mask = 1;
    return frame * page_bytes;
}

struct Source {
    KernelFile kernel;
    Descriptor initrd;
    Layout layout;
};

Source open_source(const DomainConfig& c, Steps& steps)
{
    Source s{blaming(c.kernel_at, "kernel", [&] { return KernelFile::open(c.kernel, cache_directory()); }), {}, {}};
    if (s.kernel.from_cache())
        steps.done("kernel found unpacked in the cache");
    else if (s.kernel.packed())
        steps.done(fmt::format("kernel unpacked ({}){}", s.kernel.format(),
                               s.kernel.in_cache() || cache_directory().empty()
                                   ? ""
                                   : fmt::format(", and not kept: {} has no room or is not ours", cache_directory())));
    else
        steps.done("kernel read");
    if (!c.ramdisk.empty()) s.initrd = Descriptor::open(c.ramdisk, O_RDONLY);
    s.layout = blaming(c.memory_at, "memory", [&] {
        return plan_layout(s.kernel.image(), c.memory_mib * pages_per_mib, s.initrd.valid() ? s.initrd.size() : 0);
    });
    return s;
}

/// Whatever fails in a domain that another has destroyed meanwhile fails for that.
template <typename Act> void unless_destroyed(Hypervisor& hv, DomainId id, const Act& act)
{
    try {
        act();
    } catch (const Error& e) {
        const auto info = hv.find(id);
        if (info && (info->flags & PV_DOMINF_DYING) == 0) throw;
        throw Error{fmt::format("domain {} was destroyed by another while it was made ({})", id, e.what()), ESRCH};
    }
}

/// Fills and starts up (still paused) the domain's first vCPU.
Rings build(Toolstack& tools, NewDomain& domain, const DomainConfig& c, const Source& source, Steps& steps)
{
    Hypervisor& hv = tools.hypervisor;
    const DomainId id = domain.id();
    const ForeignMemory foreign;
    DomainMemory memory{hv, foreign, id};
    const Layout& layout = source.layout;
    Rings rings{};
    rings.store_port = hv.alloc_unbound(id, 0);
    rings.console_port = hv.alloc_unbound(id, 0);

    memory.populate(layout.nr_pages);
    domain.settle();
    steps.done(fmt::format("{} MiB populated", c.memory_mib));
    rings.store_mfn = memory.mfn(layout.xenstore.first);
    rings.console_mfn = memory.mfn(layout.console.first);

    memory.load_kernel(source.kernel);
    steps.done("kernel loaded");
    if (source.initrd.valid()) memory.load_initrd(layout, source.initrd);
    const BootInfo boot{prepare_shared_info(hv, foreign, id),
                        rings.store_mfn,
                        rings.store_port,
                        rings.console_mfn,
                        rings.console_port,
                        c.cmdline};
    memory.write_boot_frames(layout, make_start_info(layout, boot));
    if (source.kernel.image().hypercall_page) {
        const std::uint64_t paddr = *source.kernel.image().hypercall_page - layout.virt_base;
        hv.fill_hypercall_page(id, memory.mfn(paddr / page_bytes));
    }
    steps.done("initrd and boot tables written");

    const std::uint64_t l4 = memory.mfn(layout.page_tables.first);
    hv.pin_l4(id, l4);
    hv.set_boot_context(id, make_boot_context(layout, source.kernel.image().entry, l4));
    GrantTableMapping grants{foreign, id};
    grants.permit(PV_GNTTAB_RESERVED_CONSOLE, 0, rings.console_mfn);
    grants.permit(PV_GNTTAB_RESERVED_XENSTORE, 0, rings.store_mfn);
    steps.done("page tables validated");
    return rings;
}

/// Its CPUs would see its devices go. False when that pauses nothing: it is gone, or has been paused as often as can
/// be.
bool stop(Hypervisor& hv, DomainId domain)
{
    try {
        hv.pause(domain);
        return true;
    } catch (const Error& e) {
        if (e.code() != ESRCH && e.code() != EINVAL && e.code() != EOVERFLOW) throw;
        return false;
    }
}

/// For other tools and for the guest, the domain is no more.
void withdraw(Store& store, DomainId domain)
{
    remove_devices(store, domain, [](const std::string& what) { fmt::print(stderr, "vmctl: {}\n", what); });
    // While it exists: xenstored cannot account for the nodes of a domain it finds gone, and ends no transaction then.
    remove_nodes(store, domain);
}

} // namespace

FileLock lock_creation() { return FileLock{create_lock}; }

std::optional<DomainId> find_domain(Toolstack& tools, const std::string& name)
{
    for (const unsigned number : find_domains(tools.store, name)) {
        const auto id = static_cast<DomainId>(number);
        if (number < PV_DOMID_FIRST_RESERVED && tools.hypervisor.find(id)) return id;
    }
    return std::nullopt;
}

NewDomain::NewDomain(Toolstack& tools, const DomainConfig& config, Loan memory)
    : tools_{tools}, memory_{std::move(memory)}, id_{tools.hypervisor.create(config.uuid, config.max_vcpus)}
{
}

NewDomain::~NewDomain()
{
    if (kept_) return;
    try {
        destroy_domain(tools_, id_);
    } catch (const std::exception& e) {
        fmt::print(stderr, "vmctl: cannot undo the creation of domain {}: {}\n", id_, e.what());
    }
}

void NewDomain::keep()
{
    kept_ = true;
    memory_.keep();
}

std::unique_ptr<NewDomain> create_domain(Toolstack& tools, const DomainConfig& config, Steps& steps)
{
    Loan memory{tools.store, lock_creation()};
    refuse_duplicates(tools, config);
    check_devices(tools.store, config);
    const std::vector<Affinity> places =
        place_vcpus(config.cpus, config.max_vcpus, tools.hypervisor.physinfo().nr_cpus);
    const Source source = open_source(config, steps);
    memory.make_room(tools.hypervisor, source.layout.nr_pages + overhead_pages);
    if (memory.taken()) steps.done("memory taken from domain 0");

    auto domain = std::make_unique<NewDomain>(tools, config, std::move(memory));
    const DomainId id = domain->id();
    unless_destroyed(tools.hypervisor, id, [&] {
        configure(tools.hypervisor, id, config, places);
        write_nodes(tools.store, id, config);
        steps.done(fmt::format("domain {} made", id));
        if (!config.disks.empty() || !config.networks.empty()) {
            attach_devices(tools.store, id, config);
            steps.done(fmt::format("{} disk(s) and {} network interface(s) attached", config.disks.size(),
                                   config.networks.size()));
        }
        domain->rings = build(tools, *domain, config, source, steps);
        introduce(tools.store, id, domain->rings);
        write_xl_record(id, config);
        steps.done("introduced to xenstore");
    });
    return domain;
}

void start(Toolstack& tools, DomainId id)
{
    unless_destroyed(tools.hypervisor, id, [&] { tools.hypervisor.unpause(id); });
}

bool destroy_domain(Toolstack& tools, DomainId domain)
{
    if (domain == 0) fail("domain 0 cannot be destroyed");
    const bool stopped = stop(tools.hypervisor, domain);
    std::exception_ptr store_gone;
    try {
        withdraw(tools.store, domain);
    } catch (const Error&) { // the domain goes all the same
        store_gone = std::current_exception();
    }
    const auto info = tools.hypervisor.find(domain);
    const int result = tools.hypervisor.try_destroy(domain);
    if (result < 0 && result != -ESRCH) {
        if (stopped) tools.hypervisor.unpause(domain);
        throw Error{fmt::format("cannot destroy domain {}: {}", domain, std::strerror(-result)), -result};
    }
    if (store_gone) std::rethrow_exception(store_gone);
    tools.store.release(domain);
    if (info) remove_xl_records(domain, std::to_array(info->handle));
    for (int i = 0; i < 300; ++i) {
        if (!tools.hypervisor.find(domain)) return true;
        ::usleep(10'000);
    }
    return false;
}

} // namespace parapet
