// SPDX-License-Identifier: MIT
//
// See bounce.hpp. The frame, low to high: rcx r11 [error code] rip cs rflags rsp ss; docs/traps.md draws it.
#include "guest/bounce.hpp"
#include "guest/flags.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::guest {

namespace {

/// Where control goes, and the error code that lies between r11 and rip in the frame.
struct Entry {
    std::uint64_t address;
    bool mask_events;
    std::uint64_t clear_flags = flags::tf | flags::nt | flags::rf | flags::vm | flags::ac;
    std::optional<std::uint32_t> error_code{};
};

/// The flags a guest kernel sees: IF is its own, IOPL is its own only if it asked for that.
std::uint64_t visible_flags(const VcpuState& v, std::uint64_t rflags, std::uint8_t mask)
{
    std::uint64_t f = rflags & ~(flags::intr | flags::iopl);
    if (mask == 0) f |= flags::intr;
    if (v.policy().sees_iopl()) f |= std::uint64_t{v.iopl} << 12;
    return f;
}

Outcome enter(VcpuState& v, const Entry& e)
{
    arch::GuestRegs& r = v.regs();
    const bool was_kernel = v.kernel_mode();
    v.enter_kernel_mode();
    std::uint8_t& mask = v.hot.info->evtchn_upcall_mask;
    const std::uint8_t old_mask = shared::load(&mask);

    const std::uint64_t cs = (was_kernel ? r.cs & ~3ULL : r.cs) | std::uint64_t{old_mask} << 32;
    std::array<std::uint64_t, 8> frame{r.rcx, r.rcx, r.r11, r.rip, cs, visible_flags(v, r.rflags, old_mask),
                                       r.rsp, r.ss};
    if (e.error_code) {
        frame[1] = r.r11;
        frame[2] = *e.error_code;
    }
    const std::span used = std::span{frame}.subspan(e.error_code ? 0 : 1);
    const std::uint64_t sp = ((was_kernel ? r.rsp : v.hot.kernel_sp) & ~15ULL) - used.size_bytes();
    if (!store_words_to_guest(GuestVa{sp}, used).ok()) return crash(v, "its kernel stack cannot take a frame");
    if (e.mask_events) shared::store(&mask, std::uint8_t{1});
    r.rip = e.address;
    r.rsp = sp;
    r.cs = PV_FLAT_KERNEL_CS64;
    r.ss = PV_FLAT_KERNEL_SS64;
    r.rflags = (r.rflags & ~e.clear_flags) | flags::intr | flags::fixed;
    return Outcome::resume;
}

Outcome enter_callback(VcpuState& v, CallbackKind kind, std::uint64_t clear_more)
{
    const Callback c = v.callback(kind);
    Entry e{c.address, c.mask_events != 0};
    e.clear_flags |= clear_more;
    return enter(v, e);
}

} // namespace

Outcome deliver_trap(VcpuState& v, unsigned vector, std::optional<std::uint32_t> error_code)
{
    const pv_trap_info& t = v.hot.traps[vector];
    if (t.address == 0) return crash(v, "a trap has no handler");
    Entry e{t.address, (t.flags & PV_TI_IF) != 0};
    e.error_code = error_code;
    return enter(v, e);
}

Outcome deliver_page_fault(VcpuState& v, std::uint64_t address, std::uint32_t error)
{
    constexpr std::uint32_t user_bit = 4;
    v.hot.info->arch.cr2 = address;
    return deliver_trap(v, 14, (error & ~user_bit) | (v.kernel_mode() ? 0 : user_bit));
}

Outcome deliver_event(VcpuState& v)
{
    if (v.callback(CallbackKind::event).address == 0) return crash(v, "an event has no callback");
    v.hot.events.store(v.hot.events.load(Order::relaxed) + 1, Order::relaxed);
    return enter_callback(v, CallbackKind::event, 0);
}

static Outcome deliver_system_call(VcpuState& v, CallbackKind kind, std::uint16_t cs, std::uint16_t ss)
{
    arch::GuestRegs& r = v.regs();
    if (v.callback(kind).address == 0) {
        if (kind == CallbackKind::sysenter) return deliver_trap(v, 13, 0);
        r.rip -= 2;
        return deliver_trap(v, 6, std::nullopt);
    }
    r.cs = cs;
    r.ss = ss;
    return enter_callback(v, kind, flags::df);
}

Outcome deliver_syscall(VcpuState& v)
{
    return deliver_system_call(v, CallbackKind::syscall, PV_FLAT_USER_CS64, PV_FLAT_USER_SS64);
}

Outcome deliver_compat_syscall(VcpuState& v, arch::CompatEntry how)
{
    const auto kind = how == arch::CompatEntry::sysenter ? CallbackKind::sysenter : CallbackKind::syscall32;
    return deliver_system_call(v, kind, PV_FLAT_USER_CS32, PV_FLAT_USER_SS32);
}

Outcome deliver_return_fault(VcpuState& v, unsigned vector, std::uint32_t error_code)
{
    constexpr unsigned invalid_tss = 10, general_protection = 13;
    if (vector < invalid_tss || vector > general_protection) return deliver_trap(v, general_protection, 0);
    return deliver_trap(v, vector, error_code);
}

Outcome iret(VcpuState& v)
{
    arch::GuestRegs& r = v.regs();
    const auto read = In<pv_iret_context>{GuestVa{r.rsp}}.read();
    if (!read.ok()) return crash(v, "its iret frame cannot be read");
    const pv_iret_context f = read.take();
    if ((f.cs & 3) == 3) {
        if (!v.has_user_root()) return crash(v, "it returns to user mode without a user page table");
        v.enter_user_mode();
    }
    r.rip = f.rip;
    r.cs = static_cast<std::uint16_t>(f.cs | 3);
    r.rflags = (f.rflags & flags::guest_may_load) | flags::intr | flags::fixed;
    r.rsp = f.rsp;
    r.ss = static_cast<std::uint16_t>(f.ss | 3);
    const bool as_sysret = (f.flags & PV_VGCF_IN_SYSCALL) != 0; // what sysret leaves in these two
    r.rcx = as_sysret ? f.rip : f.rcx;
    r.r11 = as_sysret ? r.rflags : f.r11;
    r.rax = f.rax;
    if (v.policy().sees_iopl()) v.iopl = f.rflags >> 12 & 3;
    shared::store(&v.hot.info->evtchn_upcall_mask, static_cast<std::uint8_t>((f.rflags & flags::intr) == 0));
    return Outcome::resume;
}

} // namespace hv::guest
