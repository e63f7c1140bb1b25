// SPDX-License-Identifier: MIT
//
// The shared console: who gets what is typed, the ring that sysctl reads, and the hypervisor's keys.
#include "base/log.hpp"
#include "base/options.hpp"
#include "domain/console.hpp"
#include "domain/control.hpp"
#include "domain/upcalls.hpp"
#include "tests/unit/domain/world.hpp"
#include <string>

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

class Console : public World {
protected:
    void SetUp() override
    {
        World::SetUp();
        log::clear_ring();
    }
    static std::string read()
    {
        std::array<char, 2048> buffer;
        return {buffer.data(), console_read(buffer)};
    }
    static void type(const std::string& text)
    {
        arch::host::state().typed += text;
        console_typed();
    }
    static std::string ring()
    {
        std::string all(log::ring_bytes, '\0');
        const log::RingRead r = log::read_ring(0, all);
        all.resize(r.copied);
        return all;
    }
    static bool says(const char* what) { return ring().find(what) != std::string::npos; }
};

TEST_F(Console, InputIsTheHardwareDomains)
{
    type("hello");
    EXPECT_EQ(read(), "hello");
    EXPECT_EQ(read(), "");
}

TEST_F(Console, ThreeTimesCtrlASwitches)
{
    type("a\1\1b");
    EXPECT_EQ(read(), std::string("a\1\1b")) << "two are the guest's";
    type("\1\1\1q");
    EXPECT_EQ(read(), "\1\1") << "the third is not";
    EXPECT_TRUE(says("domain 0: alive"));
    EXPECT_TRUE(says("d0v0: running"));
    type("\1\1\1x");
    EXPECT_EQ(read(), "x");
}

TEST_F(Console, InputNobodyReadsIsDropped)
{
    type(std::string(5000, 'z'));
    EXPECT_EQ(read().size(), 1024u);
}

TEST_F(Console, KeysExplainThemselves)
{
    console_key('h');
    EXPECT_TRUE(says("key 'q'"));
    EXPECT_TRUE(says("key 'R'"));
    console_key('~');
    EXPECT_TRUE(says("key '~' means nothing"));
    EXPECT_THROW(console_key('R'), arch::host::Stopped);
}

TEST_F(Console, TheAuditorIsAKey)
{
    console_key('A');
    EXPECT_TRUE(says("audit: clean"));
}

TEST_F(Console, ADomainsDeathIsAudited)
{
    const Guest g = start_guest();
    EXPECT_FALSE(says("audit: "));
    end(DomainRef{g.domain});
    EXPECT_TRUE(says("audit: clean"));
}

TEST_F(Console, DumpsSurviveDyingDomains)
{
    const Guest g = start_guest();
    const DomainRef keep = find_domain(g.domain->id());
    while (g.domain->destroy().error() == Error::restart) {
    }
    console_key('q');
    EXPECT_TRUE(says("dead"));
}

TEST_F(Console, OtherDomainsAreHeardOnlyWhenAskedFor)
{
    const Guest g = start_guest();
    const log::Level before = options.guest_log_level;
    options.guest_log_level = log::Level::error;
    console_write(*g.domain, std::string("secret\n"));
    EXPECT_FALSE(says("secret"));
    options.guest_log_level = log::Level::debug;
    console_write(*g.domain, std::string("one\ntwo \x1b[31mred\n"));
    EXPECT_TRUE(says(": one\n"));
    EXPECT_TRUE(says(": two [31mred\n")) << "control characters are gone";
    options.guest_log_level = before;
}

TEST_F(Console, TheRingIsReadInParts)
{
    console_write(*dom0().domain, std::string("dom0's own"));
    EXPECT_EQ(ring(), "") << "it would push the log out";
    log::info("{}", "12345");
    pv_sysctl op{};
    op.cmd = PV_SYSCTL_READCONSOLE;
    op.u.readconsole = {0, 0, 0, 0, 0, data_va, 10, 0};
    ok(control_system(op));
    EXPECT_EQ(op.u.readconsole.count, 10u);
    EXPECT_EQ(std::string(&dom0().at<char>(0), 10), "(parapet) ");
    op.u.readconsole.incremental = 1;
    ok(control_system(op));
    EXPECT_EQ(op.u.readconsole.count, 6u);
    EXPECT_EQ(std::string(&dom0().at<char>(0), 6), "12345\n");
    ok(control_system(op));
    EXPECT_EQ(op.u.readconsole.count, 0u);
    op.u.readconsole = {1, 0, 0, 0, 0, data_va, 10, 0};
    ok(control_system(op));
    EXPECT_EQ(ring(), "(parapet) 12345\n") << "what was not read is not cleared";
    op.u.readconsole = {1, 0, 0, 0, 0, data_va, 100, 0};
    ok(control_system(op));
    EXPECT_EQ(op.u.readconsole.count, 16u);
    EXPECT_EQ(ring(), "") << "cleared";
    op.u.readconsole = {0, 0, 0, 0, 0, 1ULL << 40, 100, 0};
    log::info("x");
    EXPECT_EQ(control_system(op).error(), Error::efault);
}

TEST_F(Console, DebugKeysReachTheHypervisor)
{
    dom0().at<char>(0) = 'h';
    pv_sysctl op{};
    op.cmd = PV_SYSCTL_DEBUG_KEYS;
    op.u.debug_keys = {data_va, 1, 0};
    ok(control_system(op));
    EXPECT_TRUE(says("key 'h'"));
    op.u.debug_keys.nr_keys = 1000;
    EXPECT_EQ(control_system(op).error(), Error::e2big);
}

} // namespace
