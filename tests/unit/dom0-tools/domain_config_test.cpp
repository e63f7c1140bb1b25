// SPDX-License-Identifier: MIT
//
// From settings to a domain: defaults, and every mistake with its position and a did-you-mean.
#include "libparapet/domain_config.hpp"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace parapet;

namespace {

const std::string sound = "name='g'\nkernel='/k'\nmemory=128\n";

DomainConfig read(const std::string& text, FileCheck check = FileCheck::none)
{
    return interpret(parse_config(text, "f"), "f", check);
}

std::string complaint(const std::string& text, FileCheck check = FileCheck::none)
{
    try {
        (void)read(text, check);
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "none";
}

} // namespace

TEST(DomainConfig, Defaults)
{
    const DomainConfig c = read(sound);
    EXPECT_EQ(c.max_memory_mib, 128U);
    EXPECT_EQ(c.vcpus, 1U);
    EXPECT_EQ(c.max_vcpus, 1U);
    EXPECT_EQ(c.on_poweroff, OnEnd::destroy);
    EXPECT_EQ(c.on_reboot, OnEnd::restart);
    EXPECT_EQ(c.uuid[6] >> 4, 4);
    EXPECT_NE(c.uuid, read(sound).uuid);
}

TEST(DomainConfig, AllSettings)
{
    const DomainConfig c = read(sound + "ramdisk='/i'\nroot='/dev/xvda1'\nextra='ro quiet'\nmaxmem=256\nvcpus=2\n"
                                        "maxvcpus=4\non_poweroff='preserve'\non_reboot='rename-restart'\n"
                                        "on_crash='coredump-restart'\ntype='pv'\n"
                                        "uuid='01234567-89ab-cdef-0123-456789abcdef'\n");
    EXPECT_EQ(c.cmdline, "root=/dev/xvda1 ro quiet");
    EXPECT_EQ(c.max_memory_mib, 256U);
    EXPECT_EQ(c.max_vcpus, 4U);
    EXPECT_EQ(c.on_poweroff, OnEnd::preserve);
    EXPECT_EQ(c.on_reboot, OnEnd::rename_restart);
    EXPECT_EQ(c.on_crash, OnEnd::restart);
    EXPECT_EQ(uuid_text(c.uuid), "01234567-89ab-cdef-0123-456789abcdef");
    EXPECT_EQ(c.warnings.size(), 1U);
    EXPECT_EQ(c.name_at.line, 1U);
    EXPECT_EQ(c.kernel_at.column, 8U);
    EXPECT_EQ(c.memory_at.line, 3U);
    EXPECT_EQ(c.uuid_at.line, 14U);
    EXPECT_EQ(read("name='g'\nkernel='/k'\n\nmaxmem=64\n").memory_at.line, 4U);
    EXPECT_EQ(read(sound + "cmdline='a=b'\n").cmdline, "a=b");
    const DomainConfig both = read(sound + "\ncmdline='a=b'\nextra='c'\n");
    ASSERT_EQ(both.warnings.size(), 1U);
    EXPECT_EQ(both.warnings[0], "f:6:1: warning: 'cmdline' is the whole command line; 'extra' is ignored");
}

TEST(DomainConfig, UnknownSettingsSayWhatWasMeant)
{
    EXPECT_EQ(complaint(sound + "memroy=1\n"), "f:4:1: unknown setting 'memroy'; did you mean 'memory'?");
    EXPECT_EQ(complaint(sound + "frobnicate=1\n"), "f:4:1: unknown setting 'frobnicate'");
    EXPECT_EQ(complaint(sound + "cpu_wieght=1\n"), "f:4:1: unknown setting 'cpu_wieght'; did you mean 'cpu_weight'?");
    EXPECT_EQ(complaint(sound + "on_crash='destory'\n"),
              "f:4:10: 'on_crash' cannot be 'destory' (destroy, restart, preserve, rename-restart); did you mean "
              "'destroy'?");
    EXPECT_NE(complaint(sound + "bootloader='pygrub'\n").find("PV-GRUB"), std::string::npos);
    const DomainConfig c = read(sound + "pool='x'\n");
    ASSERT_EQ(c.warnings.size(), 1U);
    EXPECT_EQ(c.warnings[0], "f:4:1: warning: 'pool' has no effect here");
}

TEST(DomainConfig, UnsupportedSettingsAreNotMistakenForOthers)
{
    for (const char* key : {"acpi", "pae", "hap", "usb", "vnc", "cpuid", "timer_mode", "pci", "e820_host", "nodes"}) {
        const std::string said = complaint(sound + key + "=1\n");
        EXPECT_EQ(said.find(std::string{"f:4:1: '"} + key + "' is not supported: "), 0U) << said;
        EXPECT_EQ(said.find("did you mean"), std::string::npos) << said;
    }
    EXPECT_EQ(complaint(sound + "pci=['01:00.0']\n"),
              "f:4:1: 'pci' is not supported: a guest cannot be given a device of the machine yet");
}

TEST(DomainConfig, WrongTypesAndValues)
{
    EXPECT_EQ(complaint("name=[5]\n"), "f:1:6: 'name' must be a text in quotes, not a list");
    EXPECT_EQ(complaint("name='a\\n\\x1b[2J'\n"),
              "f:1:6: the name 'a\\x0a\\x1b[2J' may have letters, digits and _-.+: only");
    EXPECT_EQ(complaint(sound + "vcpus='2'\n"), "f:4:7: 'vcpus' must be a number, not the text '2'");
    EXPECT_EQ(complaint(sound + "vcpus=[2]\n"), "f:4:7: 'vcpus' must be a number, not a list");
    EXPECT_EQ(complaint(sound + "vcpus=0\n"), "f:4:7: 'vcpus' must be from 1 to 64, not 0");
    EXPECT_EQ(complaint(sound + "maxmem=64\n"), "f:4:8: 'maxmem' (64) is less than 'memory' (128)");
    EXPECT_EQ(complaint(sound + "vcpus=4\nmaxvcpus=2\n"), "f:5:10: 'maxvcpus' (2) is less than 'vcpus' (4)");
    EXPECT_EQ(complaint(sound + "disk='x'\n"), "f:4:6: 'disk' must be a list, not a text");
    EXPECT_EQ(complaint(sound + "type='hvm'\n"), "f:4:6: type 'hvm': only \"pv\" guests run here");
    EXPECT_EQ(complaint(sound + "uuid='123'\n"), "f:4:6: '123' is not a UUID (8-4-4-4-12 hexadecimal digits)");
    const std::string much(1100, 'x'), limit = ": the kernel's command line has 1100 bytes, 1023 are the limit";
    EXPECT_EQ(complaint(sound + "extra='" + much + "'\n"), "f:4:7: 'extra'" + limit);
    EXPECT_EQ(complaint(sound + "extra='a'\n cmdline='" + much + "'\n"), "f:5:10: 'cmdline'" + limit);
    EXPECT_EQ(complaint(sound + "extra='" + much.substr(7) + "'\nroot='a'\n"), "f:4:7: 'extra'" + limit);
    EXPECT_EQ(complaint(sound + "extra='a'\nroot='" + much.substr(7) + "'\n"), "f:5:6: 'root'" + limit);
}

TEST(DomainConfig, ANumberIsTextWhereTextIsWanted)
{
    EXPECT_EQ(read(sound + "extra=3\n").cmdline, "3");
    EXPECT_EQ(read(sound + "root=0x10\nextra=-03\n").cmdline, "root=0x10 -03");
    EXPECT_EQ(complaint("name=007\nkernel='/k'\nmemory=1\n"),
              "f:1:6: the name '007' would be taken for a domain number");
    EXPECT_EQ(complaint("name='g'\nkernel=3\nmemory=1\n", FileCheck::readable),
              "f:2:8: 'kernel': 3: No such file or directory");
    auto settings = parse_config(sound, "f");
    for (const char* argument : {"extra=3", "name=7th", "cpus=0", "memory=0x40", "root=99999999999999999999"})
        override_setting(settings, argument, 2);
    const DomainConfig c = interpret(settings, "f", FileCheck::none);
    EXPECT_EQ(c.cmdline, "root=99999999999999999999 3");
    EXPECT_EQ(c.name, "7th");
    EXPECT_EQ(c.cpus.hard.entries.size(), 1U);
    EXPECT_EQ(c.memory_mib, 64U);
    const auto memory = [&](const std::string& word) -> std::string {
        override_setting(settings, "memory=" + word, 3);
        try {
            (void)interpret(settings, "f", FileCheck::none);
        } catch (const ConfigError& e) {
            return e.what();
        }
        return "none";
    };
    EXPECT_EQ(memory("lots"), "argument 3 \"memory=lots\":8: 'memory' must be a number of MiB, not the text 'lots'");
    EXPECT_EQ(
        memory("99999999999999999999"),
        "argument 3 \"memory=99999999999999999999\":8: 'memory' must be from 1 to 1048576, not 99999999999999999999");
}

TEST(DomainConfig, Names)
{
    const auto name = [](const std::string& n) { return complaint("name='" + n + "'\nkernel='/k'\nmemory=1\n"); };
    EXPECT_EQ(name("web-1.example_a"), "none");
    EXPECT_EQ(name("two words"), "f:1:6: the name 'two words' may have letters, digits and _-.+: only");
    EXPECT_EQ(name("../x"), "f:1:6: the name '../x' may have letters, digits and _-.+: only");
    EXPECT_EQ(name("12"), "f:1:6: the name '12' would be taken for a domain number");
    EXPECT_EQ(name(".hidden"), "f:1:6: the name '.hidden' must start with a letter or digit");
    EXPECT_EQ(name(""), "f:1:6: a name has 1 to 128 characters");
}

TEST(DomainConfig, MissingSettingsAndFiles)
{
    EXPECT_EQ(complaint(""), "f:1:1: 'name' is missing");
    EXPECT_EQ(complaint("name='g'\nmemory=1\n"), "f:1:1: 'kernel' is missing");
    EXPECT_EQ(complaint("name='g'\nkernel='/k'\n"), "f:1:1: 'memory' (MiB) is missing");
    EXPECT_EQ(complaint("name='g'\nkernel='/no/such/file'\n", FileCheck::readable),
              "f:2:8: 'kernel': /no/such/file: No such file or directory");
    EXPECT_EQ(complaint("name='g'\nkernel='/tmp'\n", FileCheck::readable), "f:2:8: 'kernel': /tmp is not a file");
}

TEST(DomainConfig, AnEmptyFileIsRefused)
{
    const std::string path = testing::TempDir() + "domain_config_test.empty." + std::to_string(::getpid());
    std::ofstream{path}.close();
    EXPECT_EQ(complaint("name='g'\nkernel='Makefile'\nramdisk='" + path + "'\nmemory=1\n", FileCheck::readable),
              "f:3:9: 'ramdisk': " + path + " is empty");
    EXPECT_EQ(complaint("name='g'\nkernel='" + path + "'\nmemory=1\n", FileCheck::readable),
              "f:2:8: 'kernel': " + path + " is empty");
    std::filesystem::remove(path);
}

TEST(DomainConfig, AFileWithoutEndIsNone)
{
    try {
        (void)read_domain_config("/dev/zero", {}, FileCheck::none);
        FAIL();
    } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "/dev/zero: it has more than 1 MiB and is no configuration");
    }
}

TEST(DomainConfig, FilesAreNamedFromTheRoot)
{
    const DomainConfig c = read("name='g'\nkernel='Makefile'\nramdisk='./README.md'\nmemory=1\n", FileCheck::readable);
    EXPECT_EQ(c.kernel, std::filesystem::current_path() / "Makefile");
    EXPECT_EQ(c.ramdisk[0], '/');
}

TEST(DomainConfig, Disks)
{
    EXPECT_EQ(complaint(sound + "disk=['/a,xvda','/b,xvda']\n"), "f:4:17: the disk 'xvda' stands there twice");
    const DomainConfig c = read(sound + "disk=['/a,xvda', 'vdev=xvdb, access=r, target=/b']\n");
    ASSERT_EQ(c.disks.size(), 2U);
    EXPECT_EQ(c.disks[1].target, "/b");
    EXPECT_EQ(c.disks[1].at.column, 18U);
    EXPECT_TRUE(c.warnings.empty());
    EXPECT_EQ(complaint(sound + "disk=['/no/such/file,xvda']\n", FileCheck::none), "none");
    EXPECT_EQ(complaint("name='g'\nkernel='Makefile'\nmemory=1\ndisk=['/no/such/file,xvda']\n", FileCheck::readable),
              "f:4:7: 'disk': /no/such/file: No such file or directory");
}

TEST(DomainConfig, Networks)
{
    const DomainConfig c = read(sound + "vif=['mac=00:16:3e:00:00:01,bridge=br0', '', 'gatewaydev=eth0']\n");
    ASSERT_EQ(c.networks.size(), 3U);
    EXPECT_EQ(c.networks[0].bridge, "br0");
    EXPECT_NE(c.networks[1].mac, c.networks[2].mac);
    DomainConfig again = c;
    again.uuid = {};
    assign_uuid(again, c.uuid); // a restart: the same addresses
    EXPECT_EQ(again.networks[1].mac, c.networks[1].mac);
    assign_uuid(again, random_uuid());
    EXPECT_NE(again.networks[1].mac, c.networks[1].mac);
    EXPECT_EQ(again.networks[0].mac, "00:16:3e:00:00:01");
    ASSERT_EQ(c.warnings.size(), 1U);
    EXPECT_EQ(c.warnings[0], "f:4:47: warning: 'gatewaydev' has no effect here");
    EXPECT_EQ(complaint(sound + "vif=['brigde=x']\n"),
              "f:4:7: unknown network interface parameter 'brigde'; did you mean 'bridge'?");
}
