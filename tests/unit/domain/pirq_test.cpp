// SPDX-License-Identifier: MIT
//
// Physical interrupts: lines and messages from the device to the hardware domain's event port, end-of-interrupt, and
// what the hypervisor writes into a device.
#include "domain/pirq.hpp"
#include "domain/upcalls.hpp"
#include "tests/unit/domain/world.hpp"

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

constexpr std::uint32_t sbdf = 0x18;

class Pirqs : public World {
protected:
    Domain& d0() { return *dom0().domain; }
    bool pending(EventPort p)
    {
        auto& word = d0().shared_info().evtchn_pending[p.raw() / 64];
        const bool was = (word >> p.raw() % 64 & 1) != 0;
        word &= ~(1ULL << p.raw() % 64);
        return was;
    }
    static void config(unsigned offset, std::uint32_t value)
    {
        arch::pci_write(sbdf, offset, arch::IoWidth::dword, value);
    }
    static std::uint32_t config(unsigned offset) { return arch::pci_read(sbdf, offset, arch::IoWidth::dword); }
    /// A device with a 64-bit maskable MSI capability at 0x50 and MSI-X with 4 vectors in BAR 1 + 0x2000 at 0x70.
    static void plug_in()
    {
        config(0, 0x10018086);
        config(4, 1U << 20);
        config(0x34, 0x50);
        config(0x50, 0x0180'7005 | 2U << 20); // two messages enabled: only one will be
        config(0x60, 1);
        config(0x70, 0x0003'0011);
        config(0x74, 0x2000 | 1);
        config(0x10, 0xfeb80000);
        config(0x14, 0xfeb90000);
    }
    static void unplug() { config(0, ~0U); }
};

TEST_F(Pirqs, ALevelLineStaysBlockedUntilItsEnd)
{
    ok(setup_gsi(11, arch::Trigger::level, arch::Polarity::low));
    EXPECT_EQ(setup_gsi(11, arch::Trigger::level, arch::Polarity::low).error(), Error::eexist);
    const Pirq p = ok(map_gsi(d0(), 11));
    EXPECT_EQ(p.raw(), 11u);
    EXPECT_TRUE(arch::host::state().gsis[11].masked);
    const EventPort port = ok(d0().events.bind_pirq(p));
    EXPECT_FALSE(arch::host::state().gsis[11].masked);
    EXPECT_EQ(ok(pirq_status(p)), unsigned{PV_XENIRQSTAT_NEEDS_EOI});
    arch::host::raise_gsi(11);
    EXPECT_TRUE(pending(port));
    EXPECT_TRUE(arch::host::state().gsis[11].awaiting_end);
    ok(pirq_eoi(p));
    EXPECT_FALSE(arch::host::state().gsis[11].awaiting_end);
    EXPECT_EQ(unmap_pirq(d0(), p).error(), Error::ebusy);
    arch::host::raise_gsi(11);
    ok(d0().events.close(port));
    EXPECT_TRUE(arch::host::state().gsis[11].masked);
    EXPECT_FALSE(arch::host::state().gsis[11].awaiting_end) << "closing ends the service";
    ok(unmap_msi(d0(), p));
}

TEST_F(Pirqs, AnEdgeLineNeedsNoEnd)
{
    ok(setup_gsi(1, arch::Trigger::edge, arch::Polarity::high));
    const Pirq p = ok(map_gsi(d0(), 1));
    const EventPort port = ok(d0().events.bind_pirq(p));
    EXPECT_EQ(d0().events.bind_pirq(p).error(), Error::eexist);
    EXPECT_EQ(ok(pirq_status(p)), 0u);
    for (int i = 0; i < 3; ++i) {
        arch::host::raise_gsi(1);
        EXPECT_TRUE(pending(port));
    }
    ok(d0().events.close(port));
    ok(unmap_pirq(d0(), p));
}

TEST_F(Pirqs, LinesTheHypervisorKeepsOrNobodyHas)
{
    const Pirq console = ok(map_gsi(d0(), 4));
    EXPECT_EQ(d0().events.bind_pirq(console).error(), Error::ebusy);
    arch::host::state().gsis[4].masked = false; // as the hypervisor has it
    ok(unmap_pirq(d0(), console));
    EXPECT_FALSE(arch::host::state().gsis[4].masked);
    EXPECT_TRUE(setup_gsi(4, arch::Trigger::edge, arch::Polarity::high).ok()); // set up already, by us
    EXPECT_EQ(map_gsi(d0(), 24).error(), Error::einval);
    EXPECT_EQ(unmap_pirq(d0(), Pirq{3}).error(), Error::einval);
    EXPECT_EQ(unmap_msi(d0(), Pirq{~0U}).error(), Error::einval);
    EXPECT_EQ(pirq_eoi(Pirq{3}).error(), Error::einval);
    EXPECT_EQ(pirq_status(Pirq{max_pirqs}).error(), Error::einval);
    const Guest g = start_guest();
    const Pirq p = ok(map_gsi(d0(), 5));
    EXPECT_EQ(map_gsi(*g.domain, 5).error(), Error::ebusy);
    EXPECT_EQ(unmap_pirq(*g.domain, p).error(), Error::einval);
    EXPECT_EQ(g.events().bind_pirq(p).error(), Error::einval);
    ok(unmap_pirq(d0(), p));
}

TEST_F(Pirqs, PlainMsi)
{
    plug_in();
    const Pirq p = ok(map_msi(d0(), {sbdf, 0, 0}));
    EXPECT_GE(p.raw(), arch::gsi_count());
    EXPECT_EQ(config(0x54), 0xfee00000u);
    EXPECT_EQ(config(0x58), 0u);
    EXPECT_EQ(config(0x5c) & 0xffff, p.raw()) << "the fake machine's data is the cookie";
    EXPECT_EQ(config(0x60) & 1, 0u) << "unmasked";
    EXPECT_EQ(config(0x50) >> 20 & 7, 0u) << "one message";
    EXPECT_EQ(config(0x50) >> 16 & 1, 0u) << "enabling it is the domain's";
    EXPECT_EQ(map_msi(d0(), {sbdf, 0, 0}).error(), Error::ebusy);
    const EventPort port = ok(d0().events.bind_pirq(p));
    arch::host::raise_msi(p.raw());
    EXPECT_TRUE(pending(port));
    ok(d0().events.close(port));
    ok(unmap_msi(d0(), p));
    EXPECT_FALSE(arch::host::state().msis[p.raw()]);
    EXPECT_EQ(config(0x60) & 1, 1u) << "masked";
    unplug();
}

TEST_F(Pirqs, MsiXEntriesAreProgrammedOneByOne)
{
    plug_in();
    const Pirq a = ok(map_msi(d0(), {sbdf, 0, 0xfeb90000})), b = ok(map_msi(d0(), {sbdf, 3, 0xfeb90000}));
    EXPECT_NE(a.raw(), b.raw());
    EXPECT_EQ(map_msi(d0(), {sbdf, 3, 0xfeb90000}).error(), Error::ebusy);
    EXPECT_EQ(map_msi(d0(), {sbdf, 4, 0xfeb90000}).error(), Error::einval) << "beyond the table";
    EXPECT_EQ(map_msi(d0(), {sbdf, 1, 0xfeb80000}).error(), Error::einval) << "not where the device says";
    ok(unmap_msi(d0(), a));
    ok(unmap_msi(d0(), b));
    ok(unmap_msi(d0(), ok(map_msi(d0(), {sbdf, 3, 0xfeb90000}))));
    unplug();
}

TEST_F(Pirqs, DevicesWithoutMessages)
{
    EXPECT_EQ(map_msi(d0(), {0x1234, 0, 0}).error(), Error::enodev) << "not there";
    plug_in();
    config(0x34, 0);
    EXPECT_EQ(map_msi(d0(), {sbdf, 0, 0}).error(), Error::enodev);
    config(0x34, 0x50);
    config(0x50, 0x0000'5009); // a list that runs in a circle
    EXPECT_EQ(map_msi(d0(), {sbdf, 0, 0}).error(), Error::enodev);
    unplug();
}

TEST_F(Pirqs, TheTableInMemoryIsRefused)
{
    plug_in();
    config(0x14, 0x200000); // RAM
    EXPECT_EQ(map_msi(d0(), {sbdf, 0, 0x200000}).error(), Error::einval);
    config(0x14, 0xfebfe000);
    config(0x74, 0x202000 | 1); // reaches the local APIC's page
    EXPECT_EQ(map_msi(d0(), {sbdf, 0, 0xfebfe000}).error(), Error::einval);
    unplug();
}

} // namespace
