// SPDX-License-Identifier: MIT
//
// A lock's note outlives its holder; a signal ends the wait for a lock.
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include "libparapet/interrupt.hpp"
#include <cstdlib>
#include <gtest/gtest.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

using namespace parapet;

TEST(FileLock, ItsNoteIsForTheNextHolder)
{
    char name[] = "/tmp/files_test.XXXXXX";
    ::close(::mkstemp(name));
    EXPECT_EQ(FileLock{name}.note(), "");
    const pid_t child = ::fork();
    if (child == 0) {
        FileLock lock{name};
        lock.set_note("a longer note");
        lock.set_note("1 2");
        ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    FileLock first{name};
    FileLock lock{std::move(first)};
    EXPECT_EQ(lock.note(), "1 2");
    lock.set_note("");
    EXPECT_EQ(lock.note(), "");
    ::unlink(name);
}

TEST(FileLock, ASignalEndsTheWaitForIt)
{
    const std::string name = ::testing::TempDir() + "lock-" + std::to_string(::getpid());
    const FileLock held{name};
    const pid_t child = ::fork();
    if (child == 0) {
        const SignalGuard guard;
        try {
            const FileLock wanted{name};
        } catch (const Error& e) {
            std::_Exit(std::string_view{e.what()}.find("interrupted") != std::string::npos ? 3 : 1);
        }
        std::_Exit(2);
    }
    int status = 0;
    for (int tries = 0; tries < 1000 && ::waitpid(child, &status, WNOHANG) == 0; ++tries) {
        if (tries > 100) ::kill(child, SIGTERM); // it has begun to wait, and if not, hears the next
        ::usleep(10'000);
    }
    ::kill(child, SIGKILL); // if it still waits
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 3);
    ::unlink(name.c_str());
}
