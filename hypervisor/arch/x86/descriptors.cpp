// SPDX-License-Identifier: MIT
//
// GDT, IDT and TSS. Each CPU's GDT is 15 pages of its window: 14 of the running guest, then ours with the selectors of
// layout.h. The IDT is shared. Guests may raise vectors 3, 4 and 0x80 with INT; any other n is #GP(n * 8 + 2).
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/features.hpp"
#include "arch/x86/mitigations.hpp"

extern "C" {
extern char trap_stubs[], syscall_trampoline[], syscall32_trampoline[], sysenter_trampoline[];
extern char isolated_stubs[], isolated_syscall_trampoline[]; // its two others follow as the plain one's do
[[noreturn]] void run_on_stack(std::uint64_t top, void (*next)());
}

namespace hv::arch {
namespace {
using namespace x86;

struct [[gnu::packed]] Tss {
    std::uint32_t reserved0;
    std::uint64_t rsp[3];
    std::uint64_t reserved1;
    std::uint64_t ist[7];
    std::uint64_t reserved2;
    std::uint16_t reserved3, port_bitmap; ///< Beyond the limit: there is none, every port traps.
};
static_assert(sizeof(Tss) == 104);

alignas(page_size) std::array<std::array<std::uint64_t, 2>, 256> idt;
std::array<std::uint8_t, max_cpus> gdt_pages; // of the window, by CPU: those a guest gave

std::uint64_t& descriptor(std::uint32_t cpu, unsigned selector)
{
    return *reinterpret_cast<std::uint64_t*>(window_base(cpu) + HV_WINDOW_GDT + (selector & ~7U));
}

void set_system_descriptor(std::uint32_t cpu, unsigned selector, std::uint64_t base, std::uint32_t limit, unsigned type)
{
    descriptor(cpu, selector) = (limit & 0xffff) | (base & 0xffffff) << 16 | std::uint64_t{0x80 | type} << 40 |
                                std::uint64_t{limit >> 16 & 0xf} << 48 | (base >> 24 & 0xff) << 56;
    descriptor(cpu, selector + 8) = base >> 32;
}

/// IST numbers: 1 #DB, 2 NMI, 3 #MC, 4 #DF; page n of the stack block.
unsigned ist_of(unsigned vector) { return vector == 1 ? 1 : vector == 2 ? 2 : vector == 18 ? 3 : vector == 8 ? 4 : 0; }

void fill_idt()
{
    for (unsigned v = 0; v < idt.size(); ++v) {
        const char* const stubs = mitigations().isolated_entry ? isolated_stubs : trap_stubs;
        const auto at = reinterpret_cast<std::uint64_t>(stubs) + v * 16;
        const unsigned dpl = v == 3 || v == 4 || v == guest_syscall_vector ? 3 : 0;
        idt[v] = {(at & 0xffff) | std::uint64_t{HV_SEL_CS} << 16 | std::uint64_t{ist_of(v)} << 32 |
                      std::uint64_t{0x8e | dpl << 5} << 40 | (at >> 16 & 0xffff) << 48,
                  at >> 32};
    }
}

void init_syscalls(std::uint32_t cpu)
{
    const char* const base = mitigations().isolated_entry ? isolated_syscall_trampoline : syscall_trampoline;
    const std::uint64_t entry = window_base(cpu) + HV_WINDOW_TRAMPOLINE + (base - syscall_trampoline);
    wrmsr(msr_efer, rdmsr(msr_efer) | 1);
    wrmsr(msr_star, std::uint64_t{HV_SEL_GUEST_CS32} << 48 | std::uint64_t{HV_SEL_CS} << 32);
    wrmsr(msr_lstar, entry);
    wrmsr(msr_cstar, entry + (syscall32_trampoline - syscall_trampoline));
    wrmsr(msr_fmask, 0x257fd5); // every flag
    if (!abilities().sysenter) return;
    wrmsr(msr_sysenter_cs, HV_SEL_CS);
    wrmsr(msr_sysenter_esp, window_base(cpu) + HV_WINDOW_STACK_TOP - sizeof(CpuInfo));
    wrmsr(msr_sysenter_eip, entry + (sysenter_trampoline - syscall_trampoline));
}

} // namespace

const void* x86::idt_page() { return idt.data(); }

void x86::init_cpu(std::uint32_t cpu)
{
    const std::uint64_t window = window_base(cpu), stack = window + HV_WINDOW_STACK;
    descriptor(cpu, HV_SEL_CS) = 0x00af9b000000ffff;
    descriptor(cpu, HV_SEL_DS) = 0x00cf93000000ffff;
    descriptor(cpu, HV_SEL_GUEST_CS32) = 0x00cffb000000ffff;
    descriptor(cpu, HV_SEL_GUEST_DS) = 0x00cff3000000ffff;
    descriptor(cpu, HV_SEL_GUEST_CS64) = 0x00affb000000ffff;
    set_system_descriptor(cpu, HV_SEL_TSS, window + HV_WINDOW_TSS, sizeof(Tss) - 1, 9);

    Tss& tss = *reinterpret_cast<Tss*>(window + HV_WINDOW_TSS);
    tss.rsp[0] = window + HV_WINDOW_STACK_TOP - sizeof(CpuInfo) + offsetof(GuestRegs, es);
    for (unsigned i = 0; i < HV_IST_PAGES; ++i)
        tss.ist[i] = stack + (i + 2) * page_size;
    tss.port_bitmap = sizeof(Tss);

    if (cpu == 0) fill_idt();
    const TablePointer gdt_pointer{HV_GDT_LIMIT, window + HV_WINDOW_GDT};
    const TablePointer idt_pointer{sizeof idt - 1, reinterpret_cast<std::uint64_t>(idt.data())};
    asm volatile("lgdt %0\n"
                 "lidt %1\n"
                 "pushq %2\n"
                 "lea 1f(%%rip), %%rax\n"
                 "push %%rax\n"
                 "lretq\n"
                 "1: mov %3, %%ss\n"
                 "xor %%eax, %%eax\n"
                 "mov %%eax, %%ds; mov %%eax, %%es\n"
                 "mov %%eax, %%fs; mov %%eax, %%gs\n"
                 "lldt %%ax\n"
                 "ltr %w4"
                 :
                 : "m"(gdt_pointer), "m"(idt_pointer), "i"(HV_SEL_CS), "r"(HV_SEL_DS), "r"(HV_SEL_TSS)
                 : "rax", "memory");
    init_syscalls(cpu);
}

CpuInfo& x86::prepare_cpu_info(std::uint32_t cpu)
{
    auto& info = *reinterpret_cast<CpuInfo*>(window_base(cpu) + HV_WINDOW_STACK_TOP - sizeof(CpuInfo));
    info.cpu = cpu;
    info.percpu = &upcall_percpu(cpu);
    info.spec_ctrl = mitigations().restrict_branches ? 1 : 0;
    info.isolated_root = isolated_root(cpu);
    return info;
}

void x86::continue_on_cpu_stack(std::uint32_t cpu, void (*next)())
{
    run_on_stack(reinterpret_cast<std::uint64_t>(&prepare_cpu_info(cpu)) & ~0xfULL, next);
}

void load_gdt_window(const GuestCpu& state)
{
    const std::uint32_t cpu = cpu_info().cpu;
    const unsigned pages = (state.gdt_entries + 511) / 512, before = gdt_pages[cpu];
    for (unsigned i = 0; i < pages || i < before; ++i)
        set_window_frame(cpu, i, i < pages ? state.gdt_frames[i] : invalid_mfn);
    gdt_pages[cpu] = static_cast<std::uint8_t>(pages);
}

void load_ldt_window(const GuestCpu& state)
{
    const std::uint32_t cpu = cpu_info().cpu;
    if (state.ldt_entries == 0) {
        asm volatile("lldt %w0" : : "r"(0));
        return;
    }
    for (unsigned i = 0; i < state.ldt_frames.size(); ++i)
        set_window_frame(cpu, HV_WINDOW_LDT / page_size + i, state.ldt_frames[i]);
    set_system_descriptor(cpu, HV_SEL_LDT, window_base(cpu) + HV_WINDOW_LDT, state.ldt_entries * 8 - 1, 2);
    asm volatile("lldt %w0" : : "r"(HV_SEL_LDT));
}

} // namespace hv::arch
