// SPDX-License-Identifier: MIT
//
// Builds the hardware domain out of the boot modules and enters it: unpack, lay out, fill, pin, go. Boot CPU only.
// A module that cannot be used ends the boot with a message that names it and the reason.
#include "arch/arch.hpp"
#include "base/log.hpp"
#include "base/options.hpp"
#include "boot/dom0_tables.hpp"
#include "boot/unpack.hpp"
#include "cpu/watchdog.hpp"
#include "domain/domain.hpp"
#include "hypercall/page.hpp"
#include "mm/allocator.hpp"
#include "mm/init.hpp"
#include "mm/m2p.hpp"
#include "mm/update.hpp"

namespace hv::boot {
namespace {

[[noreturn]] void refuse(const char* what, const char* reason)
{
    log::error("cannot start dom0: {}: {}", what, reason);
    arch::halt_forever();
}

template <typename T> T must(Result<T> r, const char* what)
{
    if (!r.ok()) {
        log::error("cannot start dom0: {}: error {}", what, static_cast<int>(r.error()));
        arch::halt_forever();
    }
    return std::move(r).take();
}

/// As must(), for an operation that wants to be called until it is through.
template <typename F> void must_in_the_end(F&& operation, const char* what)
{
    for (Result<> r = Error::restart; !r.ok();)
        if (r = operation(); r.error() != Error::restart) must(r, what);
}

image::Bytes bytes_of(const Module& m) { return {arch::frame_address(mfn_of(m.start)), m.bytes}; }

/// The kernel as an ELF file; if the module is compressed, @p unpacked keeps its bytes.
image::Bytes open_kernel(const Module& module, mm::Array<std::byte>& unpacked)
{
    const auto payload = image::find_payload(bytes_of(module));
    if (!payload.ok()) refuse("kernel module", payload.error());
    if (payload.value().format == image::Format::elf) return payload.value().bytes;
    if (const char* const why = unpack(payload.value(), unpacked)) refuse("kernel module", why);
    return unpacked.span();
}

/// What the machine can spare: all but a sixteenth (32 to 128 MiB), which is left for other domains' bookkeeping.
std::uint64_t default_pages()
{
    const std::uint64_t free = mm::free_frames();
    constexpr std::uint64_t least = (32ULL << 20) / page_size, most = (128ULL << 20) / page_size;
    const std::uint64_t reserve = free / 16 < least ? least : free / 16 > most ? most : free / 16;
    return free > reserve ? free - reserve : 0;
}

std::uint64_t wanted_pages()
{
    const std::uint64_t spare = default_pages(), limit = options.dom0_max_bytes / page_size;
    const std::uint64_t most = limit != 0 && limit < spare ? limit : spare;
    const std::uint64_t wanted = options.dom0_bytes / page_size + (options.dom0_bytes % page_size != 0 ? 1 : 0);
    if (wanted <= most) return wanted == 0 ? most : wanted;
    log::warning("dom0_mem={} MiB is more than {}: dom0 gets {} MiB", wanted >> 8,
                 most < spare ? "its max:" : "the machine has", most >> 8);
    return most;
}

/// Allocates frames for @p dom0 in pieces as large as there are, in pfn order; those below @p zeroed are cleared.
void allocate_memory(domain::Domain& dom0, std::span<std::uint64_t> p2m, Pfn zeroed)
{
    unsigned order = mm::max_order;
    for (std::uint64_t pfn = 0; pfn < p2m.size();) {
        while ((1ULL << order) > p2m.size() - pfn)
            --order;
        const auto got = mm::alloc_domain_frames(dom0, order, 0, mm::Contents::as_found);
        if (!got.ok()) {
            if (order == 0) refuse("memory", "allocation failed; lower dom0_mem=");
            --order;
            continue;
        }
        for (std::uint64_t i = 0; i < 1ULL << order; ++i, ++pfn) {
            p2m[pfn] = got.take().raw() + i;
            mm::set_m2p(Mfn{p2m[pfn]}, Pfn{pfn});
            if (Pfn{pfn} < zeroed) __builtin_memset(mm::FrameWindow<std::byte>{Mfn{p2m[pfn]}}.data(), 0, page_size);
        }
    }
}

void set_memory_map(domain::Domain& dom0, const BootInfo& info)
{
    for (const MemoryRange& r : info.map()) {
        if (dom0.memory_map_entries == dom0.memory_map.size()) {
            log::warning("memory map: only the first {} ranges are shown to dom0", dom0.memory_map_entries);
            return;
        }
        dom0.memory_map[dom0.memory_map_entries++] = {r.start.raw(), r.bytes, static_cast<std::uint32_t>(r.type)};
    }
}

void fill_hypercall_page(P2m p2m, const image::KernelImage& kernel)
{
    if (!kernel.hypercall_page) return;
    mm::FrameWindow<std::byte> w{Mfn{p2m[(*kernel.hypercall_page - kernel.virt_base) / page_size]}};
    hypercall::fill_page(std::span<std::byte, page_size>{&w[0], page_size});
}

pv_vcpu_guest_context boot_context; // too large for a stack

void start_vcpu(domain::Domain& dom0, const image::KernelImage& kernel, const Dom0Layout& l, Mfn root)
{
    pv_vcpu_guest_context& c = boot_context;
    c.flags = PV_VGCF_IN_KERNEL | PV_VGCF_ONLINE;
    c.user_regs.rip = kernel.entry;
    c.kernel_sp = c.user_regs.rsp = l.va_of(l.stack + 1);
    c.user_regs.rsi = l.va_of(l.start_info);
    c.user_regs.cs = PV_FLAT_KERNEL_CS64;
    c.kernel_ss = c.user_regs.ss = PV_FLAT_KERNEL_SS64;
    c.user_regs.rflags = 0x202;
    c.ctrlreg[3] = maddr_of(root).raw();
    domain::Vcpu& v = *dom0.vcpu(VcpuId{0});
    must_in_the_end([&] { return v.initialise(c); }, "first vCPU");
    must(v.up(), "first vCPU");
}

domain::Domain& create_dom0(std::uint64_t pages)
{
    domain::DomainConfig config;
    config.id = DomainId{0};
    config.role = domain::Role::hardware;
    config.max_vcpus = options.dom0_max_vcpus != 0 ? options.dom0_max_vcpus : std::min(arch::online_cpu_count(), 64U);
    domain::Domain& dom0 = *must(domain::Domain::create(config), "domain");
    must(dom0.create_vcpus(config.max_vcpus), "vCPUs");
    dom0.set_max_pages(std::max(options.dom0_max_bytes / page_size, pages));
    return dom0;
}

/// Everything that reads the modules; afterwards their memory can go.
void build(const BootInfo& info)
{
    mm::Array<std::byte> unpacked;
    const image::Bytes elf = open_kernel(info.modules[0], unpacked);
    const auto parsed = image::parse_elf_kernel(elf);
    if (!parsed.ok()) refuse("kernel module", parsed.error());
    const image::KernelImage& kernel = parsed.value();
    const Module initrd = info.module_count > 1 ? info.modules[1] : Module{Maddr{0}, 0, ""};
    if (info.module_count > 1 && initrd.bytes == 0) refuse("initrd module", "it is empty");

    const std::uint64_t pages = wanted_pages();
    const auto layout = lay_out_dom0(kernel, initrd.bytes, pages);
    if (!layout.ok())
        refuse(lay_out_dom0(kernel, 0, pages).ok() ? "initrd module" : "kernel module",
               layout.error() == Error::enomem ? "kernel and initrd do not fit into dom0's memory (raise dom0_mem=)"
                                               : "it asks for a mapping this builder cannot make");
    const Dom0Layout l = layout.take();
    domain::Domain& dom0 = create_dom0(pages);

    const auto list = must(mm::make_array<std::uint64_t>(pages), "room for the p2m list");
    const std::span p2m = list.span();
    allocate_memory(dom0, p2m, std::max(l.map_end, l.end));
    load_kernel(p2m, kernel, elf);
    if (initrd.bytes != 0) write_bytes(p2m, l.initrd.raw() * page_size, bytes_of(initrd));
    fill_hypercall_page(p2m, kernel);
    write_p2m_list(p2m, l);
    const Mfn root = write_page_tables(p2m, l);
    write_start_info(p2m, l, dom0.shared_info_frame(), info.modules[0].command, info.screen);
    set_memory_map(dom0, info);
    must_in_the_end([&] { return mm::pin(dom0, root, 4); }, "boot page tables");
    start_vcpu(dom0, kernel, l, root);
    log::info("dom0: {} MiB, {} vCPU(s), entry {x}, initrd {} KiB", pages >> 8, dom0.vcpu_count(), kernel.entry,
              initrd.bytes >> 10);
}

} // namespace

void start_dom0(const BootInfo& info)
{
    if (info.module_count == 0) refuse("kernel module", "the boot loader passed none");
    build(info);
    for (const Module& m : info.module_list()) // they were copied: their whole frames become free memory
        mm::release_reserved({m.start.raw(), m.start.raw() + m.bytes});
    must(domain::hardware_domain()->controller_unpause(), "first run");
    cpu::start_watchdog(options.watchdog_seconds);
    arch::enter_guest();
}

} // namespace hv::boot
