// SPDX-License-Identifier: MIT
//
// The guests' side of every hypercall but those of control (control_calls.cpp): each function writes the arguments of
// one that may well succeed.
#include "calls.hpp"
#include "cpu/clock.hpp"
#include "tests/abi.h"

namespace hv::hammer {
namespace {

using domain::test::callback_va;

// ---- entry points, registers, segments ----
void set_trap_table(Caller& c)
{
    c.put(0, pv_trap_info{3, 0, PV_FLAT_KERNEL_CS64, 0, callback_va});
    c.call(PV_HYPERCALL_SET_TRAP_TABLE, c.put(16, pv_trap_info{}) - 16);
}
void set_callbacks(Caller& c) { c.call(PV_HYPERCALL_SET_CALLBACKS, callback_va, callback_va, callback_va); }
void callback_op(Caller& c)
{
    const auto type = static_cast<std::uint16_t>(c.below(3));
    c.call(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_REGISTER, c.put(0, pv_callback_register{type, 0, 0, callback_va}));
}
void iret(Caller& c)
{
    c.put(stack_top, pv_iret_context{0, 0, 0, 0, callback_va, PV_FLAT_KERNEL_CS64 & ~3U, 0x202, c.va(stack_top),
                                     PV_FLAT_KERNEL_SS64});
    c.call(PV_HYPERCALL_IRET);
}
void stack_switch(Caller& c) { c.call(PV_HYPERCALL_STACK_SWITCH, PV_FLAT_KERNEL_SS64, c.va(stack_top)); }
void set_gdt(Caller& c)
{
    const unsigned entries = c.below(2) * 8;
    c.call(PV_HYPERCALL_SET_GDT, c.put(0, c.any_frame()), entries);
}
void update_descriptor(Caller& c)
{
    static constexpr std::uint64_t flat = 0x00cff3000000ffff;
    c.call(PV_HYPERCALL_UPDATE_DESCRIPTOR, c.any_frame() * page_size + c.below(4) * 8, c.below(2) * flat);
}
void set_segment_base(Caller& c) { c.call(PV_HYPERCALL_SET_SEGMENT_BASE, c.below(3), c.va(c.below(4096))); }
void set_debugreg(Caller& c) { c.call(PV_HYPERCALL_SET_DEBUGREG, c.below(4), c.va()); }
void get_debugreg(Caller& c) { c.call(PV_HYPERCALL_GET_DEBUGREG, c.below(4)); }
void fpu_taskswitch(Caller& c) { c.call(PV_HYPERCALL_FPU_TASKSWITCH, c.below(2)); }
void vm_assist(Caller& c)
{
    static constexpr std::uint64_t types[] = {PV_VMASST_TYPE_WRITABLE_PAGETABLES, PV_VMASST_TYPE_ARCHITECTURAL_IOPL,
                                              PV_VMASST_TYPE_RUNSTATE_UPDATE_FLAG};
    c.call(PV_HYPERCALL_VM_ASSIST, c.below(2), types[c.below(3)]);
}

// ---- memory ----
void mmu_update(Caller& c)
{
    static constexpr unsigned slots[] = {0, 1, 272, 511};
    const unsigned count = 1 + c.below(3);
    const bool foreign = c.hardware() && c.below(4) == 0;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint64_t at = c.any_frame() * page_size + slots[c.below(4)] * 8 + c.below(2) * 2;
        c.put(i * sizeof(pv_mmu_update), pv_mmu_update{at, c.entry(foreign ? c.any_foreign_frame() : c.any_frame())});
    }
    c.call(PV_HYPERCALL_MMU_UPDATE, c.va(), count, 0, foreign ? c.other.id().raw() : PV_DOMID_SELF);
}
void update_va_mapping(Caller& c)
{
    static constexpr std::uint64_t flush[] = {PV_UVMF_NONE, PV_UVMF_TLB_FLUSH, PV_UVMF_TLB_FLUSH | PV_UVMF_ALL,
                                              PV_UVMF_INVLPG | PV_UVMF_ALL};
    c.call(PV_HYPERCALL_UPDATE_VA_MAPPING, c.play_va(), c.entry(c.any_frame()), flush[c.below(4)]);
}
void map_foreign(Caller& c)
{
    c.call(PV_HYPERCALL_UPDATE_VA_MAPPING_OTHERDOMAIN, c.play_va(), c.entry(c.any_foreign_frame()),
           PV_UVMF_INVLPG | PV_UVMF_ALL, c.other.id().raw());
}
pv_mmuext_op any_mmuext(Caller& c)
{
    static constexpr std::uint32_t commands[] = {
        PV_MMUEXT_PIN_L1_TABLE,    PV_MMUEXT_PIN_L2_TABLE,  PV_MMUEXT_PIN_L3_TABLE, PV_MMUEXT_PIN_L4_TABLE,
        PV_MMUEXT_UNPIN_TABLE,     PV_MMUEXT_UNPIN_TABLE,   PV_MMUEXT_NEW_BASEPTR,  PV_MMUEXT_NEW_USER_BASEPTR,
        PV_MMUEXT_TLB_FLUSH_LOCAL, PV_MMUEXT_TLB_FLUSH_ALL, PV_MMUEXT_INVLPG_ALL,   PV_MMUEXT_CLEAR_PAGE,
        PV_MMUEXT_TLB_FLUSH_MULTI, PV_MMUEXT_COPY_PAGE,     PV_MMUEXT_INVLPG_MULTI};
    pv_mmuext_op op{commands[c.below(std::size(commands))], 0, {c.any_frame()}, {c.any_frame()}};
    switch (op.cmd) {
    case PV_MMUEXT_NEW_BASEPTR: op.arg1.mfn = (c.below(2) == 0 ? c.own.guest.root : c.own.second_root).raw(); break;
    case PV_MMUEXT_NEW_USER_BASEPTR: op.arg1.mfn = c.below(2) == 0 ? 0 : c.own.second_root.raw(); break;
    case PV_MMUEXT_INVLPG_MULTI:
    case PV_MMUEXT_INVLPG_ALL: op.arg1.linear_addr = c.play_va(); [[fallthrough]];
    case PV_MMUEXT_TLB_FLUSH_MULTI: op.arg2.vcpumask = c.put(512, std::uint64_t{c.below(8)}); break;
    default: break;
    }
    return op;
}
void mmuext_op(Caller& c)
{
    const unsigned count = 1 + c.below(3);
    for (unsigned i = 0; i < count; ++i)
        c.put(i * sizeof(pv_mmuext_op), any_mmuext(c));
    c.call(PV_HYPERCALL_MMUEXT_OP, c.va(), count, 0, PV_DOMID_SELF);
}
/// Gives a frame of the pool away, gets one for an empty place, or exchanges one.
void memory_op(Caller& c)
{
    auto& place = c.own.pool[c.below(pool_size)];
    const std::uint64_t had = place.exchange(1);
    if (had == 1)
        return c.call(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_CURRENT_RESERVATION, c.put(0, pv_memory_domain{PV_DOMID_SELF}));
    const bool exchange = had != 0 && c.hardware() && c.below(2) == 0;
    const std::uint64_t list = c.put(256, had == 0 ? c.below(64) : had), to = c.put(264, std::uint64_t{c.below(64)});
    const pv_memory_reservation in{list, 1, 0, 0, PV_DOMID_SELF, {}};
    const pv_memory_reservation out{to, 1, 0, 0, PV_DOMID_SELF, {}};
    c.least = exchange ? 0 : 1;
    c.afterwards = [&c, &place, had, exchange](bool success) {
        const std::uint64_t got = had == 0 ? c.at<std::uint64_t>(256) : exchange ? c.at<std::uint64_t>(264) : 0;
        place.store(success ? got : had);
    };
    if (exchange)
        c.call(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_EXCHANGE, c.put(0, pv_memory_exchange{in, out, 0}));
    else
        c.call(PV_HYPERCALL_MEMORY_OP, had == 0 ? PV_XENMEM_POPULATE_PHYSMAP : PV_XENMEM_DECREASE_RESERVATION,
               c.put(0, in));
}
/// The builder's memory map, and the guest's look at it.
void memory_map(Caller& c)
{
    const pv_memory_map map{1, 0, c.put(256, pv_e820_entry{0, 0x100000, PV_E820_RAM})};
    if (!c.hardware()) return c.call(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_MEMORY_MAP, c.put(0, map));
    c.call(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_SET_MEMORY_MAP,
           c.put(0, pv_foreign_memory_map{c.other.id().raw(), {}, map}));
}
void map_grant(Caller& c, unsigned i)
{
    const std::uint32_t flags = PV_GNTMAP_HOST_MAP | (c.below(2) == 0 ? PV_GNTMAP_READONLY : 0);
    c.put(0, pv_gnttab_map_grant_ref{c.grant_va(i), flags, 8 + c.below(16), c.other.id().raw(), 99, 0, 0});
    c.status = &c.at<pv_gnttab_map_grant_ref>(0).status;
    c.afterwards = [&c, i](bool success) {
        if (success) c.grants.at(i) = c.at<pv_gnttab_map_grant_ref>(0).handle;
    };
    c.call(PV_HYPERCALL_GRANT_TABLE_OP, PV_GNTTABOP_MAP_GRANT_REF, c.va(), 1);
}
void unmap_grant(Caller& c, unsigned i)
{
    c.put(0, pv_gnttab_unmap_grant_ref{c.grant_va(i), 0, static_cast<std::uint32_t>(c.grants.at(i)), 99, 0});
    c.status = &c.at<pv_gnttab_unmap_grant_ref>(0).status;
    c.afterwards = [&c, i](bool success) {
        if (success) c.grants.at(i) = -1;
    };
    c.call(PV_HYPERCALL_GRANT_TABLE_OP, PV_GNTTABOP_UNMAP_GRANT_REF, c.va(), 1);
}
void grant_table_op(Caller& c)
{
    const unsigned i = c.below(8);
    if (i < c.grants.size()) return c.grants.at(i) < 0 ? map_grant(c, i) : unmap_grant(c, i);
    pv_gnttab_copy_ptr mine{}, theirs{};
    mine.u.gmfn = c.any_frame();
    mine.domid = PV_DOMID_SELF;
    theirs.u.ref = 8 + c.below(16);
    theirs.domid = c.other.id().raw();
    const bool out = c.below(2) == 0;
    const std::uint16_t flags = out ? PV_GNTCOPY_DEST_GREF : PV_GNTCOPY_SOURCE_GREF;
    c.put(0, pv_gnttab_copy{out ? mine : theirs, out ? theirs : mine, 64, flags, 99, 0});
    c.status = &c.at<pv_gnttab_copy>(0).status;
    c.call(PV_HYPERCALL_GRANT_TABLE_OP, PV_GNTTABOP_COPY, c.va(), 1);
}

// ---- time, events, scheduling ----
void set_timer_op(Caller& c) { c.call(PV_HYPERCALL_SET_TIMER_OP, cpu::now() + c.below(500'000)); }
void sched_op(Caller& c)
{
    const unsigned which = c.sleepless() ? 0 : c.below(3);
    if (which == 0) return c.call(PV_HYPERCALL_SCHED_OP, PV_SCHEDOP_YIELD);
    if (which == 1) {
        set_timer_op(c);
        c.owed.emplace_back([](Caller& me) { me.call(PV_HYPERCALL_SCHED_OP, PV_SCHEDOP_BLOCK); });
        return;
    }
    const std::uint64_t ports = c.put(64, 1 + c.below(12));
    const pv_sched_poll poll{ports, 1, 0, cpu::now() + c.below(500'000)};
    c.call(PV_HYPERCALL_SCHED_OP, PV_SCHEDOP_POLL, c.put(0, poll));
}
void event_channel_op(Caller& c)
{
    const std::uint16_t peer = c.other.id().raw();
    const std::uint32_t port = 1 + c.below(40), vcpu = c.below(3);
    const auto op = [&c](std::uint32_t cmd, const auto& arg) {
        c.call(PV_HYPERCALL_EVENT_CHANNEL_OP, cmd, c.put(0, arg));
    };
    switch (c.below(10)) {
    case 0: return op(PV_EVTCHNOP_ALLOC_UNBOUND, pv_evtchn_alloc_unbound{PV_DOMID_SELF, peer, 0});
    case 1: return op(PV_EVTCHNOP_BIND_INTERDOMAIN, pv_evtchn_bind_interdomain{peer, 0, port, 0});
    case 2: return op(PV_EVTCHNOP_BIND_IPI, pv_evtchn_bind_ipi{vcpu, 0});
    case 3: return op(PV_EVTCHNOP_BIND_VIRQ, pv_evtchn_bind_virq{c.below(4), c.number, 0});
    case 4:
    case 5: return op(PV_EVTCHNOP_CLOSE, pv_evtchn_port{port + c.below(4) * 8});
    case 6: return op(PV_EVTCHNOP_STATUS, pv_evtchn_status{PV_DOMID_SELF, 0, port, 0, 0, {}});
    case 7: return op(PV_EVTCHNOP_BIND_VCPU, pv_evtchn_bind_vcpu{port, vcpu});
    case 8: return op(PV_EVTCHNOP_UNMASK, pv_evtchn_port{port});
    default: return op(PV_EVTCHNOP_SEND, pv_evtchn_port{port});
    }
}
void vcpu_op(Caller& c)
{
    const unsigned target = c.below(3), secondary = 1 + c.below(2);
    const auto op = [&c](std::uint32_t cmd, unsigned vcpu, std::uint64_t arg = 0) {
        c.call(PV_HYPERCALL_VCPU_OP, cmd, vcpu, arg);
    };
    switch (c.below(9)) {
    case 0: return op(PV_VCPUOP_IS_UP, target);
    case 1: return op(PV_VCPUOP_GET_RUNSTATE_INFO, target, c.va());
    case 2: return op(PV_VCPUOP_DOWN, secondary);
    case 3:
    case 4: return op(PV_VCPUOP_UP, secondary);
    case 5: return op(PV_VCPUOP_SET_PERIODIC_TIMER, target, c.put(0, pv_vcpu_set_periodic_timer{1'000'000}));
    case 6: return op(PV_VCPUOP_STOP_PERIODIC_TIMER, target);
    case 7: {
        const std::uint64_t area = c.below(2) * c.va(1024);
        return op(PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, c.number, c.put(0, area));
    }
    default: {
        const pv_vcpu_register_vcpu_info info{c.any_frame(), c.number * 64, 0};
        return op(PV_VCPUOP_REGISTER_VCPU_INFO, c.number, c.put(0, info));
    }
    }
}

// ---- the rest ----
void xen_version(Caller& c)
{
    static constexpr std::uint32_t commands[] = {PV_XENVER_VERSION, PV_XENVER_CAPABILITIES, PV_XENVER_GUEST_HANDLE};
    c.call(PV_HYPERCALL_XEN_VERSION, commands[c.below(3)], c.va());
}
void console_io(Caller& c)
{
    if (c.below(8) != 0) return xen_version(c); // text is slow
    c.put(0, std::array<char, 8>{'h', 'a', 'm', 'm', 'e', 'r', '.', '\n'});
    c.call(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_WRITE, 8, c.va());
}
void multicall(Caller& c)
{
    c.put(0, pv_multicall_entry{PV_HYPERCALL_XEN_VERSION, 0, {PV_XENVER_VERSION}});
    c.put(64, pv_multicall_entry{PV_HYPERCALL_UPDATE_VA_MAPPING, 0, {c.play_va(), c.entry(c.any_frame()), 0}});
    c.put(128, pv_multicall_entry{PV_HYPERCALL_FPU_TASKSWITCH, 0, {1}});
    c.call(PV_HYPERCALL_MULTICALL, c.va(), 3);
}

constexpr void (*anyone[])(Caller&) = {
    set_trap_table,    set_callbacks,     callback_op,       iret,           stack_switch,     set_gdt,
    update_descriptor, set_debugreg,      get_debugreg,      fpu_taskswitch, vm_assist,        set_segment_base,
    multicall,         update_va_mapping, mmu_update,        mmu_update,     mmu_update,       mmuext_op,
    mmuext_op,         mmuext_op,         update_va_mapping, memory_op,      memory_map,       memory_op,
    grant_table_op,    grant_table_op,    grant_table_op,    sched_op,       event_channel_op, vcpu_op,
    set_timer_op,      event_channel_op,  xen_version,       console_io,     set_iopl,         event_channel_op};
constexpr void (*hardware_domain[])(Caller&) = {map_foreign, map_foreign, domctl,    domctl,
                                                sysctl,      platform_op, physdev_op};

} // namespace

void choose_call(Caller& c)
{
    if (c.hardware() && c.below(4) == 0) return hardware_domain[c.below(std::size(hardware_domain))](c);
    anyone[c.below(std::size(anyone))](c);
}

} // namespace hv::hammer
