// SPDX-License-Identifier: MIT
// Memory maps and the numbers around them (CONTRACT A.8): dom0's machine map is sorted and sane, small buffers do not
// overflow, the sharing counts are zero, and the rest of memory_op answers as documented.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

pv_e820_entry entries[128];

void check_machine_map()
{
    pv_memory_map map = {.nr_entries = 3200, .hole0 = 0, .buffer = addr(entries)};
    expect_rc(memory_op(PV_XENMEM_MACHINE_MEMORY_MAP, &map), 0, "machine_memory_map");
    expect(map.nr_entries >= 4 && map.nr_entries < 128, "a few entries");
    u64 ram = 0, end = 0, acpi = 0, apic = 0;
    for (u32 i = 0; i < map.nr_entries; ++i) {
        const pv_e820_entry& e = entries[i];
        expect(e.addr >= end && e.size != 0, "sorted and disjoint");
        end = e.addr + e.size;
        ram += e.type == PV_E820_RAM ? e.size : 0;
        acpi += e.type != PV_E820_RAM && e.addr > 0x100000 && e.addr < 0x10000000;
        apic += e.type == PV_E820_RESERVED && e.addr <= 0xfee00000 && end > 0xfee00000;
    }
    expect(ram >= 250ul << 20 && ram <= 256ul << 20, "the machine's memory");
    expect_eq(acpi, 1, "the firmware's tables are not RAM");
    expect_eq(apic, 1, "the local APIC is reserved");
}

void check_buffers()
{
    __builtin_memset(entries, 0x5a, sizeof entries);
    pv_memory_map map = {.nr_entries = 1, .hole0 = 0, .buffer = addr(entries)};
    long rc = memory_op(PV_XENMEM_MACHINE_MEMORY_MAP, &map);
    expect_rc(rc, -22, "room for one");
    expect_eq(entries[1].type, 0x5a5a5a5a, "nothing behind it is written");
    map = {.nr_entries = 128, .hole0 = 0, .buffer = 0xffff830000000000};
    expect_rc(memory_op(PV_XENMEM_MACHINE_MEMORY_MAP, &map), -14, "a buffer in the hypervisor");
    map = {.nr_entries = 128, .hole0 = 0, .buffer = 0x1000};
    expect_rc(memory_op(PV_XENMEM_MACHINE_MEMORY_MAP, &map), -14, "an unmapped buffer");
    expect_rc(hypercall(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_MACHINE_MEMORY_MAP, 0x1000), -14, "a bad pointer");
    map = {.nr_entries = 128, .hole0 = 0, .buffer = addr(entries)};
    expect_rc(memory_op(PV_XENMEM_MEMORY_MAP, &map), -38, "memory_map of dom0, which has none");
}

void check_numbers()
{
    expect(memory_op(PV_XENMEM_MAXIMUM_RAM_PAGE, nullptr) >= 0xff00, "maximum_ram_page");
    expect_rc(memory_op(PV_XENMEM_GET_SHARING_FREED_PAGES, nullptr), 0, "get_sharing_freed_pages");
    expect_rc(memory_op(PV_XENMEM_GET_SHARING_SHARED_PAGES, nullptr), 0, "get_sharing_shared_pages");
    pv_memory_domain d = {.domid = PV_DOMID_SELF};
    expect(memory_op(PV_XENMEM_MAXIMUM_GPFN, &d) >= 0, "maximum_gpfn");
    pv_add_to_physmap add = {};
    add.domid = PV_DOMID_SELF;
    expect(memory_op(PV_XENMEM_ADD_TO_PHYSMAP, &add) < 0, "add_to_physmap is for others");
    pv_machphys_mapping mapping = {};
    expect_rc(memory_op(PV_XENMEM_MACHPHYS_MAPPING, &mapping), 0, "machphys_mapping");
    expect_rc(hypercall(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_MACHPHYS_MAPPING, 0x1000), -14, "a bad pointer");
    pv_foreign_memory_map set = {};
    set.domid = 77;
    expect_rc(memory_op(PV_XENMEM_SET_MEMORY_MAP, &set), -3, "set_memory_map of a domain that is not there");
    pv_mem_acquire_resource acquire = {};
    acquire.domid = 77;
    acquire.type = PV_XENMEM_RESOURCE_GRANT_TABLE;
    expect_rc(memory_op(PV_XENMEM_ACQUIRE_RESOURCE, &acquire), -3, "a resource of a domain that is not there");
    pv_memory_reservation claim = {};
    claim.domid = 77;
    expect_rc(memory_op(PV_XENMEM_CLAIM_PAGES, &claim), -22, "claim_pages for a domain that is not there");
}

} // namespace

void test_main()
{
    install_traps();
    step("the machine's map");
    check_machine_map();
    step("buffers");
    check_buffers();
    step("numbers");
    check_numbers();
}
