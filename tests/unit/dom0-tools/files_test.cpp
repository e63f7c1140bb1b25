// SPDX-License-Identifier: MIT
//
// A lock's note outlives its holder.
#include "libparapet/files.hpp"
#include <cstdlib>
#include <gtest/gtest.h>
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
