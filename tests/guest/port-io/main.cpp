// SPDX-License-Identifier: MIT
// Port I/O of dom0 (CONTRACT C.9): the kernel reaches devices by IOPL, users by a bitmap; ports that belong to the
// hypervisor show nothing; the interrupt controller's mask reads back what was written.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "movl %ebx, %edx; inb %dx, %al; ud2\n"
                ".org user_begin + 0x10; inb $0x71, %al; ud2\n"
                ".org user_begin + 0x20; movl %ebx, %edx; inl %dx, %eax; ud2");

namespace {

bool inb(u16 port, u8* value)
{
    GUARDED("inb %%dx, %%al", : "=a"(*value) : "d"(port) : "memory");
    return last_trap.vector == kNone;
}

bool outb(u16 port, u8 value)
{
    GUARDED("outb %%al, %%dx", ::"a"(value), "d"(port) : "memory");
    return last_trap.vector == kNone;
}

void check_iopl()
{
    u8 value = 0;
    expect(!inb(0x71, &value), "IOPL 0: a kernel's port access is #GP");
    expect_eq(last_trap.vector, kProtection, "vector 13");
    pv_physdev_set_iopl iopl = {.iopl = 1};
    require(physdev_op(PV_PHYSDEVOP_SET_IOPL, &iopl), "set_iopl");
    expect(outb(0x70, 0x0a), "IOPL 1: out");
    expect(inb(0x71, &value), "in");
    expect_eq(value & 0x7f, 0x26, "CMOS status A");
}

void check_widths()
{
    u32 address = 0x80000000, id = 0;
    GUARDED("outl %%eax, %%dx", ::"a"(address), "d"(0xcf8) : "memory");
    expect_eq(last_trap.vector, kNone, "outl");
    GUARDED("inl %%dx, %%eax", : "=a"(id) : "d"(0xcfc) : "memory");
    expect_eq(id, 0x29c08086, "inl: the host bridge of the q35 machine");
    u16 device = 0;
    GUARDED("inw %%dx, %%ax", : "=a"(device) : "d"(0xcfe) : "memory");
    expect_eq(device, 0x29c0, "inw of the upper half");
    u8 byte = 0;
    inb(0xcfd, &byte);
    expect_eq(byte, 0x80, "inb of the second byte");
    GUARDED("inl %%dx, %%eax", : "=a"(id) : "d"(0xcf8) : "memory");
    expect_eq(id, address, "the latch reads back");
    u8 buffer[4] = {};
    u64 count = 4;
    void* to = buffer;
    GUARDED("rep insb", : "+D"(to), "+c"(count) : "d"(0x71) : "memory");
    expect_eq(last_trap.vector, kNone, "rep insb");
    expect_eq(count, 0, "ran to its end");
    const void* from = buffer;
    count = 2;
    GUARDED("rep outsb", : "+S"(from), "+c"(count) : "d"(0x80) : "memory");
    expect_eq(last_trap.vector, kNone, "rep outsb");
    expect_eq(count, 0, "ran to its end");
}

void check_hidden()
{
    u8 value = 0;
    expect(outb(0x21, 0xfb), "the interrupt controller's mask");
    expect(inb(0x21, &value), "can be read");
    print("port-io: PIC mask reads 0x%lx\n", static_cast<u64>(value));
    for (u16 port = 0x3f8; port < 0x400; ++port) {
        inb(port, &value);
        expect_eq(value, 0xff, "the hypervisor's serial port is hidden");
    }
    expect(outb(0x3f8, 'X'), "writes to it go nowhere");
    expect(inb(0x40, &value) && inb(0x61, &value), "timer ports do not fault");
}

void check_user(UserSpace& space)
{
    TrapFrame context = space.context();
    context.rbx = 0x71;
    expect_eq(run(context).vector, kProtection, "a user's port access is #GP");
    static u8 bitmap[8192];
    __builtin_memset(bitmap, 0xff, sizeof bitmap);
    bitmap[0x71 / 8] &= static_cast<u8>(~(1 << (0x71 % 8)));
    pv_physdev_set_iobitmap request = {};
    request.bitmap = addr(bitmap);
    request.nr_ports = 65536;
    expect_rc(physdev_op(PV_PHYSDEVOP_SET_IOBITMAP, &request), 0, "set_iobitmap");
    expect_eq(run(context).vector, kInvalidOpcode, "an allowed port works");
    expect_eq(last_trap.rax & 0x7f, 0x26, "and reads the device");
    context.rip = kUserCode + 0x10;
    expect_eq(run(context).vector, kInvalidOpcode, "with an immediate port too");
    context.rip = kUserCode;
    context.rbx = 0x70;
    expect_eq(run(context).vector, kProtection, "its neighbour does not");
    context.rip = kUserCode + 0x20;
    context.rbx = 0x71;
    expect_eq(run(context).vector, kProtection, "nor a wider access that covers others");
    request.nr_ports = 0;
    request.bitmap = 0;
    expect_rc(physdev_op(PV_PHYSDEVOP_SET_IOBITMAP, &request), 0, "revoke");
    context.rip = kUserCode;
    expect_eq(run(context).vector, kProtection, "no port any more");
    request.nr_ports = 65537;
    expect_rc(physdev_op(PV_PHYSDEVOP_SET_IOBITMAP, &request), -22, "too many ports");
    expect_rc(hypercall(PV_HYPERCALL_PHYSDEV_OP, PV_PHYSDEVOP_SET_IOBITMAP, 0x1000), -14, "a bad pointer");
}

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("IOPL");
    check_iopl();
    step("widths");
    check_widths();
    step("hidden ports");
    check_hidden();
    step("user mode");
    check_user(*space);
}
