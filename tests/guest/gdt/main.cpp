// SPDX-License-Identifier: MIT
// set_gdt and update_descriptor (CONTRACT C.3): frames must not be writable, DPL 0 code and data become DPL 3, gates
// and system descriptors are refused, the flat selectors of the hypervisor stay usable whatever the guest's GDT holds.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

constexpr u64 kData = 0x00cf93000000ffff, kCode = 0x00af9b000000ffff, kUserData3 = 0x00cff3000000ffff;
constexpr u64 kGetcpu = 0x0040f50000000000, kBased = 0x00cff3123456ffff;
constexpr u64 kDpl3 = 0x0000600000000000, kAccessedBit = 0x0000010000000000;
// The second, a 64-bit call gate, Xen stores with DPL 0 (it then always faults); Parapet has no gates.
constexpr u64 kCallGate = 0x0000ec00e0330000;
constexpr u64 kSystem[] = {0x0000e90000000000 | 0xe0330000,
                           0x0000ec00e0330000,
                           0x0000ee00e0330000,
                           0x0000ef00e0330000,
                           0x0000e2000000ffff,
                           0x0000e5000000ffff,
                           0x00008b000000ffff};

long set_gdt(u64* mfns, u64 entries) { return hypercall(PV_HYPERCALL_SET_GDT, addr(mfns), entries); }

u64* table;
u64 frames[14];

long update(unsigned index, u64 descriptor)
{
    return hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(&table[index]), descriptor);
}

bool tolerated(u64 descriptor) { return descriptor == kCallGate && hypervisor() == Hypervisor::xen; }

void check_installation()
{
    table[2] = kCode;
    table[3] = kData;
    table[5] = kUserData3;
    frames[0] = mfn_of(table);
    expect_rc(set_gdt(frames, 16), -22, "a frame that is mapped writable");
    require(make_read_only(table), "read-only");
    expect_rc(set_gdt(frames, 16), 0, "read-only it is accepted");
    expect_eq(table[2] | kAccessedBit, kCode | kDpl3, "DPL 0 code became DPL 3 in place");
    expect_eq(table[3] | kAccessedBit, kData | kDpl3, "DPL 0 data became DPL 3 in place");
    expect_eq(table[5] | kAccessedBit, kUserData3, "DPL 3 data stays");
    expect(!can_be_writable(table), "the frame cannot be made writable");
    u16 seen;
    asm volatile("movw $0x2b, %%ax; movw %%ax, %%es; movw %%es, %0; xorl %%eax, %%eax; movw %%ax, %%es"
                 : "=r"(seen)
                 :
                 : "eax");
    expect_eq(seen, 0x2b, "its selector can be loaded");
    expect_eq(*reinterpret_cast<volatile u64*>(table), 0, "entry 0 is untouched");
}

void check_limits()
{
    expect_rc(set_gdt(frames, 7169), -22, "more entries than the guest's part");
    expect_rc(set_gdt(frames, 0x10000), -22, "a wild count");
    expect_rc(set_gdt(reinterpret_cast<u64*>(0x1000), 16), -14, "an unreadable list");
    u64 bad[1] = {1ul << 39};
    expect_rc(set_gdt(bad, 16), -22, "a frame beyond the machine");
    bad[0] = 0xa0;
    expect_rc(set_gdt(bad, 16), -22, "I/O memory");
    bad[0] = mfn_of(reinterpret_cast<void*>(start_info->pt_base));
    expect_rc(set_gdt(bad, 16), -22, "a page table");
    u16 seen;
    asm volatile("movw $0x2b, %%ax; movw %%ax, %%es; movw %%es, %0; xorl %%eax, %%eax; movw %%ax, %%es"
                 : "=r"(seen)
                 :
                 : "eax");
    expect_eq(seen, 0x2b, "the old GDT is still in force");
}

void check_update()
{
    expect_rc(update(8, kData), 0, "data");
    expect_eq(table[8] | kAccessedBit, kData | kDpl3, "with DPL 3");
    expect_rc(update(9, kGetcpu), 0, "Linux's CPU number segment");
    u32 limit = 0;
    asm volatile("lsl %1, %0" : "=r"(limit) : "r"(9 * 8 + 3) : "cc");
    expect_eq(limit, 0, "its limit");
    expect_rc(update(10, kBased), 0, "a segment with a base");
    expect_rc(update(8, 0), 0, "clear");
    expect_eq(table[8], 0, "cleared");
    for (u64 descriptor : kSystem) {
        if (!tolerated(descriptor)) {
            bool ok = expect_rc(update(8, descriptor), -22, "a gate or system descriptor");
            ok &= expect_eq(table[8], 0, "nothing was stored");
            if (!ok) {
                print("  descriptor 0x%lx\n", descriptor);
            }
        }
    }
    long rc = update(8, 0x00ef9b000000ffff);
    expect(rc == 0 || rc == -22, "code with L and D, which the CPU itself refuses to load");
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(&table[8]) + 4, kData), -22, "a misaligned address");
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, 1ul << 51, kData), -22, "an address beyond the machine");
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, 0xa0000, kData), -22, "I/O memory");
    u64* l4 = reinterpret_cast<u64*>(start_info->pt_base);
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(&l4[5]), kData), -22, "a page table");
    u64* plain = alloc_table();
    expect_rc(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(&plain[5]), kData), 0, "ordinary memory");
    expect_eq(plain[5] | kAccessedBit, kData | kDpl3, "is written");
}

void check_bad_pages()
{
    for (u64 descriptor : kSystem) {
        u64* page = alloc_table();
        page[100] = descriptor;
        require(make_read_only(page), "read-only");
        u64 mfn[1] = {mfn_of(page)};
        if (tolerated(descriptor)) {
            continue;
        }
        bool ok = expect_rc(set_gdt(mfn, 16), -22, "a gate anywhere in the page, even behind the limit");
        ok &= expect(can_be_writable(page), "the refused page is ordinary");
        if (!ok) {
            print("  descriptor 0x%lx\n", descriptor);
        }
    }
}

void check_use()
{
    // Kernel and user contexts run with selectors of the guest's own GDT.
    UserSpace space;
    space.code_page()[0] = 0x0f;
    space.code_page()[1] = 0x0b;
    require(update(6, 0x00affb000000ffff), "user code");
    TrapFrame context = space.context();
    context.cs = 0x33;
    context.ss = 0x2b;
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kInvalidOpcode, "user code in the guest's segments");
    expect_eq(t.cs, 0x33, "the frame shows its cs");
    expect_eq(t.ss, 0x2b, "and its ss");
    context = space.context();
    expect_rc(set_gdt(frames, 0), 0, "no GDT at all");
    require(make_writable(table), "the frame is free again");
    expect_eq(run(context).vector, kInvalidOpcode, "the flat selectors need no GDT");
}

} // namespace

void test_main()
{
    install_traps();
    table = alloc_table();
    step("installation");
    check_installation();
    step("limits");
    check_limits();
    step("update_descriptor");
    check_update();
    step("pages with gates");
    check_bad_pages();
    step("use");
    check_use();
}
