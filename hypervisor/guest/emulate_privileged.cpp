// SPDX-License-Identifier: MIT
//
// Instructions of the guest kernel that ring 3 may not execute and that an operating system still does. Everything
// not listed here is #GP(0) for the guest. See docs/traps.md.
#include "base/log.hpp"
#include "guest/cpuid_policy.hpp"
#include "guest/emulate.hpp"
#include "guest/flags.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::guest {

namespace {

constexpr std::uint64_t cr0_fixed = 0x80050033; // PG AM WP NE ET MP PE
constexpr std::uint64_t cr0_ts = 8;
constexpr std::uint64_t cr4_fixed = 0x620;      // OSXMMEXCPT OSFXSR PAE
constexpr std::uint64_t cr4_settable = 0x4004c; // OSXSAVE MCE DE TSD
constexpr std::uint64_t cr4_osxsave = 0x40000;

std::uint64_t read_cr(VcpuState& v, unsigned number)
{
    switch (number) {
    case 0: return cr0_fixed | (v.cpu.task_switched == arch::TaskSwitched::set ? cr0_ts : 0);
    case 2: return v.hot.info->arch.cr2;
    case 3: return v.hot.kernel_root;
    default: return cr4_fixed | v.virtual_cr4;
    }
}

Result<> write_cr(VcpuState& v, unsigned number, std::uint64_t value)
{
    switch (number) {
    case 0:
        if ((value & ~cr0_ts) != cr0_fixed) return Error::einval;
        v.set_task_switched((value & cr0_ts) != 0 ? arch::TaskSwitched::set : arch::TaskSwitched::clear);
        return Ok{};
    case 2: v.hot.info->arch.cr2 = value; return Ok{};
    case 3: v.set_kernel_root(TRY(mm::get_root(mfn_of(Maddr{value}), v.owner()))); return Ok{};
    case 4: v.virtual_cr4 = value & cr4_settable; return Ok{}; // the rest is not the guest's to choose
    default: return Error::einval;
    }
}

std::optional<Outcome> xsetbv(VcpuState& v, const Instruction& i)
{
    arch::GuestRegs& r = v.regs();
    if ((v.virtual_cr4 & cr4_osxsave) == 0) return deliver_trap(v, 6, std::nullopt);
    const std::uint64_t value = (r.rdx << 32) | static_cast<std::uint32_t>(r.rax);
    if (static_cast<std::uint32_t>(r.rcx) != 0 || !xcr0_ok(value, arch::cpu_features().xcr0_supported))
        return std::nullopt;
    v.cpu.xcr0 = value;
    arch::write_xcr0(value);
    return retire(v, i.length);
}

std::optional<Outcome> read_msr(VcpuState& v, const Instruction& i)
{
    arch::GuestRegs& r = v.regs();
    const auto value = read_guest_msr(v, static_cast<std::uint32_t>(r.rcx));
    if (!value.ok()) {
        log::debug("d{}v{}: rdmsr {x} refused", v.owner().id(), v.id(), static_cast<std::uint32_t>(r.rcx));
        return std::nullopt;
    }
    r.rax = static_cast<std::uint32_t>(value.take());
    r.rdx = value.take() >> 32;
    return retire(v, i.length);
}

std::optional<Outcome> write_msr(VcpuState& v, const Instruction& i)
{
    arch::GuestRegs& r = v.regs();
    const std::uint64_t value = (r.rdx << 32) | static_cast<std::uint32_t>(r.rax);
    if (!write_guest_msr(v, static_cast<std::uint32_t>(r.rcx), value).ok()) {
        log::debug("d{}v{}: wrmsr {x} = {x} refused", v.owner().id(), v.id(), static_cast<std::uint32_t>(r.rcx), value);
        return std::nullopt;
    }
    return retire(v, i.length);
}

std::optional<Outcome> move_to_cr(VcpuState& v, const Instruction& i)
{
    const auto done = write_cr(v, i.reg, read_gpr(v.regs(), i.rm));
    if (done.error() == Error::restart) return Outcome::resume;
    return done.ok() ? std::optional{retire(v, i.length)} : std::nullopt;
}

std::optional<Outcome> move_from_cr(VcpuState& v, const Instruction& i)
{
    if (i.reg != 0 && i.reg != 2 && i.reg != 3 && i.reg != 4) return std::nullopt;
    gpr(v.regs(), i.rm) = read_cr(v, i.reg);
    return retire(v, i.length);
}

std::optional<Outcome> move_dr(VcpuState& v, const Instruction& i)
{
    if (i.reg > 7 || i.reg == 4 || i.reg == 5) return std::nullopt;
    if (i.op == Op::mov_from_dr)
        gpr(v.regs(), i.rm) = v.debug_register(i.reg);
    else if (!v.set_debug_register(i.reg, read_gpr(v.regs(), i.rm)).ok())
        return std::nullopt;
    return retire(v, i.length);
}

std::optional<Outcome> emulate_kernel_only(VcpuState& v, const Instruction& i)
{
    switch (i.op) {
    case Op::mov_from_cr: return move_from_cr(v, i);
    case Op::mov_to_cr: return move_to_cr(v, i);
    case Op::mov_from_dr:
    case Op::mov_to_dr: return move_dr(v, i);
    case Op::rdmsr: return read_msr(v, i);
    case Op::wrmsr: return write_msr(v, i);
    case Op::xsetbv: return xsetbv(v, i);
    case Op::clts: v.set_task_switched(arch::TaskSwitched::clear); return retire(v, i.length);
    case Op::cpuid: emulate_cpuid(v); return retire(v, i.length);
    case Op::cli: // a kernel's own interrupt flag is the upcall mask; before it knows, this changes nothing
    case Op::sti:
    case Op::wbinvd: return retire(v, i.length); // RAM is cache coherent; devices are dom0's, mapped uncached
    default: return std::nullopt;
    }
}

} // namespace

bool xcr0_ok(std::uint64_t x, std::uint64_t supported)
{
    constexpr std::uint64_t x87 = 1, sse = 2, avx = 4, avx512 = 0xe0;
    if ((x & ~supported) != 0 || (x & x87) == 0) return false;
    if ((x & avx512) != 0 && (x & avx512) != avx512) return false;
    return (x & ~(x87 | sse)) == 0 || (x & (sse | avx)) == (sse | avx);
}

Fetched fetch(VcpuState& v)
{
    Fetched f{};
    const std::uint64_t rip = v.regs().rip;
    const std::size_t in_page = page_size - (rip & (page_size - 1));
    const In<std::uint8_t> code{GuestVa{rip}};
    for (const std::size_t want : {f.bytes.size(), in_page < f.bytes.size() ? in_page : 0})
        if (want != 0 && code.read_array(std::span{f.bytes}.first(want)).ok()) {
            f.count = want;
            break;
        }
    return f;
}

Outcome deliver_single_step(VcpuState& v)
{
    constexpr std::uint64_t single_step = 0x4000; // DR6.BS
    if (!v.set_debug_register(6, v.debug_register(6) | single_step).ok()) ASSERT(false);
    return deliver_trap(v, 1, std::nullopt);
}

void emulate_cpuid(VcpuState& v)
{
    arch::GuestRegs& r = v.regs();
    const CpuidView view{v.cpu.xcr0, v.id().raw(), v.policy().hardware_domain};
    const auto leaf = guest_cpuid(view, static_cast<std::uint32_t>(r.rax), static_cast<std::uint32_t>(r.rcx));
    r.rax = leaf.eax;
    r.rbx = leaf.ebx;
    r.rcx = leaf.ecx;
    r.rdx = leaf.edx;
}

std::optional<Outcome> emulate_privileged(VcpuState& v)
{
    const Instruction i = decode(fetch(v).span());
    if (i.op >= Op::in && i.op <= Op::outs && !i.lock) return emulate_port_io(v, i);
    if (i.op == Op::unknown || i.lock || !v.kernel_mode()) return std::nullopt;
    return emulate_kernel_only(v, i);
}

} // namespace hv::guest
