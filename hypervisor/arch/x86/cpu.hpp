// SPDX-License-Identifier: MIT
//
// One-instruction wrappers and the numbers of the architecture (Intel SDM / AMD APM names). No state.
#pragma once
#include <cstdint>

/// Assembly text: an instruction at label @p at that faults goes on at label @p to.
#define EX_TABLE(at, to) ".pushsection .ex_table, \"a\"\n.long " at " - ., " to " - .\n.popsection\n"
/// Assembly text: if the instruction at label @p at faults, @p fixup runs, and then what follows label @p next.
#define ON_FAULT(at, fixup, next)                                                                                      \
    ".pushsection .text.fixup, \"ax\"\n7: " fixup "\njmp " next "\n.popsection\n" EX_TABLE(at, "7b")

/// Assembly text: as the macro smap_site of entry_macros.h.
#define SMAP_SITE(last_byte)                                                                                           \
    "8: .byte 0x0f, 0x1f, 0x00\n"                                                                                      \
    ".pushsection .smap_sites, \"a\"\n.long 8b - ., (" last_byte " << 16 | 0x010f)\n.popsection\n"

namespace hv::arch {

inline constexpr std::uint32_t msr_apic_base = 0x1b, msr_sysenter_cs = 0x174, msr_sysenter_esp = 0x175,
                               msr_sysenter_eip = 0x176, msr_pat = 0x277, msr_efer = 0xc0000080, msr_star = 0xc0000081,
                               msr_lstar = 0xc0000082, msr_cstar = 0xc0000083, msr_fmask = 0xc0000084,
                               msr_fs_base = 0xc0000100; // then those of GS, active and inactive
inline constexpr std::uint64_t cr4_pae = 1 << 5, cr4_mce = 1 << 6, cr4_osfxsr = 1 << 9, cr4_osxmmexcpt = 1 << 10,
                               cr4_osxsave = 1 << 18, cr4_smep = 1 << 20, cr4_smap = 1 << 21;
inline constexpr std::uint64_t cr0_ts = 1 << 3, apic_base_x2apic = 1 << 10;
inline constexpr std::uint64_t flag_tf = 1 << 8, flag_if = 1 << 9, flag_iopl = 3 << 12, flag_nt = 1 << 14,
                               flag_rf = 1 << 16, flag_vm = 1 << 17;

// Page-table bits of the hypervisor's own mappings. Never writable and executable at once.
inline constexpr std::uint64_t pte_present = 1 << 0, pte_write = 1 << 1, pte_user = 1 << 2, pte_pwt = 1 << 3,
                               pte_pcd = 1 << 4, pte_accessed = 1 << 5, pte_dirty = 1 << 6, pte_large = 1 << 7,
                               pte_nx = 1ULL << 63, pte_address = 0x000ffffffffff000;
inline constexpr std::uint64_t map_data = pte_present | pte_write | pte_accessed | pte_dirty | pte_nx,
                               map_constant = pte_present | pte_accessed | pte_nx,
                               map_code = pte_present | pte_accessed, map_guest_constant = map_constant | pte_user,
                               map_uncached = map_data | pte_pcd | pte_pwt; // PAT entry 3: UC
inline constexpr std::uint64_t large_page = 0x200000;

struct [[gnu::packed]] TablePointer { ///< What lgdt and lidt read.
    std::uint16_t limit;
    std::uint64_t base;
};

inline std::uint64_t rdmsr(std::uint32_t index)
{
    std::uint64_t low, high; // it clears their upper halves
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return high << 32 | low;
}
inline void wrmsr(std::uint32_t index, std::uint64_t v)
{
    asm volatile("wrmsr" : : "c"(index), "a"(static_cast<std::uint32_t>(v)), "d"(static_cast<std::uint32_t>(v >> 32)));
}
template <typename T> T in(std::uint16_t port)
{
    T v;
    asm volatile("in %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
inline std::uint8_t inb(std::uint16_t port) { return in<std::uint8_t>(port); }
inline std::uint16_t inw(std::uint16_t port) { return in<std::uint16_t>(port); }
inline std::uint32_t inl(std::uint16_t port) { return in<std::uint32_t>(port); }
inline void outb(std::uint16_t port, std::uint8_t v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
inline void outw(std::uint16_t port, std::uint16_t v) { asm volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
inline void outl(std::uint16_t port, std::uint32_t v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

#define HV_REGISTER(name)                                                                                              \
    inline std::uint64_t read_##name()                                                                                 \
    {                                                                                                                  \
        std::uint64_t v;                                                                                               \
        asm volatile("mov %%" #name ", %0" : "=r"(v));                                                                 \
        return v;                                                                                                      \
    }                                                                                                                  \
    inline void write_##name(std::uint64_t v) { asm volatile("mov %0, %%" #name : : "r"(v) : "memory"); }
HV_REGISTER(cr0)
HV_REGISTER(cr2)
HV_REGISTER(cr3)
HV_REGISTER(cr4)
HV_REGISTER(dr6)
#undef HV_REGISTER

} // namespace hv::arch
