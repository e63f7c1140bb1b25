// SPDX-License-Identifier: MIT
//
// Local APIC registers (SDM vol. 3 chapter 10). Each CPU touches its own; the mapping is shared.
#include "arch/x86/apic.hpp"
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"

namespace hv::arch {
namespace {

enum Register : unsigned {
    id = 0x20,
    task_priority = 0x80,
    end_of_interrupt = 0xb0,
    spurious = 0xf0,
    lvt_timer = 0x320,
    lvt_thermal = 0x330,
    lvt_performance = 0x340,
    lvt_lint0 = 0x350,
    lvt_lint1 = 0x360,
    lvt_error = 0x370,
    initial_count = 0x380,
    current_count = 0x390,
    divide = 0x3e0
};
constexpr std::uint32_t lvt_masked = 1 << 16, lvt_nmi = 4 << 8, software_enable = 1 << 8, divide_by_1 = 0xb;
constexpr std::uint64_t default_base = 0xfee00000;

volatile std::uint32_t* registers;

std::uint32_t read(Register r) { return registers[r / 4]; }
void write(Register r, std::uint32_t v) { registers[r / 4] = v; }

} // namespace

void x86::init_local_apic()
{
    if (registers == nullptr) {
        const auto mapped = map_device(default_base, page_size);
        if (!mapped.ok()) panic("no room to map the local APIC", nullptr);
        registers = mapped.take();
    }
    wrmsr(msr_apic_base, (rdmsr(msr_apic_base) & 0xfff & ~(1ULL << 10)) | default_base | 1 << 11);
    write(task_priority, 0);
    write(lvt_timer, lvt_masked | timer_vector);
    write(lvt_lint0, lvt_masked);
    write(lvt_lint1, lvt_nmi);
    write(lvt_error, lvt_masked);
    write(divide, divide_by_1);
    write(spurious, software_enable | spurious_vector);
    write(lvt_timer, timer_vector);
}

std::uint32_t x86::local_apic_id() { return read(id) >> 24; }
void x86::eoi() { write(end_of_interrupt, 0); }
void x86::start_apic_count(std::uint32_t ticks) { write(initial_count, ticks); }
std::uint32_t x86::apic_count() { return read(current_count); }

} // namespace hv::arch
