// SPDX-License-Identifier: MIT
//
// Bring-up in the order it happens, on the boot CPU: console, CPU, memory, own page tables and stack, interrupts, time,
// memory management, then the hardware domain.
#include "arch/x86/bringup.hpp"
#include "arch/x86/mitigations.hpp"
#include "base/log.hpp"
#include "base/options.hpp"
#include "boot/memory_map.hpp"
#include "boot/multiboot.hpp"
#include "cpu/clock.hpp"
#include "domain/domain.hpp"
#include "domain/time.hpp"
#include "mm/init.hpp"

extern "C" {
using Initializer = void (*)();
extern const Initializer init_array_start[], init_array_end[];
extern char image_start[], image_end[];
[[noreturn]] void boot_entry(std::uint32_t magic, std::uint64_t info);
}

namespace hv::boot {
namespace {

BootInfo info;
Spans ram, free_ram; ///< All RAM; what of it nobody uses yet.
constexpr std::uint64_t first_mib = 1 << 20, text_screen = 0xb8000;

std::uint64_t physical(const char* p) { return reinterpret_cast<std::uint64_t>(p) - HV_IMAGE_OFFSET; }

void start_console()
{
    options = parse_options(info.command_line, [](const char*, const char*) {});
    log::set_threshold(options.log_level);
    if (options.console_com1) arch::x86::init_serial(options.com1_port, options.com1_baud);
    if (options.console_vga && info.screen.video_type == PV_VGATYPE_TEXT_MODE_3)
        arch::x86::init_vga(reinterpret_cast<std::byte*>(text_screen));
    log::info("Parapet, a paravirtualizing hypervisor; loaded by {}", info.loader_name);
    log::info("command line: {}", info.command_line);
    options = parse_options(info.command_line,
                            [](const char* word, const char* why) { log::warning("command line: {}: {}", word, why); });
}

/// A page below 640 KiB that is RAM and holds no module, for other CPUs to start in; 0 if there is none. It is dom0's
/// later, as the rest of the first MiB.
std::uint64_t find_low_page()
{
    Spans low = ram;
    subtract(low, {0, page_size});
    subtract(low, {0xa0000, 1ULL << 52});
    for (const Module& m : info.module_list())
        subtract(low, {m.start.raw(), m.start.raw() + m.bytes});
    return low.count == 0 ? 0 : low.items[low.count - 1].end - page_size;
}

void find_memory()
{
    if (!normalise(info)) log::warning("memory map: too many ranges, the last are ignored");
    ram_spans(info, ram);
    free_ram = ram;
    subtract(free_ram, {0, first_mib});
    subtract(free_ram, {physical(image_start), physical(image_end)});
    std::uint64_t bytes = 0;
    for (const Span& s : ram.all())
        bytes += s.end - s.start;
    for (const Module& m : info.module_list()) {
        subtract(free_ram, {m.start.raw(), m.start.raw() + m.bytes});
        log::info("module at {x}, {} KiB: {}", m.start, m.bytes / 1024, m.command);
    }
    log::info("memory: {} MiB in {} ranges", bytes >> 20, ram.count);
}

void own_page_tables()
{
    Spans direct = ram;
    subtract(direct, {physical(image_start), physical(image_end)});
    arch::x86::init_paging(direct.all(), {free_ram.items.data(), free_ram.count}, ram.items[ram.count - 1].end);
    const auto screen = arch::x86::map_physical(text_screen, page_size, arch::x86::Cache::uncached);
    if (options.console_vga && info.screen.video_type == PV_VGATYPE_TEXT_MODE_3 && screen.ok())
        arch::x86::init_vga(screen.take());
}

/// Interrupt controllers are not in a BIOS's map; dom0 must see that these pages are nobody's RAM.
void reserve_interrupt_controllers()
{
    constexpr std::uint64_t local_apics = 0xfee00000, local_apics_bytes = 1 << 20;
    add_range(info, {Maddr{local_apics}, local_apics_bytes, MemoryType::reserved});
    for (unsigned i = 0; i < arch::x86::acpi().ioapic_count; ++i)
        add_range(info, {Maddr{arch::x86::acpi().ioapics[i].address}, page_size, MemoryType::reserved});
    if (!normalise(info)) log::warning("memory map: too many ranges, the last are ignored");
}

/// What RAM is not free is the hypervisor's or a module's: no guest may get at it by its number. The first MiB counts
/// as device memory: firmware leaves tables there (EBDA, iBFT) that dom0 maps by their machine address.
void hand_memory_over()
{
    Spans own = ram;
    subtract(own, {0, first_mib});
    mm::init(mfn_of(Maddr{ram.items[ram.count - 1].end}));
    for (const Span& s : own.all())
        mm::reserve(s);
    for (const Span& s : free_ram.all())
        mm::release_reserved(s);
}

[[noreturn]] void continue_boot()
{
    arch::x86::init_acpi(info.rsdp.raw());
    reserve_interrupt_controllers();
    arch::x86::init_interrupts();
    arch::x86::init_time();
    cpu::start_clock();
    domain::start_wallclock();
    const std::uint32_t present = arch::x86::acpi().cpu_count == 0 ? 1 : arch::x86::acpi().cpu_count;
    const std::uint32_t cpus = options.maxcpus != 0 && options.maxcpus < present ? options.maxcpus : present;
    arch::x86::init_windows(cpus);
    hand_memory_over();
    if (const std::uint64_t page = find_low_page(); page != 0 || cpus == 1)
        arch::x86::start_cpus(cpus, Maddr{page});
    else
        log::warning("no free page below 640 KiB: one CPU is used");
    arch::x86::init_serial_interrupt();
    start_dom0(info);
}

[[noreturn]] void begin(std::uint32_t magic, std::uint64_t structure)
{
    arch::x86::init_early_cpu_info();
    for (const Initializer* i = init_array_start; i != init_array_end; ++i)
        (*i)();
    const bool understood = read_multiboot(magic, reinterpret_cast<const std::byte*>(structure), info);
    start_console();
    if (!understood) arch::x86::panic("no multiboot information with a memory map", nullptr);
    arch::x86::identify_cpu();
    arch::x86::choose_mitigations(options.spec_ctrl, options.xpti);
    find_memory();
    if (ram.count == 0) arch::x86::panic("the memory map has no RAM", nullptr);
    own_page_tables();
    arch::x86::init_cpu(0);
    arch::x86::continue_on_cpu_stack(0, continue_boot);
}

} // namespace
} // namespace hv::boot

void boot_entry(std::uint32_t magic, std::uint64_t structure) { hv::boot::begin(magic, structure); }
