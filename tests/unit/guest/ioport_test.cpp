// SPDX-License-Identifier: MIT
//
// Port I/O: who may, what reaches the hardware, what the latches hold.
#include "guest/triage.hpp"
#include "tests/unit/guest/machine.hpp"

namespace hv::guest::test {

using arch::IoWidth;

class Ports : public Machine {
protected:
    Ports()
    {
        policy.hardware_domain = true;
        v->iopl = 1;
    }
    template <std::size_t N> bool run(const std::uint8_t (&bytes)[N])
    {
        const std::uint64_t rip = regs().rip;
        code(bytes);
        regs().entry_vector = 13;
        regs().error_code = 0;
        EXPECT_EQ(handle_trap(*v, regs(), 0), Outcome::resume);
        return regs().rip == rip + N;
    }
    std::uint8_t inb(std::uint16_t port)
    {
        regs().rdx = port;
        EXPECT_TRUE(run({0xec}));
        return static_cast<std::uint8_t>(regs().rax);
    }
    std::uint32_t inl(std::uint16_t port)
    {
        regs().rdx = port;
        EXPECT_TRUE(run({0xed}));
        return static_cast<std::uint32_t>(regs().rax);
    }
    void outb(std::uint16_t port, std::uint8_t value)
    {
        regs().rdx = port;
        regs().rax = value;
        EXPECT_TRUE(run({0xee}));
    }
    void outl(std::uint16_t port, std::uint32_t value)
    {
        regs().rdx = port;
        regs().rax = value;
        EXPECT_TRUE(run({0xef}));
    }
    static std::size_t touched() { return arch::host::state().ports.size(); }
};

TEST_F(Ports, HardwareIsReachedWithItsWidth)
{
    arch::host::state().planted_ports[0x60] = 0xabcd1234;
    regs().rax = 0xffff'ffff'ffff'ffff;
    regs().rdx = 0x60;
    EXPECT_TRUE(run({0x66, 0xed}));
    EXPECT_EQ(regs().rax, 0xffff'ffff'ffff'1234u);
    EXPECT_TRUE(run({0xed}));
    EXPECT_EQ(regs().rax, 0xabcd1234u);
    regs().rax = 0x11223344;
    EXPECT_TRUE(run({0xe7, 0x80}));
    const auto last = arch::host::state().ports.back();
    EXPECT_EQ(last.port, 0x80);
    EXPECT_EQ(last.width, IoWidth::dword);
    EXPECT_TRUE(last.write);
    EXPECT_EQ(last.value, 0x11223344u);
}

TEST_F(Ports, PicIsALatch)
{
    outb(0x21, 0xfb);
    outb(0xa1, 0x5a);
    outb(0x20, 0x11);
    EXPECT_EQ(inb(0x21), 0xfb);
    EXPECT_EQ(inb(0xa1), 0x5a);
    EXPECT_EQ(touched(), 0u);
}

TEST_F(Ports, HypervisorsDevicesAreNotThere)
{
    outb(0x3f8, 'x');
    outb(0x40, 1);
    EXPECT_EQ(inb(0x3fd), 0xff);
    EXPECT_EQ(inb(0x40), 0xff);
    EXPECT_EQ(touched(), 0u);
}

TEST_F(Ports, PitChannel2Only)
{
    outb(0x43, 0x34); // channel 0
    outb(0x43, 0x74); // channel 1
    outb(0x43, 0xc2); // read back channel 0
    EXPECT_EQ(touched(), 0u);
    outb(0x43, 0xb0);
    outb(0x43, 0xce); // read back all three
    outb(0x42, 0x11);
    outb(0x61, 0x01);
    ASSERT_EQ(touched(), 4u);
    EXPECT_EQ(arch::host::state().ports[0].value, 0xb0u);
    EXPECT_EQ(arch::host::state().ports[1].value, 0xc8u);
}

TEST_F(Ports, CmosIndexIsTheDomainsOwn)
{
    outb(0x70, 0x8a); // with the NMI bit
    EXPECT_EQ(touched(), 0u);
    arch::host::state().planted_ports[0x71] = 0x26;
    EXPECT_EQ(inb(0x71), 0x26);
    ASSERT_EQ(touched(), 2u);
    EXPECT_EQ(arch::host::state().ports[0].port, 0x70);
    EXPECT_EQ(arch::host::state().ports[0].value, 0x0au);
}

TEST_F(Ports, PciConfigurationThroughTheLatch)
{
    arch::pci_write(0x1f << 3, 0x40, IoWidth::dword, 0x11223344);
    EXPECT_EQ(inl(0xcfc), ~0U); // nothing selected
    outl(0xcf8, 0x8000'0000 | 0x1f << 11 | 0x40);
    EXPECT_EQ(inl(0xcf8), 0x8000'0000u | 0x1f << 11 | 0x40);
    EXPECT_EQ(inl(0xcfc), 0x11223344u);
    EXPECT_EQ(inb(0xcfe), 0x22);
    outb(0xcfd, 0xaa);
    EXPECT_EQ(arch::pci_read(0x1f << 3, 0x40, IoWidth::dword), 0x1122aa44u);
    regs().rdx = 0xcfe;
    EXPECT_TRUE(run({0xed})); // crosses the end of the register
    EXPECT_EQ(regs().rax, 0xffffffffu);
    EXPECT_EQ(touched(), 0u);
    outb(0xcf9, 6); // the reset register is not the PCI address
    EXPECT_EQ(touched(), 1u);
}

TEST_F(Ports, WideAccessesAreSplitAroundWhatIsKept)
{
    arch::host::state().planted_ports[0x22] = 0x77;
    outb(0x21, 0xfb);
    regs().rdx = 0x20;
    EXPECT_TRUE(run({0xed}));
    EXPECT_EQ(static_cast<std::uint32_t>(regs().rax) & 0xffffff, 0x77fb00u);
}

TEST_F(Ports, OtherDomainsFindNothing)
{
    policy.hardware_domain = false;
    arch::host::state().planted_ports[0x60] = 0;
    EXPECT_EQ(inb(0x60), 0xff);
    EXPECT_EQ(inl(0xcf8), ~0U);
    EXPECT_EQ(inb(0x21), 0xff);
    outb(0x21, 0);
    EXPECT_EQ(inb(0x21), 0xff);
    EXPECT_EQ(touched(), 0u);
}

TEST_F(Ports, PermissionComesFromIoplOrBitmap)
{
    v->iopl = 0;
    regs().rdx = 0x60;
    auto saved = regs();
    EXPECT_FALSE(run({0xec}));
    regs() = saved;
    v->port_bitmap = GuestVa{stack_va};
    v->port_bitmap_ports = 0x61;
    const std::uint8_t closed[] = {0xff, 0xff};
    put(stack_va + 0x60 / 8, closed);
    EXPECT_FALSE(run({0xec}));
    regs() = saved;
    const std::uint8_t open[] = {0xfe, 0xff};
    put(stack_va + 0x60 / 8, open);
    EXPECT_TRUE(run({0xec}));
    saved = regs();
    EXPECT_FALSE(run({0xed})); // the other three bytes are closed, and beyond the bitmap
    regs() = saved;
    go_user();
    regs().rdx = 0x60;
    EXPECT_TRUE(run({0xec})); // the bitmap is read through the kernel's tables
    EXPECT_FALSE(v->kernel_mode());
    EXPECT_EQ(arch::host::thread_state().root, Maddr{v->hot.user_root});
    v->port_bitmap_ports = 0;
    v->iopl = 1;
    EXPECT_FALSE(run({0xec})); // IOPL 1 is the kernel's
}

TEST_F(Ports, UserWithIopl3)
{
    v->iopl = 3;
    go_user();
    EXPECT_EQ(inb(0x60), 0xff);
    EXPECT_EQ(touched(), 1u);
}

TEST_F(Ports, StringsMoveMemory)
{
    arch::host::state().planted_ports[0x1f0] = 0xbeef;
    regs().rdx = 0x1f0;
    regs().rdi = stack_va + 0x10;
    regs().rcx = 3;
    EXPECT_TRUE(run({0xf3, 0x66, 0x6d}));
    EXPECT_EQ(regs().rcx, 0u);
    EXPECT_EQ(regs().rdi, stack_va + 0x16);
    EXPECT_EQ(In<std::uint64_t>{GuestVa{stack_va + 0x10}}.read().take(), 0xbeefbeefbeefu);
    regs().rsi = stack_va + 0x14;
    regs().rcx = 2;
    regs().rflags |= 0x400;
    EXPECT_TRUE(run({0xf3, 0x66, 0x6f}));
    EXPECT_EQ(regs().rsi, stack_va + 0x10);
    EXPECT_EQ(arch::host::state().ports.back().value, 0xbeefu);
}

TEST_F(Ports, LongStringsAreResumed)
{
    regs().rdx = 0x1f0;
    regs().rdi = stack_va;
    regs().rcx = 1000;
    const std::uint64_t rip = regs().rip;
    EXPECT_FALSE(run({0xf3, 0x6c}));
    EXPECT_EQ(regs().rip, rip); // the same instruction again
    EXPECT_EQ(regs().rcx, 1000u - 256);
    EXPECT_EQ(regs().rdi, stack_va + 256);
}

TEST_F(Ports, AFaultingStringLosesNoData)
{
    regs().rdx = 0x1f0;
    regs().rdi = stack_top - 1;
    regs().rcx = 4;
    EXPECT_FALSE(run({0xf3, 0x6c}));
    EXPECT_EQ(regs().rip, handler_va + 14);
    EXPECT_EQ(info.arch.cr2, stack_top);
    EXPECT_EQ(frame<8>()[2], 2u);
    EXPECT_EQ(touched(), 1u); // one element, whose place there was
}

TEST_F(Ports, ZeroCountTouchesNothing)
{
    regs().rdx = 0x1f0;
    regs().rcx = 0;
    EXPECT_TRUE(run({0xf3, 0x6c}));
    EXPECT_EQ(touched(), 0u);
}

} // namespace hv::guest::test
