// SPDX-License-Identifier: MIT
//
// Which CPU the watchdog accuses, by what it logs: one whose neighbour goes on while it does not.
#include "arch/host/machine.hpp"
#include "base/log.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "cpu/watchdog.hpp"
#include <gtest/gtest.h>
#include <string>

using namespace hv;

namespace {

constexpr Nanoseconds second = 1'000'000'000;

class Watchdog : public testing::Test {
protected:
    Watchdog()
    {
        arch::host::set_online(2);
        cpu::start_clock();
        log::clear_ring();
        cpu::start_watchdog(5);
    }
    static std::uint64_t restart()
    {
        arch::host::reset(64);
        return arch::host::state().now;
    }
    ~Watchdog() override { arch::host::become_cpu(0); }
    /// What is due on @p cpu @p seconds after the start.
    void run(std::uint32_t cpu, unsigned seconds)
    {
        arch::host::state().now = start_ + seconds * second;
        arch::host::become_cpu(cpu);
        cpu::this_cpu().timers.run(cpu::now());
    }
    static bool said(const char* text)
    {
        std::string all(log::ring_bytes, '\0');
        all.resize(log::read_ring(0, all).copied);
        return all.find(text) != std::string::npos;
    }

private:
    const std::uint64_t start_ = restart();
};

TEST_F(Watchdog, ReportsACpuThatDoesNotBeatForFiveSecondsAndItsReturn)
{
    for (unsigned t = 1; t <= 4; ++t)
        run(0, t);
    EXPECT_FALSE(said("is stuck"));
    run(0, 5);
    EXPECT_TRUE(said("watchdog: CPU 1 is stuck in the hypervisor for 5 s"));
    run(1, 6);
    EXPECT_TRUE(said("CPU 1 is back"));
}

TEST_F(Watchdog, AMachineThatStoodStillHasNoCulprit)
{
    run(0, 1);
    run(1, 1);
    run(0, 9);
    run(1, 9);
    run(0, 10);
    run(1, 10);
    EXPECT_FALSE(said("is stuck"));
}

TEST_F(Watchdog, OneThatStaysAwayAfterThatIsReported)
{
    run(0, 1);
    run(1, 1);
    run(0, 9);
    run(0, 10);
    EXPECT_TRUE(said("CPU 1 is stuck in the hypervisor for 9 s"));
}

} // namespace
