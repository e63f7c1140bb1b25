// SPDX-License-Identifier: MIT
//
// The console ring against an honest guest and a hostile one.
#include "libparapet/console_ring.hpp"
#include <gtest/gtest.h>
#include <memory>

using parapet::ConsoleRing;

namespace {

/// A guest that writes through its own indexes, as the kernel does.
struct Guest {
    std::unique_ptr<pv_xencons_interface> page = std::make_unique<pv_xencons_interface>();

    void write(const std::string& text) const
    {
        for (const char c : text)
            page->out[page->out_prod++ % sizeof page->out] = c;
    }
    [[nodiscard]] std::string read() const
    {
        std::string text;
        while (page->in_cons != page->in_prod)
            text += page->in[page->in_cons++ % sizeof page->in];
        return text;
    }
};

} // namespace

TEST(ConsoleRing, CarriesTextBothWaysAcrossTheEnd)
{
    Guest guest;
    guest.page->out_cons = guest.page->out_prod = 0xfffffff0;
    guest.page->in_cons = guest.page->in_prod = 0xfffffffe;
    ConsoleRing ring{*guest.page};
    for (int i = 0; i < 300; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        guest.write(line);
        EXPECT_EQ(ring.take_output(), line);
        EXPECT_EQ(ring.put_input({line.data(), line.size()}), line.size());
        EXPECT_EQ(guest.read(), line);
    }
    EXPECT_EQ(ring.take_output(), "");
    EXPECT_EQ(guest.page->out_cons, guest.page->out_prod);
}

TEST(ConsoleRing, TakesAFullRing)
{
    Guest guest;
    ConsoleRing ring{*guest.page};
    guest.write(std::string(2048, 'x'));
    EXPECT_EQ(ring.take_output(), std::string(2048, 'x'));
    EXPECT_EQ(ring.nonsense(), 0U);
}

TEST(ConsoleRing, InputStopsWhenTheRingIsFull)
{
    Guest guest;
    ConsoleRing ring{*guest.page};
    const std::string text(1500, 'y');
    EXPECT_EQ(ring.put_input({text.data(), text.size()}), 1024U);
    EXPECT_EQ(ring.input_room(), 0U);
    EXPECT_EQ(guest.read().size(), 1024U);
    EXPECT_EQ(ring.input_room(), 1024U);
}

TEST(ConsoleRing, HostileProducerIsIgnoredOnceAndServedAgain)
{
    Guest guest;
    ConsoleRing ring{*guest.page};
    guest.page->out_prod = 0x80000000;
    EXPECT_EQ(ring.take_output(), "");
    EXPECT_EQ(ring.nonsense(), 1U);
    guest.write("ok");
    EXPECT_EQ(ring.take_output(), "ok");
}

TEST(ConsoleRing, OurIndexesAreOurs)
{
    Guest guest;
    ConsoleRing ring{*guest.page};
    guest.write("abc");
    guest.page->out_cons = 0x1234567;
    guest.page->in_prod = 0x7654321;
    EXPECT_EQ(ring.take_output(), "abc");
    EXPECT_EQ(guest.page->out_cons, 3U);
    EXPECT_EQ(ring.put_input({"de", 2}), 2U);
    EXPECT_EQ(guest.page->in_prod, 2U);
}

TEST(ConsoleRing, HostileConsumerGetsNoRoom)
{
    Guest guest;
    ConsoleRing ring{*guest.page};
    guest.page->in_cons = 5;
    EXPECT_EQ(ring.input_room(), 0U);
    EXPECT_EQ(ring.put_input({"x", 1}), 0U);
}
