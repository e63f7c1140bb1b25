// SPDX-License-Identifier: MIT
//
// Local APIC registers (SDM vol. 3 chapter 10). Each CPU touches its own; the mapping is shared. x2APIC mode is taken
// where there is one, as Xen does; with x2apic=off only if the firmware chose it or an id needs more than eight bits.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/options.hpp"

namespace hv::arch {
namespace {

// Registers.
constexpr unsigned id = 0x20, task_priority = 0x80, end_of_interrupt = 0xb0, spurious = 0xf0, command_low = 0x300,
                   command_high = 0x310, lvt_timer = 0x320, lvt_lint0 = 0x350, lvt_lint1 = 0x360, lvt_error = 0x370,
                   initial_count = 0x380, current_count = 0x390, divide = 0x3e0;
constexpr std::uint32_t lvt_masked = 1 << 16, lvt_nmi = 4 << 8, software_enable = 1 << 8, divide_by_1 = 0xb;
constexpr std::uint32_t delivery_pending = 1 << 12, msr_x2apic = 0x800;
constexpr std::uint64_t default_base = 0xfee00000, base_enabled = 1 << 11;

volatile std::uint32_t* registers; // xAPIC; null: x2APIC

std::uint32_t read(unsigned r)
{
    return registers != nullptr ? registers[r / 4] : static_cast<std::uint32_t>(rdmsr(msr_x2apic + r / 16));
}
void write(unsigned r, std::uint32_t v)
{
    if (registers == nullptr) return wrmsr(msr_x2apic + r / 16, v);
    registers[r / 4] = v;
}

bool wants_x2apic()
{
    bool wanted = options.x2apic || (rdmsr(msr_apic_base) & apic_base_x2apic) != 0;
    for (unsigned i = 0; i < x86::acpi().cpu_count; ++i)
        wanted = wanted || x86::acpi().cpus[i].apic_id > 0xfe;
    return wanted && (cpuid(1, 0).ecx >> 21 & 1) != 0;
}

} // namespace

void x86::init_local_apic()
{
    const bool x2apic = wants_x2apic();
    if (!x2apic && registers == nullptr) {
        const auto mapped = map_device(default_base, page_size);
        if (!mapped.ok()) panic("no room to map the local APIC", nullptr);
        registers = mapped.take();
    }
    wrmsr(msr_apic_base, (rdmsr(msr_apic_base) & 0xfff) | default_base | base_enabled);
    if (x2apic) wrmsr(msr_apic_base, rdmsr(msr_apic_base) | apic_base_x2apic);
    write(task_priority, 0);
    write(lvt_timer, lvt_masked | timer_vector);
    write(lvt_lint0, lvt_masked);
    write(lvt_lint1, lvt_nmi);
    write(lvt_error, lvt_masked);
    write(divide, divide_by_1);
    write(spurious, software_enable | spurious_vector);
    write(lvt_timer, timer_vector);
}

std::uint32_t x86::local_apic_id() { return registers != nullptr ? read(id) >> 24 : read(id); }

void x86::send_ipi(std::uint32_t apic_id, std::uint32_t command)
{
    if (registers == nullptr) {
        asm volatile("mfence\nlfence" : : : "memory"); // this write waits for no store before it
        return wrmsr(msr_x2apic + command_low / 16, std::uint64_t{apic_id} << 32 | command);
    }
    while ((read(command_low) & delivery_pending) != 0)
        __builtin_ia32_pause();
    write(command_high, apic_id << 24);
    write(command_low, command);
}

void x86::eoi() { write(end_of_interrupt, 0); }
void x86::start_apic_count(std::uint32_t ticks) { write(initial_count, ticks); }
std::uint32_t x86::apic_count() { return read(current_count); }

} // namespace hv::arch
