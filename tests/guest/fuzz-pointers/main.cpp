// SPDX-License-Identifier: MIT
// Pointers of hypercalls that read or write guest memory: structures that end exactly at a page's end work, those
// crossing into a hole or a read-only page are -EFAULT, and a hypervisor address is never written (XSA-29).
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

struct Call {
    const char* name;
    u64 number;
    u64 op;
    unsigned size; // of the structure
    bool writes;   // it is written back
    u64 third;     // third argument, for those that take a count
};

constexpr Call kCalls[] = {
    {"get_features", PV_HYPERCALL_XEN_VERSION, PV_XENVER_GET_FEATURES, 8, true, 0},
    {"capabilities", PV_HYPERCALL_XEN_VERSION, PV_XENVER_CAPABILITIES, 1024, true, 0},
    {"extraversion", PV_HYPERCALL_XEN_VERSION, PV_XENVER_EXTRAVERSION, 16, true, 0},
    {"machphys_mapping", PV_HYPERCALL_MEMORY_OP, PV_XENMEM_MACHPHYS_MAPPING, 24, true, 0},
    {"runstate_info", PV_HYPERCALL_VCPU_OP, PV_VCPUOP_GET_RUNSTATE_INFO, 48, true, 0},
    {"set_iopl", PV_HYPERCALL_PHYSDEV_OP, PV_PHYSDEVOP_SET_IOPL, 4, false, 0},
    {"query_size", PV_HYPERCALL_GRANT_TABLE_OP, PV_GNTTABOP_QUERY_SIZE, 16, true, 1},
    {"status", PV_HYPERCALL_EVENT_CHANNEL_OP, PV_EVTCHNOP_STATUS, 24, true, 0},
};

long issue(const Call& c, u64 pointer)
{
    // vcpu_op takes the vCPU second and the pointer third.
    if (c.number == PV_HYPERCALL_VCPU_OP) {
        return hypercall(c.number, c.op, 0, pointer);
    }
    return hypercall(c.number, c.op, pointer, c.third);
}

u8* pages; // three in a row; the last one changes
u64 third_entry;

void prepare(u64 pointer, unsigned size)
{
    auto* at = reinterpret_cast<u8*>(pointer);
    for (unsigned i = 0; i < size; ++i) {
        at[i] = 0;
    }
}

void check_call(const Call& c)
{
    u64 end = addr(pages) + 2 * kPageSize;
    prepare(end - c.size, c.size);
    bool ok = expect_rc(issue(c, end - c.size), 0, "ending at the page's end, a hole behind");
    ok &= expect_rc(issue(c, end - c.size + 4 - (c.size == 4)), -14, "running into the hole");
    ok &= expect_rc(issue(c, end), -14, "in the hole");
    u64 crossing = addr(pages) + kPageSize - c.size / 2;
    prepare(crossing, c.size);
    ok &= expect_rc(issue(c, crossing), 0, "crossing two mapped pages");
    if (c.writes) {
        prepare(addr(pages) + kPageSize, c.size);
        require(make_read_only(pages + kPageSize), "read-only");
        ok &= expect_rc(issue(c, addr(pages) + kPageSize), -14, "in a read-only page");
        require(make_writable(pages + kPageSize), "writable");
    }
    const u64 forbidden[] = {0xffff800000000000 - c.size / 2,
                             0xffff800000000000,
                             0xffff82d040000000,
                             0xffff830000000000,
                             0xffff87ffffffffff,
                             0x00007ffffffffffc,
                             0x8000000000000000,
                             ~0ul - 3};
    for (u64 pointer : forbidden) {
        bool good = expect_rc(issue(c, pointer), -14, "not the guest's address");
        if (!good) {
            print("  pointer 0x%lx\n", pointer);
        }
        ok &= good;
    }
    if (!ok) {
        print("  call %s\n", c.name);
    }
}

} // namespace

void test_main()
{
    install_traps();
    pages = alloc_page();
    alloc_page();
    u8* third = alloc_page();
    third_entry = *entry_of(addr(third));
    require(set_mapping(third, 0), "a hole");
    u64 m2p_word = m2p(0x100);
    for (const Call& c : kCalls) {
        print("fuzz-pointers: %s\n", c.name);
        check_call(c);
    }
    expect_eq(m2p(0x100), m2p_word, "the M2P was not written");
    require(set_mapping(third, third_entry), "put back");
    u8* text = alloc_page();
    step("user addresses are as good as the kernel's");
    expect_rc(xen_version(PV_XENVER_EXTRAVERSION, text), 0, "an ordinary pointer");
}
