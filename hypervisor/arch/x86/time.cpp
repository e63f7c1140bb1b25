// SPDX-License-Identifier: MIT
//
// TSC and LAPIC timer rates, measured once against the ACPI PM timer or the HPET, and the one-shot timer. Boot CPU
// calibrates; each CPU arms its own timer.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/log.hpp"
#include "base/options.hpp"

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint64_t pm_timer_hz = 3'579'545, second = 1'000'000'000;
constexpr unsigned calibration_fraction = 32; // of a second

TscScale scale;
bool stable;
std::uint64_t tsc_per_ns, apic_per_ns; // fixed point, fraction_bits
constexpr unsigned fraction_bits = 30;
std::array<std::uint64_t, 256> deadlines; // TSC, by CPU; 0 = disarmed

/// A counter of known rate that only goes up, modulo mask + 1.
struct Reference {
    volatile std::uint32_t* hpet;
    std::uint64_t hz, mask;

    [[nodiscard]] std::uint64_t read() const { return hpet != nullptr ? hpet[0xf0 / 4] : inl(acpi().pm_timer) & mask; }
};

Reference find_reference()
{
    if (acpi().pm_timer != 0) return {nullptr, pm_timer_hz, 0xffffff};
    const auto hpet = acpi().hpet_address != 0 ? map_device(acpi().hpet_address, page_size) : Error::enodev;
    if (!hpet.ok()) panic("neither an ACPI PM timer nor an HPET to measure the TSC with", nullptr);
    volatile std::uint32_t* registers = hpet.take();
    const std::uint64_t femtoseconds = registers[1];
    registers[0x10 / 4] = registers[0x10 / 4] | 1; // run
    return {registers, 1'000'000'000'000'000 / femtoseconds, 0xffffffff};
}

struct Sample {
    std::uint64_t tsc, reference;
    std::uint32_t apic;
};

/// The tightest of several readings: an interruption below us stretches one, hardly all.
Sample sample(const Reference& ref)
{
    Sample best{};
    std::uint64_t best_width = ~0ULL;
    for (unsigned i = 0; i < 16; ++i) {
        const std::uint64_t before = read_tsc(), r = ref.read(), after = read_tsc();
        const std::uint32_t apic = apic_count();
        const std::uint64_t width = read_tsc() - before;
        if (width >= best_width) continue;
        best_width = width;
        best = {before + (after - before) / 2, r, apic};
    }
    return best;
}

TscScale scale_of(std::uint64_t hz)
{
    std::int8_t shift = 0;
    std::uint64_t rate = hz;
    for (; rate > 2 * second; rate >>= 1)
        --shift;
    for (; rate <= second; rate <<= 1)
        ++shift;
    return {static_cast<std::uint32_t>((second << 32) / rate), shift, static_cast<std::uint32_t>(hz / 1000)};
}

std::uint64_t scaled(std::uint64_t ns, std::uint64_t per_ns)
{
    const auto product = static_cast<unsigned __int128>(ns) * per_ns >> fraction_bits;
    return product >> 62 != 0 ? 1ULL << 62 : static_cast<std::uint64_t>(product);
}

void count_down(std::uint64_t ns)
{
    const std::uint64_t ticks = scaled(ns, apic_per_ns) + 1;
    start_apic_count(ticks > ~0U ? ~0U : static_cast<std::uint32_t>(ticks));
}

} // namespace

void x86::init_time()
{
    const Reference ref = find_reference();
    start_apic_count(~0U);
    const Sample from = sample(ref);
    while (((ref.read() - from.reference) & ref.mask) < ref.hz / calibration_fraction)
        relax();
    const Sample to = sample(ref);
    start_apic_count(0);
    const std::uint64_t elapsed = (to.reference - from.reference) & ref.mask;
    const std::uint64_t hz = (to.tsc - from.tsc) * ref.hz / elapsed;
    const std::uint64_t apic_hz = std::uint64_t{from.apic - to.apic} * ref.hz / elapsed;
    scale = scale_of(hz);
    tsc_per_ns = (hz << fraction_bits) / second;
    apic_per_ns = (apic_hz << fraction_bits) / second;
    log::info("time: TSC {} kHz, APIC timer {} kHz, by the {}", hz / 1000, apic_hz / 1000,
              ref.hpet != nullptr ? "HPET" : "ACPI PM timer");
    read_wallclock();
}

std::uint64_t read_tsc()
{
    std::uint64_t low, high; // it clears their upper halves
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}
TscScale tsc_scale() { return scale; }
void x86::set_tsc_warp(std::uint64_t ticks)
{
    stable = options.tsc == Choice::automatic ? ticks == 0 : options.tsc == Choice::on;
}
bool tsc_is_stable() { return stable; }

void arm_timer(std::uint64_t ns_from_now)
{
    deadlines[cpu_info().cpu] = read_tsc() + scaled(ns_from_now, tsc_per_ns);
    count_down(ns_from_now);
}
void disarm_timer()
{
    deadlines[cpu_info().cpu] = 0;
    start_apic_count(0);
}

/// The APIC timer is 32 bits wide and a trifle off the TSC's rate: what is left of the deadline is counted again.
void x86::handle_timer_interrupt()
{
    eoi();
    std::uint64_t& deadline = deadlines[cpu_info().cpu];
    if (deadline == 0) return;
    const std::uint64_t now = read_tsc();
    if (now < deadline) return count_down(scale.nanoseconds(deadline - now));
    deadline = 0;
    upcall_timer();
}

} // namespace hv::arch
