// SPDX-License-Identifier: MIT
//
// The whole-vCPU context of vcpu_state.hpp. Everything that can fail happens first, on references held in locals; then
// nothing fails. Every page of a GDT or LDT is held as a descriptor page for as long as it is in use, so that the guest
// cannot write it and its contents stay validated. Runs on the vCPU's CPU, or while it is not loaded.
#include "guest/flags.hpp"
#include "guest/vcpu_state.hpp"
#include "mm/update.hpp"
#include "mm/window.hpp"

namespace hv::guest {

namespace {

constexpr std::uint64_t cr0_ts = 8, cr4_settable = 0x4004c, pte_present = 1, pte_frame = 0x000ffffffffff000;
constexpr std::uint32_t entries_per_page = page_size / 8;
constexpr unsigned iopl_shift = 12, debug_registers[] = {0, 1, 2, 3, 6, 7};

bool addresses_ok(const pv_vcpu_guest_context& c)
{
    for (const pv_trap_info& t : c.trap_ctxt)
        if (!is_canonical(t.address)) return false;
    for (const std::uint64_t a : {c.event_callback_eip, c.failsafe_callback_eip, c.syscall_callback_eip, c.fs_base,
                                  c.gs_base_kernel, c.gs_base_user})
        if (!is_canonical(a)) return false;
    return true;
}

void set_registers(VcpuState& v, const pv_cpu_user_regs& from)
{
    arch::GuestRegs& r = v.regs();
    r = from;
    r.entry_vector = r.error_code = 0;
    r.cs |= 3; // a guest runs in ring 3, whatever it calls its kernel's ring
    r.ss |= 3;
    r.rflags = (from.rflags & flags::guest_may_load) | flags::intr | flags::fixed;
    v.iopl = from.rflags >> iopl_shift & 3; // a kernel starts its other vCPUs with I/O rights this way
    v.cpu.ds = from.ds;
    v.cpu.es = from.es;
    v.cpu.fs = from.fs;
    v.cpu.gs = from.gs;
}

/// The legacy area as FXRSTOR takes it; reserved MXCSR bits would fault there.
void set_fpu(VcpuState& v, const pv_vcpu_guest_context& c)
{
    arch::init_fpu_area(v.cpu.fpu);
    if ((c.flags & PV_VGCF_I387_VALID) == 0) return;
    constexpr std::size_t mxcsr_at = 24, mxcsr_mask_at = 28, xstate_header = 512, xmm_and_x87 = 3;
    std::uint32_t mask, mxcsr;
    __builtin_memcpy(&mask, v.cpu.fpu + mxcsr_mask_at, sizeof mask);
    if (mask == 0) mask = 0xffbf; // SDM volume 1, 11.6.6
    __builtin_memcpy(&mxcsr, c.fpu_ctxt + mxcsr_at, sizeof mxcsr);
    mxcsr &= mask;
    __builtin_memcpy(v.cpu.fpu, c.fpu_ctxt, sizeof c.fpu_ctxt);
    __builtin_memcpy(v.cpu.fpu + mxcsr_at, &mxcsr, sizeof mxcsr);
    __builtin_memcpy(v.cpu.fpu + mxcsr_mask_at, &mask, sizeof mask);
    if (arch::fpu_area_bytes() > xstate_header) v.cpu.fpu[xstate_header] = std::byte{xmm_and_x87};
}

void set_callbacks(VcpuState& v, const pv_vcpu_guest_context& c)
{
    const auto masks = [&c](std::uint64_t flag) { return static_cast<std::uint8_t>((c.flags & flag) != 0); };
    v.set_callback(CallbackKind::event, {c.event_callback_eip, 1});
    v.set_callback(CallbackKind::failsafe, {c.failsafe_callback_eip, masks(PV_VGCF_FAILSAFE_DISABLES_EVENTS)});
    v.set_callback(CallbackKind::syscall, {c.syscall_callback_eip, masks(PV_VGCF_SYSCALL_DISABLES_EVENTS)});
    for (unsigned i = 0; i < 256; ++i) {
        v.hot.traps[i] = c.trap_ctxt[i];
        v.hot.traps[i].vector = static_cast<std::uint8_t>(i);
    }
}

} // namespace

Result<> set_context(VcpuState& v, const pv_vcpu_guest_context& c)
{
    const bool kernel = (c.flags & PV_VGCF_IN_KERNEL) != 0;
    if (!addresses_ok(c) || c.ldt_ents > 8192 || c.gdt_ents > PV_FIRST_RESERVED_GDT_ENTRY ||
        (!kernel && c.ctrlreg[1] == 0))
        return Error::einval;
    auto root = TRY(mm::get_root(mfn_of(Maddr{c.ctrlreg[3]}), v.owner()));
    mm::RootRef user;
    if (c.ctrlreg[1] != 0) user = TRY(mm::get_root(mfn_of(Maddr{c.ctrlreg[1]}), v.owner()));
    for (const unsigned i : debug_registers)
        TRY(v.set_debug_register(i, c.debugreg[i]));
    std::array<Mfn, 14> frames;
    const std::size_t pages = (c.gdt_ents + 511) / 512;
    for (std::size_t i = 0; i < pages; ++i)
        frames[i] = Mfn{c.gdt_frames[i]};
    const bool again = c.gdt_ents == v.cpu.gdt_entries && std::equal(&frames[0], &frames[pages], &v.cpu.gdt_frames[0]);
    TRY(v.set_gdt(std::span{frames}.first(pages), static_cast<std::uint32_t>(c.gdt_ents)));
    if (!again && c.ldt_ents != 0) return Error::restart; // with an LDT as well, this could take too long
    v.set_root(true, std::move(root));
    v.set_root(false, std::move(user));
    TRY(v.set_ldt(GuestVa{c.ldt_base}, static_cast<std::uint32_t>(c.ldt_ents)));

    set_registers(v, c.user_regs);
    set_fpu(v, c);
    set_callbacks(v, c);
    v.set_mode(kernel);
    v.kernel_ss = c.kernel_ss;
    v.set_kernel_sp(c.kernel_sp);
    v.virtual_cr4 = c.ctrlreg[4] & cr4_settable;
    v.set_task_switched((c.ctrlreg[0] & cr0_ts) != 0 ? arch::TaskSwitched::set : arch::TaskSwitched::clear);
    v.set_base(PV_SEGBASE_FS, c.fs_base);
    v.set_base(PV_SEGBASE_GS_KERNEL, c.gs_base_kernel);
    v.set_base(PV_SEGBASE_GS_USER, c.gs_base_user);
    if (v.id() == VcpuId{0}) v.policy().vm_assist.store(c.vm_assist & valid_assists, Order::release);
    return Ok{};
}

void get_context(VcpuState& v, pv_vcpu_guest_context& out)
{
    out = {};
    __builtin_memcpy(out.fpu_ctxt, v.cpu.fpu, sizeof out.fpu_ctxt);
    const Callback event = v.callback(CallbackKind::event), failsafe = v.callback(CallbackKind::failsafe),
                   syscall = v.callback(CallbackKind::syscall);
    out.flags = PV_VGCF_I387_VALID | (v.kernel_mode() ? PV_VGCF_IN_KERNEL : 0U) |
                (failsafe.mask_events != 0 ? PV_VGCF_FAILSAFE_DISABLES_EVENTS : 0U) |
                (syscall.mask_events != 0 ? PV_VGCF_SYSCALL_DISABLES_EVENTS : 0U);
    out.user_regs = v.regs();
    out.user_regs.rflags |= std::uint64_t{v.iopl} << iopl_shift;
    out.user_regs.ds = v.cpu.ds;
    out.user_regs.es = v.cpu.es;
    out.user_regs.fs = v.cpu.fs;
    out.user_regs.gs = v.cpu.gs;
    for (unsigned i = 0; i < 256; ++i)
        out.trap_ctxt[i] = v.hot.traps[i];
    out.ldt_base = v.ldt_base().raw();
    out.ldt_ents = v.cpu.ldt_entries;
    out.gdt_ents = v.cpu.gdt_entries;
    for (unsigned i = 0; i < v.cpu.gdt_frames.size(); ++i)
        out.gdt_frames[i] = v.cpu.gdt_frames[i] == invalid_mfn ? 0 : v.cpu.gdt_frames[i].raw();
    out.kernel_ss = v.kernel_ss;
    out.kernel_sp = v.hot.kernel_sp;
    out.ctrlreg[0] = 0x80050033 | (v.cpu.task_switched == arch::TaskSwitched::set ? cr0_ts : 0);
    out.ctrlreg[1] = v.hot.user_root;
    out.ctrlreg[3] = v.hot.kernel_root;
    out.ctrlreg[4] = v.virtual_cr4;
    for (const unsigned i : debug_registers)
        out.debugreg[i] = v.debug_register(i);
    out.event_callback_eip = event.address;
    out.failsafe_callback_eip = failsafe.address;
    out.syscall_callback_eip = syscall.address;
    out.vm_assist = v.policy().vm_assist.load(Order::acquire);
    out.fs_base = v.base(PV_SEGBASE_FS);
    out.gs_base_kernel = v.base(PV_SEGBASE_GS_KERNEL);
    out.gs_base_user = v.base(PV_SEGBASE_GS_USER);
}

Result<> VcpuState::set_gdt(std::span<const Mfn> frames, std::uint32_t entries)
{
    if (entries > PV_FIRST_RESERVED_GDT_ENTRY || frames.size() != (entries + entries_per_page - 1) / entries_per_page)
        return Error::einval;
    std::array<mm::SegDescRef, 14> held;
    for (std::size_t i = 0; i < frames.size(); ++i)
        held[i] = TRY(mm::get_segdesc(frames[i], owner_));
    cpu.gdt_entries = entries;
    for (std::size_t i = 0; i < held.size(); ++i)
        cpu.gdt_frames[i] = held[i].mfn();
    if (loaded()) arch::load_gdt_window(cpu);
    gdt_.swap(held);
    return Ok{};
}

Result<> VcpuState::set_ldt(GuestVa base, std::uint32_t entries)
{
    const std::uint64_t bytes = std::uint64_t{entries} * 8;
    if (entries > 8192 || (base.raw() & (page_size - 1)) != 0) return Error::einval;
    if (entries != 0 && (!is_guest_va(base.raw()) || !is_guest_va(base.raw() + bytes - 1))) return Error::einval;
    std::array<mm::SegDescRef, 16> held;
    for (std::uint64_t offset = 0; offset < bytes; offset += page_size) {
        const mm::L1Slot slot = TRY(mm::find_l1(kernel_root(), base + offset));
        const std::uint64_t entry = mm::FrameWindow<std::uint64_t>{slot.table()}[slot.index()];
        if ((entry & pte_present) == 0) return Error::einval;
        held[offset >> page_shift] = TRY(mm::get_segdesc(mfn_of(Maddr{entry & pte_frame}), owner_));
    }
    cpu.ldt_entries = entries;
    ldt_base_ = base;
    for (std::size_t i = 0; i < held.size(); ++i)
        cpu.ldt_frames[i] = held[i].mfn();
    if (loaded()) arch::load_ldt_window(cpu);
    ldt_.swap(held);
    return Ok{};
}

} // namespace hv::guest
