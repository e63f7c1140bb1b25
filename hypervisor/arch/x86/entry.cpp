// SPDX-License-Identifier: MIT
//
// The C++ side of entry.S: sorts what interrupted a guest or the hypervisor, and leaves to the guest. Interrupts off;
// regs of a guest are cpu_info().regs, those of the hypervisor lie where the CPU pushed them.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/mitigations.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"

namespace hv::arch {
using namespace x86;

extern "C" {
[[noreturn]] void enter_guest_asm();
[[noreturn]] void enter_guest_isolated();

struct ExceptionFixup {
    std::int32_t at, continue_at; // each from its own place; alike for an iretq into a guest
};
extern const ExceptionFixup ex_table_start[], ex_table_end[];
}

// Every stack of a CPU, the early one too, lies in an aligned block whose last bytes are CpuInfo.
static_assert((HV_STACK_BYTES - sizeof(CpuInfo) + offsetof(GuestRegs, es)) % 16 == 0,
              "the CPU aligns rsp0 before it pushes");
static_assert(offsetof(CpuInfo, regs) == 0 && offsetof(GuestRegs, r15) == 0 &&
              offsetof(GuestRegs, error_code) == 15 * 8);

namespace {

enum Vector : unsigned { debug = 1, nmi = 2, double_fault = 8, page_fault = 14, machine_check = 18 };

void handle_interrupt(unsigned vector)
{
    if (vector == timer_vector) return handle_timer_interrupt();
    if (vector == call_vector || vector == kick_vector) return handle_ipi();
    if (vector >= first_device_vector && vector <= last_device_vector) return handle_device_vector(vector);
    if (vector != spurious_vector) log::warning("unexpected interrupt, vector {}", vector);
}

bool is_own(unsigned vector)
{
    return ((1U << nmi | 1U << machine_check | 1U << double_fault) >> vector % 32 & 1) != 0;
}

[[gnu::cold, gnu::noinline]] void handle_own(const GuestRegs& regs, unsigned vector)
{
    if (vector == machine_check) panic("machine check", &regs);
    if (vector == double_fault) panic("double fault (stack overflow?)", &regs);
    if (answer_report(regs)) return;
    log::error("NMI, system control port {x}, at {x}:{x}", inb(0x61), regs.cs, regs.rip);
}

std::uint64_t address_from(const std::int32_t& offset)
{
    return reinterpret_cast<std::uint64_t>(&offset) + static_cast<std::uint64_t>(std::int64_t{offset});
}

[[noreturn]] void resume()
{
    if (mitigations().isolated_entry) enter_guest_isolated();
    enter_guest_asm();
}

/// The last instruction before the guest faulted: its general registers are live and now in @p fault; the rest is
/// still at the top of the stack, above the fault frame, which it overlaps in part.
[[noreturn]] void fail_return(const GuestRegs& fault)
{
    GuestRegs& guest = cpu_info().regs;
    const unsigned vector = fault.entry_vector;
    const std::uint32_t error = fault.error_code;
    __builtin_memmove(&guest, &fault, offsetof(GuestRegs, error_code));
    guest.entry_vector = vector;
    guest.error_code = error;
    upcall_return_fault(guest, vector, error);
    resume();
}

bool fix_up(GuestRegs& regs)
{
    for (const ExceptionFixup* f = ex_table_start; f != ex_table_end; ++f) {
        if (address_from(f->at) != regs.rip) continue;
        if (address_from(f->continue_at) == regs.rip) fail_return(regs);
        regs.rip = address_from(f->continue_at);
        return true;
    }
    return false;
}

/// A guest's breakpoint on an address the hypervisor touched, or single-stepping into sysenter: not ours to report.
void ignore_debug_trap(GuestRegs& regs)
{
    write_dr6(0xffff0ff0);
    regs.rflags = (regs.rflags & ~flag_tf) | flag_rf;
}

} // namespace

extern "C" {
void entry_from_guest()
{
    GuestRegs& regs = cpu_info().regs;
    const unsigned vector = regs.entry_vector;
    if (vector >= 32 && vector != guest_syscall_vector) return handle_interrupt(vector);
    if (is_own(vector)) return handle_own(regs, vector);
    upcall_guest_trap(regs, vector == page_fault ? read_cr2() : 0);
}

void entry_from_hypervisor(GuestRegs* regs)
{
    const unsigned vector = regs->entry_vector;
    if (vector >= 32 && vector != guest_syscall_vector) return handle_interrupt(vector);
    if (is_own(vector)) return handle_own(*regs, vector);
    if (vector == debug) return ignore_debug_trap(*regs);
    if (vector >= 10 && vector <= page_fault && fix_up(*regs)) return;
    panic("fault in the hypervisor", regs);
}

/// Every return to a guest that is not by a short path passes here.
void entry_leave()
{
    GuestRegs& regs = cpu_info().regs;
    upcall_before_guest();
    regs.rflags = (regs.rflags & ~(flag_iopl | flag_vm)) | flag_if | 2;
    ASSERT(((~regs.cs | ~regs.ss) & 3) == 0);
}

void entry_preempted() { upcall_hypercall_preempted(cpu_info().regs); }

void entry_call(GuestRegs* regs)
{
    if (regs->entry_vector == HV_VECTOR_SYSCALL) return upcall_syscall(*regs);
    const bool sysenter = regs->entry_vector == HV_VECTOR_SYSENTER;
    upcall_compat_syscall(*regs, sysenter ? CompatEntry::sysenter : CompatEntry::syscall32);
}

void entry_isolated(GuestRegs* regs)
{
    if (regs->entry_vector >= HV_VECTOR_SYSCALL) return entry_call(regs);
    entry_from_guest();
}
}

CpuInfo& cpu_info()
{
    std::uintptr_t sp;
    asm("mov %%rsp, %0" : "=r"(sp));
    return *reinterpret_cast<CpuInfo*>((sp | (HV_STACK_BYTES - 1)) + 1 - sizeof(CpuInfo));
}

void x86::init_early_cpu_info() { cpu_info().percpu = &upcall_percpu(0); }

void x86::enter_idle() { resume(); }

void enter_guest()
{
    release_vga();
    resume();
}

// sti takes effect after the next instruction, so nothing can slip in between it and hlt.
void wait_for_interrupt() { asm volatile("sti; hlt; cli" : : : "memory"); }

} // namespace hv::arch
