// SPDX-License-Identifier: MIT
//
// See cpuid_policy.hpp. A feature is shown only if it is on the list here, the hardware has it, and (for the vector
// extensions) XCR0 can hold its state. docs/traps.md says why the hidden ones are hidden.
#include "guest/cpuid_policy.hpp"
#include <bit>

namespace hv::guest {

namespace {

using arch::CpuidLeaf;

/// A set of bits by number: easier to hold against the manual than a mask.
consteval std::uint32_t bits(std::initializer_list<unsigned> numbers)
{
    std::uint32_t mask = 0;
    for (const unsigned n : numbers)
        mask |= 1U << n;
    return mask;
}

// Leaf 1. Not: MONITOR DTES64 VMX SMX EST TM2 CNXT-ID xTPR PDCM PCID DCA x2APIC TSC-deadline; VME PSE PGE
// PSE36 PSN DS TM HTT IA64 PBE.
constexpr std::uint32_t sse3 = 0, pclmul = 1, ssse3 = 9, fma = 12, cx16 = 13, sse41 = 19, sse42 = 20, movbe = 22,
                        popcnt = 23, aes = 25, xsave = 26, osxsave = 27, avx = 28, f16c = 29, rdrand = 30,
                        hypervisor = 31;
constexpr std::uint32_t leaf1_ecx =
    bits({sse3, pclmul, ssse3, fma, cx16, sse41, sse42, movbe, popcnt, aes, xsave, avx, f16c, rdrand});
constexpr std::uint32_t sep = 11, acpi = 22;
constexpr std::uint32_t leaf1_edx = bits({0, 2, 4, 5, 6, 7, 8, 9, sep, 12, 14, 15, 16, 19, acpi, 23, 24, 25, 26, 27});
// Leaf 7. Not: FSGSBASE TSC_ADJUST SGX SMEP INVPCID MPX AVX512 PT; PKU UMIP LA57 RDPID CET; anything that needs an MSR.
constexpr std::uint32_t avx2 = 5;
constexpr std::uint32_t leaf7_ebx =
    bits({3, avx2, 6, 8, 9, 13, 18, 19, 23, 24, 29}); // BMI1 .. BMI2 ERMS .. RDSEED ADX .. SHA
constexpr std::uint32_t gfni = 8, vaes = 9, vpclmul = 10;
constexpr std::uint32_t leaf7_ecx = bits({gfni, vaes, vpclmul, 27, 28}); // .. MOVDIRI MOVDIR64B
constexpr std::uint32_t leaf7_edx = bits({4, 10, 14});                   // FSRM MD_CLEAR SERIALIZE
// Leaf 80000001. Not: SVM EXTAPIC CR8 SKINIT IBS OSVW WDT LWP TOPOEXT perf; PSE PGE PSE36 FFXSR 1G RDTSCP.
constexpr std::uint32_t xop = 11, fma4 = 16;
constexpr std::uint32_t ext1_ecx = bits({0, 5, 6, 7, 8, xop, fma4, 21}); // LAHF ABM SSE4A MISALIGN PREFETCHW .. TBM
constexpr std::uint32_t ext1_edx = bits({0, 2, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 16, 20, 22, 23, 24, 29, 30, 31});

constexpr std::uint32_t avx_ecx = bits({fma, avx, f16c});

bool has_avx() { return (arch::cpu_features().xcr0_supported & 4) != 0; }

bool is_amd()
{
    constexpr std::uint32_t auth = 0x68747541, hygo = 0x6f677948; // "Auth", "Hygo": first four letters of the vendor
    const std::uint32_t ebx = arch::cpuid(0, 0).ebx;
    return ebx == auth || ebx == hygo;
}

std::uint32_t apic_id(const CpuidView& v) { return v.vcpu * 2; }

CpuidLeaf features(const CpuidView& v)
{
    CpuidLeaf l = arch::cpuid(1, 0);
    l.ebx = (l.ebx & 0xffff) | apic_id(v) << 24; // brand index, CLFLUSH size; one logical processor
    l.ecx &= leaf1_ecx;
    if (!has_avx()) l.ecx &= ~avx_ecx;
    // Stock kernels look for both bits before they set CR4.OSXSAVE.
    if (arch::cpu_features().xcr0_supported == 0)
        l.ecx &= ~bits({xsave});
    else if ((l.ecx & bits({xsave})) != 0)
        l.ecx |= bits({osxsave});
    l.ecx |= bits({hypervisor});
    l.edx &= leaf1_edx;
    if (is_amd()) l.edx &= ~bits({sep}); // AMD has no 32-bit sysenter in long mode
    if (!v.hardware_domain) l.edx &= ~bits({acpi});
    return l;
}

CpuidLeaf more_features(std::uint32_t subleaf)
{
    if (subleaf != 0) return {};
    CpuidLeaf l = arch::cpuid(7, 0);
    l.eax = 0;
    l.ebx &= leaf7_ebx;
    l.ecx &= leaf7_ecx;
    l.edx &= leaf7_edx;
    if (!has_avx()) {
        l.ebx &= ~bits({avx2});
        l.ecx &= ~bits({vaes, vpclmul});
    }
    return l;
}

/// Bytes of the standard-format area that holds the components of @p xcr0.
std::uint32_t xsave_bytes(std::uint64_t xcr0)
{
    std::uint32_t size = 512 + 64;
    for (unsigned i = 2; i < 63; ++i)
        if ((xcr0 >> i & 1) != 0) {
            const CpuidLeaf part = arch::cpuid(0xd, i);
            if (part.ebx + part.eax > size) size = part.ebx + part.eax;
        }
    return size;
}

CpuidLeaf extended_state(const CpuidView& v, std::uint32_t subleaf)
{
    const std::uint64_t supported = arch::cpu_features().xcr0_supported;
    if (supported == 0) return {};
    if (subleaf == 0)
        return {static_cast<std::uint32_t>(supported), xsave_bytes(v.xcr0), xsave_bytes(supported),
                static_cast<std::uint32_t>(supported >> 32)};
    if (subleaf == 1) return {arch::cpuid(0xd, 1).eax & bits({0, 2}), 0, 0, 0}; // XSAVEOPT, XGETBV(1)
    if (subleaf > 62 || (supported >> subleaf & 1) == 0) return {};
    CpuidLeaf l = arch::cpuid(0xd, subleaf);
    l.ecx = l.edx = 0;
    return l;
}

CpuidLeaf basic(const CpuidView& v, std::uint32_t leaf, std::uint32_t subleaf)
{
    CpuidLeaf l = arch::cpuid(leaf, subleaf);
    switch (leaf) {
    case 0: l.eax = l.eax < cpuid_last_basic ? l.eax : cpuid_last_basic; return l;
    case 1: return features(v);
    case 2: return l;
    case 4: l.eax &= 0x3fff; return l; // caches; no cores share them
    case 7: return more_features(subleaf);
    case 0xb: return {0, 0, subleaf & 0xff, apic_id(v)};
    case 0xd: return extended_state(v, subleaf);
    default: return {};
    }
}

CpuidLeaf extended(std::uint32_t leaf)
{
    CpuidLeaf l = arch::cpuid(leaf, 0);
    switch (leaf) {
    case 0x80000000: l.eax = l.eax < cpuid_last_extended ? l.eax : cpuid_last_extended; return l;
    case 0x80000001:
        l.ecx &= ext1_ecx;
        if (!has_avx()) l.ecx &= ~bits({xop, fma4});
        l.edx &= ext1_edx;
        return l;
    case 0x80000007: return {0, 0, 0, l.edx & bits({8})}; // invariant TSC
    case 0x80000008: return {l.eax & 0xffff, 0, 0, 0};
    default: return l; // 2 to 6: the name, caches
    }
}

CpuidLeaf own(std::uint32_t leaf)
{
    constexpr std::uint32_t version = 4 << 16 | 17, hypercall_pages = 1, msr_base = 0x40000000, preserve_ad = 1;
    switch (leaf - cpuid_hypervisor_base) {
    case 0: return {cpuid_hypervisor_base + 5, 0x566e6558, 0x65584d4d, 0x4d4d566e}; // XenVMMXenVMM
    case 1: return {version, 0, 0, 0};
    case 2: return {hypercall_pages, msr_base, preserve_ad, 0};
    case 3: return {0, 0, arch::tsc_scale().khz, 0};
    default: return {}; // 4: nothing for PV. 5: no limit on frame numbers worth grant v2.
    }
}

} // namespace

std::uint32_t cpuid_subleaves(std::uint32_t leaf)
{
    const auto states = static_cast<std::uint32_t>(std::bit_width(arch::cpu_features().xcr0_supported));
    if (leaf == 0xd) return states < 2 ? 2 : states;
    return leaf == 4 ? 6 : leaf == 7 ? 1 : leaf == 0xb ? 2 : 0;
}

CpuidLeaf guest_cpuid(const CpuidView& view, std::uint32_t leaf, std::uint32_t subleaf)
{
    if (leaf <= arch::cpuid(0, 0).eax && leaf <= cpuid_last_basic) return basic(view, leaf, subleaf);
    if (leaf >= cpuid_hypervisor_base && leaf <= cpuid_hypervisor_base + 5) return own(leaf);
    if (leaf >= 0x80000000 && leaf <= cpuid_last_extended && leaf <= arch::cpuid(0x80000000, 0).eax)
        return extended(leaf);
    return {};
}

} // namespace hv::guest
