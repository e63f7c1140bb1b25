// SPDX-License-Identifier: MIT
//
// What is kept of a domain comes back as it was, whoever was killed while writing; what is damaged is told by its file.
// The configuration in it means what it meant where it was read.
#include "libparapet/attendance.hpp"
#include "libparapet/domain_record.hpp"
#include "libparapet/files.hpp"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace parapet;
namespace fs = std::filesystem;

namespace {

class DomainRecords : public testing::Test {
protected:
    DomainRecords()
    {
        char name[] = "/tmp/domain_record_test.XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~DomainRecords() override { fs::remove_all(directory_); }

    static DomainRecord sample()
    {
        DomainRecord r;
        r.uuid = random_uuid();
        r.name = "first";
        r.source = {"rel.cfg", "/tmp", "name='g' # caf\xe9\n", {"memory=64", "extra='a\nb'"}};
        r.rings = {1, 2, 3, 4};
        r.started = 12.5;
        r.short_lives = 3;
        r.pending = true;
        r.memory_mib = 100;
        return r;
    }

    fs::path directory_;
    std::vector<std::string> complaints_;
    std::vector<DomainRecord> all(const Records& records)
    {
        return records.all([this](const std::string& what) { complaints_.push_back(what); });
    }
};

} // namespace

TEST_F(DomainRecords, ComeBackAsTheyWere)
{
    const Records records{directory_ / "made" / "on the way"};
    EXPECT_TRUE(all(records).empty());
    const DomainRecord before = sample();
    EXPECT_FALSE(records.find(before.uuid));
    records.write(before);
    const auto after = records.find(before.uuid);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->uuid, before.uuid);
    EXPECT_EQ(after->name, "first");
    EXPECT_EQ(after->source.text, before.source.text); // bytes that are no UTF-8
    EXPECT_EQ(after->source.overrides, before.source.overrides);
    EXPECT_EQ(after->source.directory, "/tmp");
    EXPECT_EQ(after->rings.store_port, 4U);
    EXPECT_EQ(after->started, 12.5);
    EXPECT_EQ(after->short_lives, 3U);
    EXPECT_TRUE(after->pending);
    EXPECT_TRUE(after->watched);
    EXPECT_FALSE(after->settled);
    EXPECT_EQ(after->memory_mib, 100U);
    records.write(sample());
    EXPECT_EQ(all(records).size(), 2U);
    records.remove(before.uuid);
    records.remove(before.uuid); // once more is no mistake
    EXPECT_EQ(all(records).size(), 1U);
    EXPECT_TRUE(complaints_.empty());
}

TEST_F(DomainRecords, OneThatHasGoneIsNotUpdated)
{
    const Records records{directory_};
    DomainRecord record = sample();
    EXPECT_FALSE(records.update(record));
    EXPECT_TRUE(fs::is_empty(directory_));
    records.write(record);
    record.failures = 3;
    EXPECT_TRUE(records.update(record));
    EXPECT_EQ(records.find(record.uuid)->failures, 3U);
    records.remove(record.uuid);
    EXPECT_FALSE(records.update(record));
    EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(DomainRecords, AnUnfinishedOneIsNoneAndADamagedOneIsNamed)
{
    const Records records{directory_};
    const DomainRecord whole = sample();
    records.write(whole);
    const std::string path = directory_ / uuid_text(whole.uuid), text = read_text(path);
    std::ofstream{path + ".4711"} << text.substr(0, 9);
    EXPECT_EQ(all(records).size(), 1U);
    EXPECT_TRUE(complaints_.empty());
    std::ofstream{path} << text.substr(0, text.size() / 2);
    EXPECT_TRUE(all(records).empty());
    ASSERT_EQ(complaints_.size(), 1U);
    EXPECT_TRUE(complaints_[0].starts_with(path + ": it is no record of a domain")) << complaints_[0];
    EXPECT_THROW((void)records.find(whole.uuid), Error);
}

TEST_F(DomainRecords, DevicesComeBackAsTheyWereAndGoWithTheRecord)
{
    const Records records{directory_};
    const DomainRecord record = sample();
    records.write(record);
    EXPECT_FALSE(records.find_devices(record.uuid));
    DiskConfig disk;
    disk.target = "/caf\xe9"; // a path need not be UTF-8
    disk.format = "qcow2";
    disk.device = "xvdb";
    disk.writable = disk.discard = false;
    disk.forced = disk.direct_io = true;
    disk.number = 51728;
    disk.at = {"a.cfg", 3, 9};
    NetworkConfig plain, limited;
    plain.mac = limited.mac = "00:16:3e:00:00:01";
    plain.ip = "10.0.0.1";
    limited.bridge = "xenbr1";
    limited.device = "guest0";
    limited.rate = NetworkRate{250000, 20000};
    limited.number = 7;
    records.write_devices(record.uuid, {{disk}, {plain, limited}});
    EXPECT_EQ(all(records).size(), 1U); // it is no record of its own
    const auto after = records.find_devices(record.uuid);
    ASSERT_TRUE(after && after->disks.size() == 1 && after->networks.size() == 2);
    const DiskConfig& d = after->disks[0];
    EXPECT_EQ(d.target, disk.target);
    EXPECT_EQ(d.format, "qcow2");
    EXPECT_EQ(d.device, "xvdb");
    EXPECT_TRUE(!d.writable && !d.discard && d.forced && d.direct_io);
    EXPECT_EQ(d.number, 51728U);
    EXPECT_TRUE(d.at.file == "a.cfg" && d.at.line == 3 && d.at.column == 9);
    EXPECT_EQ(after->networks[0].ip, "10.0.0.1");
    EXPECT_FALSE(after->networks[0].rate || after->networks[0].number);
    const NetworkConfig& n = after->networks[1];
    EXPECT_EQ(n.mac, limited.mac);
    EXPECT_EQ(n.bridge, "xenbr1");
    EXPECT_EQ(n.device, "guest0");
    ASSERT_TRUE(n.rate);
    EXPECT_TRUE(n.rate->bytes == 250000 && n.rate->interval_us == 20000);
    EXPECT_EQ(n.number, 7U);

    const std::string path = directory_ / (uuid_text(record.uuid) + ".devices");
    std::ofstream{path} << "x";
    try {
        (void)records.find_devices(record.uuid);
        FAIL() << "a damaged one is taken";
    } catch (const Error& e) {
        EXPECT_TRUE(std::string{e.what()}.starts_with(path + ": it is no record of a domain's devices")) << e.what();
    }
    records.remove(record.uuid);
    EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(DomainRecords, AConfigurationMeansWhatItMeantWhereItWasRead)
{
    std::ofstream{directory_ / "k"} << "kernel";
    std::ofstream{directory_ / "g.cfg"} << "name='g'\nkernel='k'\nmemory=128\n";
    const fs::path before = fs::current_path();
    fs::current_path(directory_);
    const ConfigSource source = read_config_source("g.cfg", {"memory=64"});
    fs::current_path(before);
    fs::remove(directory_ / "g.cfg");
    const DomainConfig c = interpret(source, FileCheck::readable);
    EXPECT_EQ(c.kernel, (directory_ / "k").string());
    EXPECT_EQ(c.memory_mib, 64U);
    EXPECT_EQ(fs::current_path(), before);
    fs::remove(directory_ / "k");
    EXPECT_THROW((void)interpret(source, FileCheck::readable), ConfigError);
    EXPECT_EQ(fs::current_path(), before);
}

TEST_F(DomainRecords, OneAttendsAndOthersCanTell)
{
    const std::string path = directory_ / "lock";
    EXPECT_FALSE(is_attended(path.c_str()));
    {
        const Attendance one{path.c_str()};
        EXPECT_TRUE(is_attended(path.c_str()));
        EXPECT_TRUE(is_attended(path.c_str())); // to ask does not take it away
        EXPECT_THROW(Attendance{path.c_str()}, Error);
    }
    EXPECT_FALSE(is_attended(path.c_str()));
}

TEST(Names, AreCheckedTheSameForConfigurationsAndRename)
{
    EXPECT_NO_THROW(check_name("web-1.example:a+b_c"));
    for (const char* bad : {"", "two words", "7", "-first", "a/b", ".hidden"})
        EXPECT_THROW(check_name(bad), Error) << bad;
    EXPECT_THROW(check_name(std::string(129, 'a')), Error);
}
