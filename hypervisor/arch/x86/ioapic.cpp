// SPDX-License-Identifier: MIT
//
// IOAPICs, message interrupts and the vectors both use. Level lines are masked at the IOAPIC from delivery to gsi_end,
// so that other interrupts get in meanwhile. All go to the boot CPU. One lock for all of it; any CPU.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/machine_lock.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {
using namespace x86;

constexpr unsigned max_gsis = 256;
constexpr std::uint32_t rte_vector = 0xff, rte_low_polarity = 1 << 13, rte_level = 1 << 15, rte_masked = 1 << 16;

struct IoApic {
    volatile std::uint32_t* registers;
    std::uint64_t address;
    std::uint32_t first_gsi, lines;

    [[nodiscard]] std::uint32_t read(std::uint32_t index) const
    {
        registers[0] = index;
        return registers[4];
    }
    void write(std::uint32_t index, std::uint32_t v) const
    {
        registers[0] = index;
        registers[4] = v;
    }
};

struct Line {
    std::uint32_t entry; ///< Low word of its redirection entry; vector 0: not configured.
    bool awaiting_end, ours;
};
struct VectorBinding {
    VectorUse use;
    std::uint32_t number;
    bool operator==(const VectorBinding&) const = default;
};

MachineLock interrupt_lock; ///< Guards all below.
std::array<IoApic, 8> ioapics;
unsigned ioapic_count, lines_total;
std::uint32_t boot_cpu_id; // APIC id
std::array<Line, max_gsis> lines;
std::array<VectorBinding, 256> vectors;

const IoApic* ioapic_of(unsigned gsi)
{
    for (unsigned i = 0; i < ioapic_count; ++i)
        if (gsi >= ioapics[i].first_gsi && gsi - ioapics[i].first_gsi < ioapics[i].lines) return &ioapics[i];
    return nullptr;
}

std::uint32_t wiring(Trigger trigger, Polarity polarity)
{
    return (trigger == Trigger::level ? rte_level : 0) | (polarity == Polarity::low ? rte_low_polarity : 0);
}

void program(unsigned gsi)
{
    const Line& l = lines[gsi];
    const IoApic& io = *ioapic_of(gsi);
    const std::uint32_t at = 0x10 + 2 * (gsi - io.first_gsi);
    io.write(at + 1, boot_cpu_id << 24);
    io.write(at, l.entry | (l.awaiting_end ? rte_masked : 0));
}

void add_ioapic(const IoApicInfo& info)
{
    const auto mapped = map_device(info.address, page_size);
    if (!mapped.ok()) return;
    IoApic& io = ioapics[ioapic_count++];
    io = {mapped.take(), info.address, info.first_gsi, 0};
    const std::uint32_t has = (io.read(1) >> 16 & 0xff) + 1,
                        room = io.first_gsi < max_gsis ? max_gsis - io.first_gsi : 0;
    io.lines = has < room ? has : room;
    for (unsigned i = 0; i < io.lines; ++i)
        io.write(0x10 + 2 * i, rte_masked);
    if (io.first_gsi + io.lines > lines_total) lines_total = io.first_gsi + io.lines;
}

void mask_legacy_pic()
{
    // Initialise both, vectors 0x20..0x2f, so that a stray one is recognised; then mask all.
    constexpr std::uint8_t words[2][5] = {{0x11, 0x20, 4, 1, 0xff}, {0x11, 0x28, 2, 1, 0xff}};
    for (unsigned pic = 0; pic < 2; ++pic)
        for (unsigned i = 0; i < 5; ++i)
            outb((pic == 0 ? 0x20 : 0xa0) + (i == 0 ? 0 : 1), words[pic][i]); // the first is the command
}

std::uint32_t gsi_of_isa(std::uint32_t isa) { return acpi().isa[isa].present ? acpi().isa[isa].gsi : isa; }

unsigned find_vector(const VectorBinding& b)
{
    for (unsigned v = first_device_vector; v <= last_device_vector; ++v)
        if (v != guest_syscall_vector && vectors[v] == b) return v;
    return 0;
}

unsigned allocate_vector(const VectorBinding& b)
{
    const unsigned v = find_vector({});
    if (v != 0) vectors[v] = b;
    return v;
}

Result<> set_mask(unsigned gsi, std::uint32_t mask)
{
    const MachineGuard guard{interrupt_lock};
    if (gsi >= lines_total || lines[gsi].ours || (lines[gsi].entry & rte_vector) == 0) return Error::einval;
    lines[gsi].entry = (lines[gsi].entry & ~rte_masked) | mask;
    program(gsi);
    return Ok{};
}

} // namespace

void x86::init_interrupts()
{
    mask_legacy_pic();
    init_local_apic();
    boot_cpu_id = local_apic_id();
    for (unsigned i = 0; i < acpi().ioapic_count; ++i)
        add_ioapic(acpi().ioapics[i]);
    const std::uint32_t pit = gsi_of_isa(0);
    if (pit < max_gsis) lines[pit].ours = true;
    const bool x2apic = (rdmsr(msr_apic_base) & apic_base_x2apic) != 0;
    log::info("interrupts: local {} {}, {} lines", x2apic ? "x2APIC" : "APIC", local_apic_id(), lines_total);
}

bool x86::route_own_isa_interrupt(std::uint32_t isa, VectorUse use)
{
    const std::uint32_t gsi = gsi_of_isa(isa);
    const unsigned vector = ioapic_of(gsi) == nullptr ? 0 : allocate_vector({use, gsi});
    if (vector == 0) return false;
    lines[gsi] = {vector | wiring(acpi().isa[isa].trigger, acpi().isa[isa].polarity), false, true};
    program(gsi);
    return true;
}

void x86::handle_device_vector(unsigned vector)
{
    VectorBinding b{};
    {
        const MachineGuard guard{interrupt_lock};
        b = vectors[vector];
        if (b.use == VectorUse::gsi && (lines[b.number].entry & rte_level) != 0) {
            lines[b.number].awaiting_end = true;
            program(b.number);
        }
    }
    eoi();
    switch (b.use) {
    case VectorUse::gsi: return upcall_gsi(b.number);
    case VectorUse::msi: return upcall_msi(b.number);
    case VectorUse::serial: return handle_serial_interrupt();
    case VectorUse::none: log::warning("interrupt on unbound vector {}", vector);
    }
}

unsigned gsi_count() { return lines_total; }
bool gsi_is_ours(unsigned gsi) { return gsi >= lines_total || lines[gsi].ours; }

Result<> gsi_configure(unsigned gsi, Trigger trigger, Polarity polarity)
{
    const MachineGuard guard{interrupt_lock};
    if (ioapic_of(gsi) == nullptr || lines[gsi].ours) return Error::einval;
    const unsigned given = lines[gsi].entry & rte_vector;
    const unsigned vector = given != 0 ? given : allocate_vector({VectorUse::gsi, gsi});
    if (vector == 0) return Error::enospc;
    lines[gsi] = {vector | wiring(trigger, polarity) | rte_masked, false, false};
    program(gsi);
    return Ok{};
}

Result<> gsi_unmask(unsigned gsi) { return set_mask(gsi, 0); }
void gsi_mask(unsigned gsi) { static_cast<void>(set_mask(gsi, rte_masked)); }

void gsi_end(unsigned gsi)
{
    const MachineGuard guard{interrupt_lock};
    if (gsi >= lines_total || !lines[gsi].awaiting_end) return;
    lines[gsi].awaiting_end = false;
    program(gsi);
}

Result<std::uint32_t> ioapic_read(std::uint64_t base, std::uint32_t reg)
{
    const MachineGuard guard{interrupt_lock};
    for (unsigned i = 0; i < ioapic_count; ++i)
        if (ioapics[i].address == base && reg < 0x10 + 2 * ioapics[i].lines) return ioapics[i].read(reg);
    return Error::einval;
}

Result<MsiMessage> msi_allocate(unsigned cookie)
{
    const MachineGuard guard{interrupt_lock};
    if (find_vector({VectorUse::msi, cookie}) != 0) return Error::ebusy;
    const unsigned vector = allocate_vector({VectorUse::msi, cookie});
    if (vector == 0) return Error::enospc;
    return MsiMessage{0xfee00000ULL | boot_cpu_id << 12, vector};
}

void msi_free(unsigned cookie)
{
    const MachineGuard guard{interrupt_lock};
    if (const unsigned vector = find_vector({VectorUse::msi, cookie}); vector != 0) vectors[vector] = {};
}

bool is_private_device_frame(Mfn frame)
{
    for (unsigned i = 0; i < ioapic_count; ++i)
        if (mfn_of(Maddr{ioapics[i].address}) == frame) return true;
    return frame.raw() >= 0xfee00 && frame.raw() <= 0xfeeff; // local APIC and the message window
}

} // namespace hv::arch
