// SPDX-License-Identifier: MIT
//
// The end of the road: a report with registers and stack words, then a halt or a reset. Uses only what works in any
// state: the log's sinks and the stack pointer. The first CPU to panic reports, then makes the others report by NMI,
// one after the other. Interrupts off; never returns.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/options.hpp"

extern "C" {
extern char image_start[], text_end[];
}

namespace hv::arch {
namespace {

enum class Ending : std::uint8_t { none, quiet, report };
Atomic<Ending> ending;
AtomicCpuSet asked;             // to say where they are
Atomic<std::uint32_t> reported; // CPUs stopped by NMI

void print_registers(const GuestRegs& r)
{
    log::error("vector {} error {x} cr2 {x} cr3 {x}", r.entry_vector, r.error_code, read_cr2(), read_cr3());
    log::error("rip {x}:{x} rflags {x} rsp {x}:{x}", r.cs, r.rip, r.rflags, r.ss, r.rsp);
    log::error("rax {x} rbx {x} rcx {x} rdx {x}", r.rax, r.rbx, r.rcx, r.rdx);
    log::error("rsi {x} rdi {x} rbp {x} r8  {x}", r.rsi, r.rdi, r.rbp, r.r8);
    log::error("r9  {x} r10 {x} r11 {x} r12 {x}", r.r9, r.r10, r.r11, r.r12);
    log::error("r13 {x} r14 {x} r15 {x}", r.r13, r.r14, r.r15);
}

/// Return addresses are the words that point into the code; the rest of the stack is left out. @p sp may be anything:
/// only this CPU's stacks are read, those of the IST to the end of their page.
void print_stack(std::uint64_t sp)
{
    const auto code = reinterpret_cast<std::uint64_t>(image_start),
               code_end = reinterpret_cast<std::uint64_t>(text_end), top = reinterpret_cast<std::uint64_t>(&cpu_info());
    const std::uint64_t page = (sp - (top & ~(HV_STACK_BYTES - 1ULL))) / page_size;
    if (page == 0 || page == HV_STACK_GUARD_PAGE || page >= HV_STACK_BYTES / page_size) return;
    const std::uint64_t end = page < HV_STACK_GUARD_PAGE ? sp | (page_size - 1) : top;
    unsigned shown = 0;
    for (sp &= ~7ULL; sp < end && shown < 40; sp += 8) {
        const std::uint64_t word = *reinterpret_cast<const std::uint64_t*>(sp);
        if (word >= code && word < code_end) log::error("  {x}", word), ++shown;
    }
}

[[noreturn]] void stay_halted()
{
    for (;;)
        asm volatile("cli; hlt");
}

void stop_others()
{
    CpuSet others = online_cpus();
    others.remove(CpuId{cpu_info().cpu});
    others.for_each([](CpuId cpu) {
        const std::uint32_t before = reported.load(Order::acquire);
        x86::send_ipi(cpu_name(cpu).apic_id, x86::ipi_nmi);
        const std::uint64_t patience = read_tsc() + 500ULL * tsc_scale().khz; // ms
        while (reported.load(Order::acquire) == before && read_tsc() < patience)
            __builtin_ia32_pause();
        if (reported.load(Order::acquire) == before) log::error("CPU {} does not answer", cpu);
    });
}

} // namespace

void report_cpu(CpuId cpu)
{
    asked.add(cpu, Order::release);
    x86::send_ipi(cpu_name(cpu).apic_id, x86::ipi_nmi);
}

bool x86::answer_report(const GuestRegs& regs)
{
    const CpuId self{cpu_info().cpu};
    const Ending how = ending.load(Order::acquire);
    const bool only_asked = how == Ending::none && asked.has(self, Order::acquire);
    if (how == Ending::none && !only_asked) return false;
    if (how != Ending::quiet) {
        log::error("CPU {} is at {x}:{x}", self, regs.cs, regs.rip);
        if ((regs.cs & 3) == 0) print_registers(regs);
        if ((regs.cs & 3) == 0) print_stack(regs.rsp);
    }
    asked.remove(self, Order::release);
    if (only_asked) return true;
    reported.fetch_add(1, Order::release);
    stay_halted();
}

void x86::panic(const char* reason, const GuestRegs* regs)
{
    static Atomic<std::uint32_t> reporter{~0U};
    static unsigned before; // panics of that CPU: the report may fail, too, and then goes on without what failed
    if (ending.exchange(Ending::report, Order::acq_rel) == Ending::none)
        reporter.store(cpu_info().cpu, Order::relaxed);
    else if (reporter.load(Order::relaxed) != cpu_info().cpu || before == 3)
        stay_halted();
    const unsigned nested = before++;
    log::error("PANIC on CPU {}: {}", cpu_info().cpu, reason);
    if (regs != nullptr) print_registers(*regs);
    if (nested == 0) {
        log::error("addresses of code on the stack:");
        print_stack(reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
    }
    if (nested <= 1) stop_others();
    if (!options.noreboot) reset();
    log::error("halted");
    stay_halted();
}

void halt_forever()
{
    if (ending.exchange(Ending::quiet, Order::acq_rel) == Ending::none) stop_others();
    stay_halted();
}

} // namespace hv::arch

void hv::assertion_failed(const char* expression, const char* file, int line)
{
    log::error("assertion failed: {} at {}:{}", expression, file, line);
    arch::x86::panic("assertion", nullptr);
}
