// SPDX-License-Identifier: MIT
//
// A log never has more than two parts of the size it may have, whoever writes to it or moves it away.
#include "libparapet/error.hpp"
#include "libparapet/log_file.hpp"
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/file.h>

using namespace parapet;
namespace fs = std::filesystem;

namespace {

class LogFiles : public testing::Test {
protected:
    LogFiles()
    {
        char name[] = "/tmp/log_file_test.XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~LogFiles() override { fs::remove_all(directory_); }

    [[nodiscard]] std::string path() const { return directory_ / "log"; }
    [[nodiscard]] std::string older() const { return path() + ".1"; }
    [[nodiscard]] auto files() const
    {
        return std::distance(fs::directory_iterator{directory_}, fs::directory_iterator{});
    }

    fs::path directory_;
};

} // namespace

TEST_F(LogFiles, GrowsToItsSizeAndStartsAnew)
{
    LogFile log{path(), 10};
    log.append("12345");
    log.append("67890");
    EXPECT_EQ(read_text(path()), "1234567890");
    EXPECT_FALSE(fs::exists(older()));
    log.append("a");
    EXPECT_EQ(read_text(path()), "a");
    EXPECT_EQ(read_text(older()), "1234567890");
    log.append("bcdefghijk");
    EXPECT_EQ(read_text(path()), "bcdefghijk");
    EXPECT_EQ(read_text(older()), "a");
    EXPECT_EQ(files(), 2);
    EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(LogFiles, CountsWhatWasThereBefore)
{
    LogFile{path(), 10}.append("12345678");
    LogFile log{path(), 10};
    log.append("90a");
    EXPECT_EQ(read_text(path()), "90a");
    EXPECT_EQ(read_text(older()), "12345678");
}

TEST_F(LogFiles, ATextThatIsTooLongStandsAlone)
{
    LogFile log{path(), 4};
    log.append("too long");
    EXPECT_EQ(read_text(path()), "too long");
    EXPECT_FALSE(fs::exists(older()));
    log.append("x");
    EXPECT_EQ(read_text(path()), "x");
}

TEST_F(LogFiles, SeveralWritersShareOne)
{
    LogFile one{path(), 10}, two{path(), 10};
    one.append("12345678");
    two.append("abcdefgh"); // renames it
    one.append("9");        // and one follows
    EXPECT_EQ(read_text(path()), "abcdefgh9");
    EXPECT_EQ(read_text(older()), "12345678");
    EXPECT_EQ(files(), 2);
}

TEST_F(LogFiles, OneMakesRoomAtATime)
{
    LogFile log{path(), 4};
    log.append("1234");
    const Descriptor other = Descriptor::open(path(), O_RDONLY);
    ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
    log.append("5");
    EXPECT_EQ(read_text(path()), "12345");
    ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
    log.append("6");
    EXPECT_EQ(read_text(path()), "6");
    EXPECT_EQ(read_text(older()), "12345");
}

TEST_F(LogFiles, IsFoundMissingAndMadeAgain)
{
    LogFile log{path(), 10};
    log.append("1");
    fs::rename(path(), directory_ / "elsewhere");
    log.append("2");
    EXPECT_EQ(read_text(path()), "2");
    EXPECT_EQ(read_text(directory_ / "elsewhere"), "1");
}

TEST_F(LogFiles, LosesTextRatherThanItsOwner)
{
    LogFile log{path(), 4};
    log.append("1234");
    fs::create_directories(older() + "/in the way");
    testing::internal::CaptureStderr();
    log.append("5");
    log.append("6");
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find(path() + ": cannot rename it: "), std::string::npos);
    EXPECT_EQ(said.find("output is lost"), said.rfind("output is lost"));
    EXPECT_EQ(read_text(path()), "1234");
    fs::remove_all(older());
    log.append("7");
    LogFile late{directory_ / "later" / "log", 4};
    testing::internal::CaptureStderr();
    late.append("1");
    EXPECT_LT(late.fd(), 0);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("No such file"), std::string::npos);
    fs::create_directory(directory_ / "later");
    late.append("2");
    EXPECT_EQ(read_text(directory_ / "later" / "log"), "2");
    EXPECT_EQ(read_text(path()), "7");
}
