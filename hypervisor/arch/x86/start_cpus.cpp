// SPDX-License-Identifier: MIT
//
// Starts the other CPUs, one at a time (SDM vol. 3 section 9.4: INIT, 10 ms, STARTUP, STARTUP), and compares their TSC
// with the boot CPU's while both are at it. A started CPU idles until the scheduler gives it something.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/mitigations.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"

extern "C" {
extern char ap_trampoline[], ap_trampoline_end[];
std::uint64_t ap_root, ap_stack; // read by start.S
[[noreturn]] void ap_entry();
}

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint64_t millisecond = 1'000'000;
constexpr unsigned warp_rounds = 2000;

std::array<CpuName, max_cpus> names;  // by CPU number
CpuSet online = CpuSet::of(CpuId{0}); // grows on the boot CPU, before guests run
unsigned online_count = 1;
Atomic<std::uint32_t> arrived;   // number of the CPU that is up last
Atomic<std::uint32_t> warp_turn; // even: the boot CPU's
Atomic<std::uint64_t> last_tsc, worst_warp;

template <typename Condition> bool wait_until(std::uint64_t ns, Condition&& met)
{
    for (const std::uint64_t end = read_tsc() + ns * tsc_scale().khz / millisecond; read_tsc() < end; relax())
        if (met()) return true;
    return met();
}

/// Both CPUs read their TSC in turn; each must be past the other's last reading.
void compare_tsc(std::uint32_t parity)
{
    for (unsigned round = 0; round < warp_rounds; ++round) {
        if (!wait_until(1000 * millisecond, [=] { return warp_turn.load(Order::acquire) % 2 == parity; })) return;
        const std::uint64_t now = read_tsc(), before = last_tsc.exchange(now, Order::relaxed);
        if (now < before && before - now > worst_warp.load(Order::relaxed))
            worst_warp.store(before - now, Order::relaxed);
        warp_turn.fetch_add(1, Order::acq_rel);
    }
}

bool start(std::uint32_t cpu, Maddr page)
{
    const auto vector = static_cast<std::uint32_t>(page.raw() >> page_shift);
    ap_root = idle_root();
    ap_stack = reinterpret_cast<std::uint64_t>(&prepare_cpu_info(cpu)) & ~0xfULL;
    warp_turn.store(0, Order::relaxed);
    last_tsc.store(0, Order::relaxed);
    send_ipi(names[cpu].apic_id, ipi_init);
    wait_until(10 * millisecond, [] { return false; });
    const auto up = [cpu] { return arrived.load(Order::acquire) == cpu; };
    for (unsigned attempt = 0; attempt < 2; ++attempt) {
        send_ipi(names[cpu].apic_id, ipi_startup | vector);
        if (wait_until(attempt == 0 ? 10 * millisecond : 5000 * millisecond, up)) return true;
    }
    return false;
}

} // namespace

const CpuSet& online_cpus() { return online; }
unsigned online_cpu_count() { return online_count; }
CpuName cpu_name(CpuId cpu) { return names[cpu.raw()]; }

void x86::start_cpus(std::uint32_t cpus, Maddr low_page)
{
    names[0] = {local_apic_id(), 0};
    for (unsigned i = 0; i < acpi().cpu_count; ++i)
        if (acpi().cpus[i].apic_id == names[0].apic_id) names[0] = acpi().cpus[i];
    if (cpus == 1) return set_tsc_warp(0);
    std::uint32_t next = 1;
    std::byte saved[page_size / 4]; // the trampoline is far smaller
    std::byte* const at = frame_address(mfn_of(low_page));
    const auto bytes = static_cast<std::size_t>(ap_trampoline_end - ap_trampoline);
    ASSERT(bytes <= sizeof saved);
    __builtin_memcpy(saved, at, bytes);
    __builtin_memcpy(at, ap_trampoline, bytes);
    for (unsigned i = 0; i < acpi().cpu_count && next < cpus; ++i) {
        if (acpi().cpus[i].apic_id == names[0].apic_id) continue;
        names[next] = acpi().cpus[i];
        if (!start(next, low_page)) {
            log::error("CPU with APIC id {} does not start; it is left out", names[next].apic_id);
            send_ipi(names[next].apic_id, ipi_init); // or it could wake up on the stack that the next one is given
            continue;
        }
        online.add(CpuId{next});
        ++online_count;
        compare_tsc(0);
        ++next;
    }
    __builtin_memcpy(at, saved, bytes);
    set_tsc_warp(worst_warp.load(Order::relaxed));
    log::info("{} CPUs run; TSCs differ by at most {}", next, worst_warp.load(Order::relaxed));
}

} // namespace hv::arch

void ap_entry()
{
    using namespace hv::arch;
    const std::uint32_t cpu = cpu_info().cpu;
    x86::enable_features();
    x86::enable_mitigations();
    x86::init_cpu(cpu);
    x86::init_local_apic();
    arrived.store(cpu, hv::Order::release);
    compare_tsc(1);
    x86::enter_idle();
}
