// SPDX-License-Identifier: MIT
//
// The steps that bring the machine up, in the order boot/main.cpp takes them, each once on the boot CPU, and the
// pieces of arch/x86 that other files of it use.
#pragma once
#include "arch/arch.hpp"
#include "arch/x86/layout.h"
#include <array>

namespace hv::arch::x86 {

// ---- boot order ----
void init_early_cpu_info(); ///< On the early stack: locks and the log work from here.
void init_serial(std::uint16_t port, std::uint32_t baud);
void init_vga(std::byte* screen); ///< 80x25 text cells; again when their mapping changes.
void release_vga();               ///< The hardware domain owns the screen from now on.
void identify_cpu();              ///< CPUID, CR4, PAT.
void enable_features();           ///< CR4, PAT, XCR0 of a further CPU, as identify_cpu() found them.
/// Final page tables for @p ram (sorted, disjoint, page-aligned, without the image) and the stack and windows of CPU 0.
/// Takes frames from the end of entries of @p free, which it shrinks. @p ram_end: one past the highest RAM byte.
void init_paging(std::span<const Span> ram, std::span<Span> free, std::uint64_t ram_end);
void init_cpu(std::uint32_t cpu); ///< GDT, IDT, TSS, system call MSRs; needs the window mapped.
[[noreturn]] void continue_on_cpu_stack(std::uint32_t cpu, void (*next)());
void init_acpi(std::uint64_t rsdp);
void init_windows(std::uint32_t cpus); ///< Stacks and windows of CPUs 1..cpus-1; takes frames as init_paging() does.
void init_interrupts();                ///< PIC off, LAPIC, IOAPICs.
void init_time();                      ///< TSC and LAPIC timer rates, wall clock.
void init_serial_interrupt();
/// Starts CPUs 1..cpus-1 one by one by way of the free page @p low_page below 1 MiB, whose contents it restores. They
/// idle on return. A CPU that does not answer is reported and left out.
void start_cpus(std::uint32_t cpus, Maddr low_page);

// ---- shared inside arch/x86 ----
enum class Cache : std::uint8_t { write_back, uncached };
/// Maps any physical range into the device area for good.
Result<std::byte*> map_physical(std::uint64_t pa, std::size_t bytes, Cache cache);
std::uint64_t window_base(std::uint32_t cpu);
/// CPU @p cpu's root with nothing of the hypervisor but its window, the IDT, isolated.S and the M2P; 0 when not used.
std::uint64_t isolated_root(std::uint32_t cpu);
const void* idt_page();
CpuInfo& prepare_cpu_info(std::uint32_t cpu); ///< At the top of the CPU's stack, whose window must be mapped.
std::uint64_t idle_root();
[[noreturn]] void enter_idle();
void handle_ipi();
bool answer_report(const GuestRegs& regs); ///< In an NMI: another CPU ends the machine or asked where this one is.
void set_window_frame(std::uint32_t cpu, unsigned page, Mfn frame); ///< Writes and invalidates if it changed.

/// The local APIC of this CPU (xAPIC or x2APIC, alike on all CPUs) and its timer, which counts down at a fixed rate.
void init_local_apic();
std::uint32_t local_apic_id();
void start_apic_count(std::uint32_t ticks); ///< One shot; 0 stops.
std::uint32_t apic_count();
enum : std::uint32_t { ipi_fixed = 0x4000, ipi_nmi = 0x4400, ipi_init = 0x4500, ipi_startup = 0x4600 };
/// Interrupt @p command (a kind above, with a vector or start page) to the CPU with this APIC id.
void send_ipi(std::uint32_t apic_id, std::uint32_t command);
void eoi();

void set_tsc_warp(std::uint64_t ticks); ///< The largest step back seen between two CPUs.
void read_wallclock();
void handle_timer_interrupt();
void handle_device_vector(unsigned vector);
void handle_serial_interrupt();
enum class VectorUse : std::uint8_t { none, gsi, msi, serial };
/// Routes ISA interrupt @p isa to the hypervisor for good, unmasked; false without an IOAPIC input for it.
bool route_own_isa_interrupt(std::uint32_t isa, VectorUse use);

inline constexpr unsigned first_device_vector = 0x30, last_device_vector = 0xdf, guest_syscall_vector = 0x80,
                          timer_vector = 0xf0, call_vector = 0xf1, kick_vector = 0xf2, spurious_vector = 0xff;

/// What the ACPI tables say about the machine.
struct IoApicInfo {
    std::uint64_t address;
    std::uint32_t first_gsi;
};
struct Override {
    bool present;
    std::uint32_t gsi;
    Trigger trigger;
    Polarity polarity;
};
struct Acpi {
    std::array<IoApicInfo, 8> ioapics;
    unsigned ioapic_count;
    std::array<CpuName, max_cpus> cpus; ///< Usable ones in the order the firmware lists them.
    unsigned cpu_count;
    std::array<Override, 16> isa; ///< Where each ISA interrupt went.
    std::uint64_t hpet_address;
    std::uint16_t pm1a_control, pm1b_control, pm_timer;
    std::uint8_t reset_space, reset_value; ///< space 0 memory, 1 I/O, 2 PCI; 0xff = no register
    std::uint64_t reset_address;
};
const Acpi& acpi();

[[noreturn]] void panic(const char* reason, const GuestRegs* regs);

} // namespace hv::arch::x86
