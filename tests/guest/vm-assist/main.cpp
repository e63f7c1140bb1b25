// SPDX-License-Identifier: MIT
// vm_assist: which types exist, enabling and disabling, and that runstate_update_flag really changes the area.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

long assist(u64 command, u64 type) { return hypercall(PV_HYPERCALL_VM_ASSIST, command, type); }

} // namespace

void test_main()
{
    install_traps();
    step("types");
    const u64 known[] = {PV_VMASST_TYPE_4GB_SEGMENTS, PV_VMASST_TYPE_WRITABLE_PAGETABLES,
                         PV_VMASST_TYPE_PAE_EXTENDED_CR3, PV_VMASST_TYPE_RUNSTATE_UPDATE_FLAG};
    for (u64 type : known) {
        long rc = assist(PV_VMASST_CMD_ENABLE, type);
        expect(rc == 0 || (type == PV_VMASST_TYPE_4GB_SEGMENTS && rc == -22), "enable");
        print("vm-assist: type %lu enable %ld disable %ld\n", type, rc, assist(PV_VMASST_CMD_DISABLE, type));
    }
    const u64 unknown[] = {6, 7, 31, 33, 63, 64, 1000, ~0ul};
    for (u64 type : unknown) {
        if (!expect_rc(assist(PV_VMASST_CMD_ENABLE, type), -22, "an unknown type")) {
            print("  type %lu\n", type);
        }
    }
    expect_rc(assist(2, PV_VMASST_TYPE_WRITABLE_PAGETABLES), -38, "an unknown command");
    step("feature bit 4 follows pae_extended_cr3");
    pv_feature_info info = {};
    require(assist(PV_VMASST_CMD_ENABLE, PV_VMASST_TYPE_PAE_EXTENDED_CR3), "enable");
    require(xen_version(PV_XENVER_GET_FEATURES, &info), "features");
    expect_eq(info.submap >> PV_XENFEAT_PAE_PGDIR_ABOVE_4GB & 1, 1, "enabled");
    require(assist(PV_VMASST_CMD_DISABLE, PV_VMASST_TYPE_PAE_EXTENDED_CR3), "disable");
    require(xen_version(PV_XENVER_GET_FEATURES, &info), "features");
    print("vm-assist: features after disable 0x%lx\n", static_cast<u64>(info.submap));
}
