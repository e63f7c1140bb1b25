// SPDX-License-Identifier: MIT
//
// set_trap_table, callback_op, set_callbacks, iret.
#include "pv-abi/vcpu.h"
#include "tests/unit/hypercall/calls.hpp"

namespace hv::hypercall::test {

using Traps = Calls;
using guest::CallbackKind;

TEST_F(Traps, TableIsTakenUpToItsEnd)
{
    const std::array list{pv_trap_info{3, 3 | PV_TI_IF, 0x10, 0, 0x1003}, pv_trap_info{14, PV_TI_IF, 0x10, 0, 0x100e},
                          pv_trap_info{}, pv_trap_info{6, 0, 0x10, 0, 0x1006}};
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, put(0, list)), 0);
    EXPECT_EQ(v().hot.traps[3].address, 0x1003u);
    EXPECT_EQ(v().hot.traps[3].flags, 7);
    EXPECT_EQ(v().hot.traps[14].address, 0x100eu);
    EXPECT_EQ(v().hot.traps[6].address, 0u);
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, 0), 0);
    EXPECT_EQ(v().hot.traps[3].address, 0u);
}

TEST_F(Traps, BadTables)
{
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, 0x10), -PV_EFAULT);
    const std::array list{pv_trap_info{3, 0, 0, 0, 0x1003}, pv_trap_info{3, 0, 0, 0, 1ULL << 63}, pv_trap_info{}};
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, put(0, list)), -PV_EINVAL);
    EXPECT_EQ(v().hot.traps[3].address, 0x1003u); // the good entry is in force, the bad one is not
    // The list runs into unmapped memory: what could be read is in force.
    const std::uint64_t last = put(page_size - sizeof(pv_trap_info), pv_trap_info{4, 0, 0, 0, 0x1004});
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, last), -PV_EFAULT);
    EXPECT_EQ(v().hot.traps[4].address, 0x1004u);
}

TEST_F(Traps, CallbackRegistration)
{
    struct Row {
        std::uint16_t type;
        CallbackKind kind;
    };
    for (const Row& row :
         {Row{PV_CALLBACKTYPE_FAILSAFE, CallbackKind::failsafe}, Row{PV_CALLBACKTYPE_SYSCALL, CallbackKind::syscall},
          Row{PV_CALLBACKTYPE_NMI, CallbackKind::nmi}, Row{PV_CALLBACKTYPE_SYSENTER, CallbackKind::sysenter},
          Row{PV_CALLBACKTYPE_SYSCALL32, CallbackKind::syscall32}}) {
        for (const std::uint16_t masks : {0, 1}) {
            const std::uint64_t at = put(0, pv_callback_register{row.type, masks, 0, 0x4000ULL + row.type});
            EXPECT_EQ(call(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_REGISTER, at), 0);
            EXPECT_EQ(v().callback(row.kind).address, 0x4000ULL + row.type);
            EXPECT_EQ(v().callback(row.kind).mask_events, masks);
        }
    }
    EXPECT_EQ(v().hot.syscall_entry, 0x4000u + PV_CALLBACKTYPE_SYSCALL);
    EXPECT_EQ(v().callback(guest::CallbackKind::syscall).mask_events, 1);
    v().set_callback(CallbackKind::syscall, {});
}

TEST_F(Traps, EventsAreAlwaysMaskedInTheirCallback)
{
    const auto before = v().callback(CallbackKind::event);
    const std::uint64_t at = put(0, pv_callback_register{PV_CALLBACKTYPE_EVENT, 0, 0, 0x4000});
    EXPECT_EQ(call(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_REGISTER, at), 0);
    EXPECT_EQ(v().callback(CallbackKind::event).mask_events, 1);
    v().set_callback(CallbackKind::event, before);
}

TEST_F(Traps, CallbackErrors)
{
    const auto reg = [&](std::uint16_t type, std::uint64_t address) {
        return call(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_REGISTER,
                    put(0, pv_callback_register{type, 0, 0, address}));
    };
    const auto unreg = [&](std::uint16_t type) {
        return call(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_UNREGISTER, put(0, pv_callback_unregister{type, 0}));
    };
    EXPECT_EQ(reg(PV_CALLBACKTYPE_SYSCALL, 1ULL << 63), -PV_EINVAL);
    EXPECT_EQ(reg(6, 0x1000), -PV_ENOSYS);
    EXPECT_EQ(reg(99, 0x1000), -PV_ENOSYS);
    EXPECT_EQ(unreg(PV_CALLBACKTYPE_EVENT), -PV_EINVAL);
    EXPECT_EQ(unreg(PV_CALLBACKTYPE_FAILSAFE), -PV_EINVAL);
    EXPECT_EQ(unreg(PV_CALLBACKTYPE_SYSCALL), -PV_EINVAL);
    EXPECT_EQ(unreg(99), -PV_ENOSYS);
    EXPECT_EQ(unreg(PV_CALLBACKTYPE_NMI), 0);
    EXPECT_EQ(call(PV_HYPERCALL_CALLBACK_OP, 2, data_va), -PV_ENOSYS);
    EXPECT_EQ(call(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_REGISTER, 0x10), -PV_EFAULT);
}

TEST_F(Traps, IretReturnsTheFramesRax)
{
    const pv_iret_context frame{0x77, 0x88, 0x99, 0, 0x6000, 0xe030, 0x2, data_va + 0x900, 0xe02b};
    regs().rsp = put(0x800, frame);
    EXPECT_EQ(call(PV_HYPERCALL_IRET), 0x77);
    EXPECT_EQ(regs().r11, 0x88u);
    EXPECT_EQ(regs().rcx, 0x99u);
    EXPECT_EQ(regs().rip, 0x6000u);
    EXPECT_EQ(v().hot.info->evtchn_upcall_mask, 1);
    v().hot.info->evtchn_upcall_mask = 0;
}

} // namespace hv::hypercall::test
