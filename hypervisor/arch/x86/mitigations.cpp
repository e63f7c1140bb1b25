// SPDX-License-Identifier: MIT
//
// Detection follows the enumeration bits of the SDM (CPUID 7, IA32_ARCH_CAPABILITIES) and the APM (CPUID 80000008); a
// CPU that says nothing is taken to be affected, TCG to be immune, for it does not speculate. Boot CPU decides for all.
#include "arch/x86/mitigations.hpp"
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/features.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint32_t msr_spec_ctrl = 0x48, msr_pred_cmd = 0x49, msr_arch_capabilities = 0x10a;
constexpr std::uint32_t ibrs = 1, ibpb = 1;
constexpr std::uint64_t rdcl_no = 1 << 0, ibrs_all = 1 << 1, mds_no = 1 << 5;

Mitigations chosen;

bool decide(Choice choice, bool needed) { return choice == Choice::automatic ? needed : choice == Choice::on; }

} // namespace

const Mitigations& x86::mitigations() { return chosen; }

void x86::choose_mitigations(Choice spec_ctrl, Choice xpti)
{
    const CpuidLeaf structured = cpuid(0, 0).eax >= 7 ? cpuid(7, 0) : CpuidLeaf{};
    const std::uint32_t amd_bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).ebx : 0;
    const auto capabilities = (structured.edx & 1U << 29) != 0 ? read_msr(msr_arch_capabilities) : Error::einval;
    const std::uint64_t caps = capabilities.ok() ? capabilities.take() : 0;
    const bool intel_ibrs = (structured.edx & 1U << 26) != 0, amd_ibrs = (amd_bits & 1U << 14) != 0;
    const bool immune = abilities().tcg, amd = abilities().amd;
    const bool can_restrict = intel_ibrs || amd_ibrs, can_barrier = intel_ibrs || (amd_bits & 1U << 12) != 0;
    const bool can_stay = (caps & ibrs_all) != 0 || (amd_bits & 1U << 16) != 0; // restricted on every level, always

    const bool leaks_cache = !immune && !amd && (caps & rdcl_no) == 0;
    chosen.isolated_roots = decide(xpti, leaks_cache);
    chosen.refuse_absent = decide(spec_ctrl, leaks_cache);
    chosen.clear_buffers = decide(spec_ctrl, !immune && !amd && (caps & mds_no) == 0);
    const bool branches = decide(spec_ctrl, !immune);
    chosen.branch_barrier = branches && can_barrier;
    chosen.restrict_branches = branches && can_restrict && !can_stay;
    chosen.always_restricted = branches && can_restrict && can_stay;
    chosen.isolated_entry = chosen.isolated_roots || chosen.clear_buffers || chosen.restrict_branches;
    enable_mitigations();
    if (branches && !can_restrict && spec_ctrl == Choice::automatic)
        log::warning("this CPU cannot restrict branch prediction; guests may infer the hypervisor's memory");
    log::info("mitigations: page-table isolation {}, buffer clearing {}, branch restriction {}, barrier {}",
              chosen.isolated_roots ? "on" : "off", chosen.clear_buffers ? "on" : "off",
              chosen.restrict_branches   ? "on entry"
              : chosen.always_restricted ? "always"
                                         : "off",
              chosen.branch_barrier ? "on" : "off");
}

bool follows_absent_entries() { return chosen.refuse_absent; }

void x86::enable_mitigations()
{
    if (chosen.always_restricted) wrmsr(msr_spec_ctrl, ibrs);
}

// A guest changes its root by hypercall only, but copying all of it each time needs no bookkeeping that could be wrong.
void x86::before_isolated_exit()
{
    CpuInfo& info = cpu_info();
    if (info.isolated_root != 0) {
        constexpr std::size_t ours = HV_SLOT_FIRST + 16, slots = 512;
        info.full_root = read_cr3();
        const auto* from = reinterpret_cast<const std::uint64_t*>(frame_address(mfn_of(Maddr{info.full_root})));
        auto* to = reinterpret_cast<std::uint64_t*>(frame_address(mfn_of(Maddr{info.isolated_root})));
        __builtin_memcpy(to, from, HV_SLOT_FIRST * sizeof *to);
        __builtin_memcpy(to + ours, from + ours, (slots - ours) * sizeof *to);
    }
    constexpr std::uint16_t selector = HV_SEL_DS;
    if (chosen.clear_buffers) asm volatile("verw %0" : : "m"(selector) : "cc");
}

void x86::barrier_between_vcpus()
{
    if (chosen.branch_barrier) wrmsr(msr_pred_cmd, ibpb);
}

} // namespace hv::arch
