// SPDX-License-Identifier: MIT
//
// The model-specific registers of emulate.hpp. Numbers: SDM volume 4; AMD APM volume 2, appendix A.
#include "guest/emulate.hpp"

namespace hv::guest {

namespace {
constexpr std::uint32_t tsc = 0x10, apic_base = 0x1b, platform_id = 0x17, ucode = 0x8b, mcg_cap = 0x179,
                        mcg_status = 0x17a, misc_enable = 0x1a0, pat = 0x277, mc0_ctl = 0x400, mc_end = 0x480,
                        efer = 0xc0000080, fs_base = 0xc0000100, gs_base = 0xc0000101, kernel_gs_base = 0xc0000102,
                        tsc_aux = 0xc0000103, amd_perf_first = 0xc0010000, amd_perf_last = 0xc0010007,
                        hwcr = 0xc0010015, int_pending = 0xc0010055, de_cfg = 0xc0011029;

/// SCE, LME, LMA, NXE: what a 64-bit guest runs with.
constexpr std::uint64_t guest_efer = 0xd01;

/// Registers that read as zero and swallow writes.
bool is_inert(std::uint32_t i)
{
    return i == mcg_cap || i == mcg_status || (i >= mc0_ctl && i < mc_end) || i == tsc_aux || i == int_pending ||
           (i >= amd_perf_first && i <= amd_perf_last);
}
} // namespace

Result<std::uint64_t> read_guest_msr(VcpuState& v, std::uint32_t index)
{
    constexpr std::uint64_t apic_enabled = 0xfee00800, boot_processor = 0x100, tsc_counts_at_p0 = 1 << 24,
                            lfence_serializes = 2;
    switch (index) {
    case fs_base: return v.base(PV_SEGBASE_FS);
    case gs_base: return v.base(PV_SEGBASE_GS_KERNEL);
    case kernel_gs_base: return v.base(PV_SEGBASE_GS_USER);
    case tsc: return arch::read_tsc();
    case apic_base: return apic_enabled | (v.id() == VcpuId{0} ? boot_processor : 0);
    case pat: return arch::pat_layout;
    case efer: return guest_efer;
    case hwcr: return tsc_counts_at_p0;
    case de_cfg: return lfence_serializes;
    case platform_id:
    case ucode:
    case misc_enable: return arch::read_msr(index);
    default: return is_inert(index) ? Result<std::uint64_t>{0} : Error::einval;
    }
}

static Result<> write_base(VcpuState& v, std::uint32_t which, std::uint64_t value)
{
    if (!is_canonical(value)) return Error::einval;
    v.set_base(which, value);
    return Ok{};
}

Result<> write_guest_msr(VcpuState& v, std::uint32_t index, std::uint64_t value)
{
    switch (index) {
    case fs_base: return write_base(v, PV_SEGBASE_FS, value);
    case gs_base: return write_base(v, PV_SEGBASE_GS_KERNEL, value);
    case kernel_gs_base: return write_base(v, PV_SEGBASE_GS_USER, value);
    case pat: return value == arch::pat_layout ? Result<>{Ok{}} : Error::einval;
    case efer: return value == guest_efer ? Result<>{Ok{}} : Error::einval;
    case ucode: // written with 0 before a read, as the manual asks
    case misc_enable:
    case hwcr:
    case de_cfg: return Ok{};
    default: return is_inert(index) ? Result<>{Ok{}} : Error::einval;
    }
}

} // namespace hv::guest
