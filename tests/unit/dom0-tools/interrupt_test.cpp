// SPDX-License-Identifier: MIT
//
// A signal during a build becomes an exception at the next question, and only then.
#include "libparapet/error.hpp"
#include "libparapet/interrupt.hpp"
#include "libparapet/steps.hpp"
#include <gtest/gtest.h>
#include <unistd.h>

using namespace parapet;

TEST(Interrupt, IsHeardBetweenSteps)
{
    const auto interrupted = [] {
        const SignalGuard outer;
        Steps steps{[](const Step&) {}};
        steps.done("first");
        {
            const SignalGuard inner;
            ::raise(SIGTERM);
        }
        steps.done("second");
    };
    EXPECT_THROW(interrupted(), Error);
    EXPECT_NO_THROW(check_interrupt());
    const SignalGuard again;
    EXPECT_NO_THROW(check_interrupt());
}

TEST(Interrupt, ComesLateRatherThanNever)
{
    EXPECT_EXIT(
        {
            { // nobody asks
                const SignalGuard guard;
                ::raise(SIGINT);
            }
            std::_Exit(0);
        },
        testing::KilledBySignal(SIGINT), "");
}

TEST(Interrupt, LeavesIgnoredSignalsAndChildrenAlone)
{
    EXPECT_EXIT(
        {
            ::signal(SIGHUP, SIG_IGN);
            const SignalGuard guard;
            ::raise(SIGHUP);
            check_interrupt();
            SignalGuard::forget();
            ::raise(SIGTERM);
            std::_Exit(0);
        },
        testing::KilledBySignal(SIGTERM), "");
}

TEST(Interrupt, AClosedPipeIsAnError)
{
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ::close(ends[0]);
    const SignalGuard guard;
    EXPECT_EQ(::write(ends[1], "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
    ::close(ends[1]);
}
