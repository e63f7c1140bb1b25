// SPDX-License-Identifier: MIT
//
// xl's record of a domain: what it says, and that only this domain's files go.
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include "libparapet/xl_record.hpp"
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace parapet;

namespace {

class XlRecord : public ::testing::Test {
protected:
    XlRecord()
    {
        char name[] = "/tmp/xl_record_test.XXXXXX";
        directory_ = ::mkdtemp(name);
        config_.name = "first";
        config_.kernel = "/boot/vmlinuz";
        config_.cmdline = "console=hvc0 \"quoted\" \xff";
        config_.memory_mib = 128;
        config_.max_memory_mib = 256;
        config_.vcpus = 2;
        config_.max_vcpus = 3;
        config_.on_crash = OnEnd::rename_restart;
        config_.uuid[0] = 0xab;
    }
    ~XlRecord() override { std::filesystem::remove_all(directory_); }
    void touch(const std::string& file) const { write_all(open(file).get(), std::string{"x"}); }
    [[nodiscard]] Descriptor open(const std::string& file) const
    {
        return Descriptor::open(directory_ + "/" + file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }
    [[nodiscard]] std::size_t files() const
    {
        const std::filesystem::directory_iterator all{directory_};
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    std::string directory_;
    DomainConfig config_;
};

constexpr const char* uuid = "ab000000-0000-0000-0000-000000000000";

} // namespace

TEST_F(XlRecord, SaysWhatIsSet)
{
    const auto record = nlohmann::json::parse(xl_record(config_));
    EXPECT_EQ(record["c_info"]["name"], "first");
    EXPECT_EQ(record["c_info"]["type"], "pv");
    EXPECT_EQ(record["c_info"]["uuid"], uuid);
    EXPECT_EQ(record["b_info"]["avail_vcpus"], (nlohmann::json{0, 1}));
    EXPECT_EQ(record["b_info"]["max_vcpus"], 3);
    EXPECT_EQ(record["b_info"]["target_memkb"], 128 * 1024);
    EXPECT_EQ(record["b_info"]["max_memkb"], 256 * 1024);
    EXPECT_EQ(record["on_crash"], "rename_restart");
    EXPECT_EQ(record["on_reboot"], "restart");
}

TEST_F(XlRecord, OnlyThisDomainsFilesGo)
{
    write_xl_record(7, config_, directory_);
    const std::string file = directory_ + "/userdata-d.7." + uuid + ".libxl-json";
    const std::string text = read_text(file);
    EXPECT_EQ(text.substr(0, text.size() - 1), xl_record(config_));
    EXPECT_EQ(text.back(), '\0') << "xl reads it with its end";
    EXPECT_EQ(files(), 1u) << "nothing half-written";
    touch(std::string{"userdata-l.7."} + uuid + ".domain-userdata-lock");
    touch(std::string{"userdata-d.8."} + uuid + ".libxl-json");
    touch(std::string{"userdata-d.17."} + uuid + ".libxl-json");
    touch("userdata-d.7.ac000000-0000-0000-0000-000000000000.libxl-json");
    touch(std::string{"other-dd-d.7."} + uuid + ".x");
    remove_xl_records(7, config_.uuid, directory_);
    EXPECT_EQ(files(), 4u);
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(XlRecord, WhereXlIsNotThereIsNone)
{
    write_xl_record(7, config_, directory_ + "/absent");
    remove_xl_records(7, config_.uuid, directory_ + "/absent");
    EXPECT_EQ(files(), 0u);
}

TEST_F(XlRecord, SaysWhichFileCannotBe)
{
    const std::string file = std::string{"userdata-d.7."} + uuid + ".libxl-json";
    std::filesystem::create_directories(directory_ + "/" + file + ".new");
    try {
        write_xl_record(7, config_, directory_);
        FAIL() << "written through a directory";
    } catch (const Error& e) {
        EXPECT_NE(std::string{e.what()}.find(file), std::string::npos) << e.what();
    }
    std::filesystem::create_directories(directory_ + "/" + file + "/full");
    EXPECT_THROW(remove_xl_records(7, config_.uuid, directory_), Error);
}
