// SPDX-License-Identifier: MIT
//
// CPU identification, control registers and PAT. Runs on the boot CPU; later CPUs repeat enable_features(). UMIP stays
// off: it traps instructions PV kernels execute. SMAP stays off under QEMU's TCG, whose versions before 9.1 get ring 3
// iretq wrong with it, unless smap=on.
#include "arch/x86/features.hpp"
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/log.hpp"
#include "base/options.hpp"

namespace hv::arch {

struct SmapSite {
    std::int32_t at;           // from its own place
    std::uint32_t instruction; // three bytes
};
extern "C" const SmapSite smap_sites_start[], smap_sites_end[];

namespace {

x86::Abilities found;
CpuFeatures features;

constexpr std::uint64_t switchable_xcr0 = 0xe7; // x87 SSE AVX and the three parts of AVX-512: fits one page

bool bit(std::uint32_t word, unsigned n) { return (word >> n & 1) != 0; }

} // namespace

void x86::enable_features()
{
    std::uint64_t cr4 = cr4_pae | cr4_mce | cr4_osfxsr | cr4_osxmmexcpt;
    if (found.xsave) cr4 |= cr4_osxsave;
    if (found.smep) cr4 |= cr4_smep;
    if (found.smap) cr4 |= cr4_smap;
    write_cr4(cr4);
    wrmsr(msr_pat, pat_layout);
    if (found.xsave) {
        write_xcr0(found.xcr0_all);
        found.fpu_bytes = cpuid(0xd, 0).ebx; // for what XCR0 holds now
    }
}

CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf)
{
    CpuidLeaf l{};
    asm volatile("cpuid" : "=a"(l.eax), "=b"(l.ebx), "=c"(l.ecx), "=d"(l.edx) : "a"(leaf), "c"(subleaf));
    return l;
}

const CpuFeatures& cpu_features() { return features; }
const x86::Abilities& x86::abilities() { return found; }

void x86::identify_cpu()
{
    const CpuidLeaf vendor = cpuid(0, 0), basic = cpuid(1, 0);
    const CpuidLeaf structured = vendor.eax >= 7 ? cpuid(7, 0) : CpuidLeaf{};
    const std::uint32_t extended_max = cpuid(0x80000000, 0).eax;
    const CpuidLeaf below = bit(basic.ecx, 31) ? cpuid(0x40000000, 0) : CpuidLeaf{}; // a hypervisor's signature
    found.tcg = below.ebx == 0x54474354 && below.ecx == 0x43544743 && below.edx == 0x47435447; // "TCGTCGTCGTCG"
    found.amd = vendor.ebx == 0x68747541 || vendor.ebx == 0x6f677948; // "Auth"enticAMD, "Hygo"nGenuine
    found.sysenter = bit(basic.edx, 11) && !found.amd;                // AMD has it outside long mode only
    found.xsave = bit(basic.ecx, 26) && vendor.eax >= 0xd;
    found.smep = bit(structured.ebx, 7);
    found.smap =
        bit(structured.ebx, 20) && (options.smap == Choice::automatic ? !found.tcg : options.smap == Choice::on);
    if (found.smap) // code is still writable
        for (const SmapSite* s = smap_sites_start; s != smap_sites_end; ++s)
            __builtin_memcpy(const_cast<char*>(reinterpret_cast<const char*>(s)) + s->at, &s->instruction, 3);
    const CpuidLeaf sizes = extended_max >= 0x80000008 ? cpuid(0x80000008, 0) : CpuidLeaf{36, 0, 0, 0};
    features.physical_bits = sizes.eax & 0xff;
    found.stale_fp_pointers = found.amd && !bit(sizes.ebx, 2);
    features.invariant_tsc = extended_max >= 0x80000007 && bit(cpuid(0x80000007, 0).edx, 8);
    found.fpu_bytes = 512;
    if (found.xsave) {
        found.xcr0_all = cpuid(0xd, 0).eax & switchable_xcr0;
        if ((found.xcr0_all & 0xe0) != 0xe0) found.xcr0_all &= 7;
        found.xsaveopt = bit(cpuid(0xd, 1).eax, 0);
    }
    enable_features();
    features.xcr0_supported = found.xcr0_all;
    log::info("CPU: {} physical bits, xcr0 {x}, {} bytes of extended state{}{}{}{}", features.physical_bits,
              found.xcr0_all, found.fpu_bytes, found.smep ? ", SMEP" : "", found.smap ? ", SMAP" : "",
              features.invariant_tsc ? ", invariant TSC" : "", found.tcg ? ", TCG" : "");
}

Result<std::uint64_t> read_msr(std::uint32_t index)
{
    std::uint32_t low = 0, high = 0, failed = 0;
    asm volatile("1: rdmsr\n2:\n" ON_FAULT("1b", "mov $1, %[failed]", "2b")
                 : "=a"(low), "=d"(high), [failed] "+r"(failed)
                 : "c"(index));
    if (failed != 0) return Error::einval;
    return static_cast<std::uint64_t>(high) << 32 | low;
}

} // namespace hv::arch
