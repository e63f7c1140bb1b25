// SPDX-License-Identifier: MIT
//
// The hypercalls there are. A number that is not here is -ENOSYS.
#include "hypercall/handlers.hpp"
#include "hypercall/table.hpp"
#include "pv-abi/hypercall.h"

namespace hv::hypercall {

#define BIND(NUMBER, fn) bind<PV_HYPERCALL_##NUMBER, fn>(t)
static consteval Table make_table()
{
    Table t{};
    t.fill(&no_such_call);
    for (const unsigned n : {PV_HYPERCALL_STACK_SWITCH, PV_HYPERCALL_FPU_TASKSWITCH, PV_HYPERCALL_UPDATE_DESCRIPTOR,
                             PV_HYPERCALL_XEN_VERSION, PV_HYPERCALL_SET_SEGMENT_BASE})
        t.quick[n] = true;
    BIND(SET_TRAP_TABLE, set_trap_table);
    BIND(MMU_UPDATE, mmu_update);
    BIND(SET_GDT, set_gdt);
    BIND(STACK_SWITCH, stack_switch);
    BIND(SET_CALLBACKS, set_callbacks);
    BIND(FPU_TASKSWITCH, fpu_taskswitch);
    BIND(PLATFORM_OP, platform_op);
    BIND(SET_DEBUGREG, set_debugreg);
    BIND(GET_DEBUGREG, get_debugreg);
    BIND(UPDATE_DESCRIPTOR, update_descriptor);
    BIND(MEMORY_OP, memory_op);
    BIND(MULTICALL, multicall);
    BIND(UPDATE_VA_MAPPING, update_va_mapping);
    BIND(SET_TIMER_OP, set_timer_op);
    BIND(XEN_VERSION, xen_version);
    BIND(CONSOLE_IO, console_io);
    BIND(GRANT_TABLE_OP, grant_table_op);
    BIND(VM_ASSIST, vm_assist);
    BIND(UPDATE_VA_MAPPING_OTHERDOMAIN, update_va_mapping_otherdomain);
    BIND(IRET, iret);
    BIND(VCPU_OP, vcpu_op);
    BIND(SET_SEGMENT_BASE, set_segment_base);
    BIND(MMUEXT_OP, mmuext_op);
    BIND(SCHED_OP, sched_op);
    BIND(CALLBACK_OP, callback_op);
    BIND(EVENT_CHANNEL_OP, event_channel_op);
    BIND(PHYSDEV_OP, physdev_op);
    BIND(SYSCTL, sysctl);
    BIND(DOMCTL, domctl);
    BIND(MCA, mca);
    return t;
}
#undef BIND
extern "C" constinit const Table hypercall_table = make_table();

} // namespace hv::hypercall
