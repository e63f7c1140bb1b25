// SPDX-License-Identifier: MIT
//
// Instructions of the guest kernel that ring 3 may not execute and that an operating system still does. Everything
// not listed here is #GP(0) for the guest. See docs/traps.md.
#include "base/log.hpp"
#include "guest/cpuid_policy.hpp"
#include "guest/emulate.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::guest {

namespace {

constexpr unsigned invalid_opcode = 6, general_protection = 13;
constexpr std::uint64_t cr0_fixed = 0x80050033; // PG AM WP NE ET MP PE
constexpr std::uint64_t cr0_ts = 8;
constexpr std::uint64_t cr4_fixed = 0x620;      // OSXMMEXCPT OSFXSR PAE
constexpr std::uint64_t cr4_settable = 0x4004c; // OSXSAVE MCE DE TSD
constexpr std::uint64_t cr4_osxsave = 0x40000;

Result<> read_cr(const VcpuState& v, unsigned number, std::uint64_t& to)
{
    switch (number) {
    case 0: to = cr0_fixed | (v.cpu.task_switched == arch::TaskSwitched::set ? cr0_ts : 0); return Ok{};
    case 2: to = v.hot.info->arch.cr2; return Ok{};
    case 3: to = v.hot.kernel_root; return Ok{};
    case 4: to = cr4_fixed | v.virtual_cr4; return Ok{};
    default: return Error::einval;
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
    case 3: v.set_root(true, TRY(mm::get_root(mfn_of(Maddr{value}), v.owner()))); return Ok{};
    case 4: v.virtual_cr4 = value & cr4_settable; return Ok{}; // the rest is not the guest's to choose
    default: return Error::einval;
    }
}

std::uint64_t edx_eax(const arch::GuestRegs& r) { return (r.rdx << 32) | static_cast<std::uint32_t>(r.rax); }

Result<> xsetbv(VcpuState& v, const arch::GuestRegs& r)
{
    const std::uint64_t value = edx_eax(r);
    if (static_cast<std::uint32_t>(r.rcx) != 0 || !xcr0_ok(value, arch::cpu_features().xcr0_supported))
        return Error::einval;
    v.cpu.xcr0 = value;
    arch::write_xcr0(value);
    return Ok{};
}

[[gnu::cold, gnu::noinline]] Error refuse(VcpuState& v, const char* what, const arch::GuestRegs& r)
{
    log::debug("d{}v{}: {} {x} refused, rdx:rax {x}", v.owner().id(), v.id(), what, r.rcx, edx_eax(r));
    return Error::einval;
}

Result<> read_msr(VcpuState& v, arch::GuestRegs& r)
{
    const auto value = read_guest_msr(v, static_cast<std::uint32_t>(r.rcx));
    if (!value.ok()) return refuse(v, "rdmsr", r);
    r.rax = static_cast<std::uint32_t>(value.take());
    r.rdx = value.take() >> 32;
    return Ok{};
}

Result<> write_msr(VcpuState& v, const arch::GuestRegs& r)
{
    if (write_guest_msr(v, static_cast<std::uint32_t>(r.rcx), edx_eax(r)).ok()) return Ok{};
    return refuse(v, "wrmsr", r);
}

Result<> execute(VcpuState& v, arch::GuestRegs& r, const Instruction& i)
{
    switch (i.op) {
    case Op::mov_from_cr: return read_cr(v, i.reg, gpr(r, i.rm));
    case Op::mov_to_cr: return write_cr(v, i.reg, read_gpr(r, i.rm));
    case Op::mov_from_dr:
        if (i.reg > 7 || i.reg == 4 || i.reg == 5) return Error::einval;
        gpr(r, i.rm) = v.debug_register(i.reg);
        return Ok{};
    case Op::mov_to_dr: return v.set_debug_register(i.reg, read_gpr(r, i.rm));
    case Op::rdmsr: return read_msr(v, r);
    case Op::wrmsr: return write_msr(v, r);
    case Op::xsetbv: return xsetbv(v, r);
    case Op::clts: v.set_task_switched(arch::TaskSwitched::clear); return Ok{};
    case Op::cpuid: emulate_cpuid(v); return Ok{};
    case Op::cli: // a kernel's own interrupt flag is the upcall mask; before it knows, this changes nothing
    case Op::sti:
    case Op::wbinvd: return Ok{}; // RAM is cache coherent; devices are dom0's, mapped uncached
    default: return Error::einval;
    }
}

inline Outcome finish(VcpuState& v, arch::GuestRegs& r, Result<> done, unsigned length)
{
    if (done.ok()) [[likely]]
        return retire(v, r, length);
    return done.error() == Error::restart ? Outcome::resume : deliver_trap(v, general_protection, 0);
}

[[gnu::cold, gnu::noinline]] Outcome emulate_any(VcpuState& v, arch::GuestRegs& r)
{
    const Instruction i = decode(fetch(v).span());
    if (i.op >= Op::in && i.op <= Op::outs && !i.lock) {
        if (const auto done = emulate_port_io(v, i)) return *done;
    } else if (!i.lock && v.kernel_mode()) {
        if (i.op == Op::xsetbv && (v.virtual_cr4 & cr4_osxsave) == 0) return deliver_trap(v, invalid_opcode, {});
        return finish(v, r, execute(v, r, i), i.length);
    }
    return deliver_trap(v, general_protection, 0);
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
    const In<std::uint8_t> code{GuestVa{v.regs().rip}};
    const std::size_t in_page = page_size - code.address().raw() % page_size;
    for (const std::size_t want : {in_page, f.bytes.size()}) // what follows in the next page, if that can be read
        if (want <= f.bytes.size() && code.read_array(std::span{f.bytes}.first(want)).ok()) f.count = want;
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

Outcome emulate_privileged(VcpuState& v, arch::GuestRegs& r)
{
    // Most are these, whole in one word of code; where that cannot be read, it is 0.
    const std::uint32_t code = v.kernel_mode() ? load_word_from_guest(GuestVa{r.rip}).take() : 0;
    Result<> done = Ok{};
    unsigned length = 2;
    switch (code & 0xffff) {
    case 0x200f: done = read_cr(v, code >> 19 & 7, gpr(r, code >> 16 & 7)), length = 3; break;
    case 0x220f: done = write_cr(v, code >> 19 & 7, read_gpr(r, code >> 16 & 7)), length = 3; break;
    case 0x300f: done = write_msr(v, r); break;
    case 0x320f: done = read_msr(v, r); break;
    default: return emulate_any(v, r);
    }
    return finish(v, r, done, length);
}

} // namespace hv::guest
