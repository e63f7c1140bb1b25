// SPDX-License-Identifier: MIT
//
// The entries of disk = [...] and vif = [...]: what they say, and where a mistake in them stands.
#include "libparapet/disk_config.hpp"
#include "libparapet/network_config.hpp"
#include <array>
#include <gtest/gtest.h>

using namespace parapet;

namespace {

DiskConfig disk(const std::string& text) { return parse_disk({{"f"}, text}); }
NetworkConfig network(const std::string& text) { return parse_network({{"f"}, text}); }

template <typename Act> std::string complaint(Act act)
{
    try {
        (void)act();
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "none";
}
std::string wrong_disk(const std::string& text)
{
    return complaint([&] { return disk(text); });
}
std::string wrong_network(const std::string& text)
{
    return complaint([&] { return network(text); });
}

} // namespace

TEST(DiskConfig, PositionsAndKeys)
{
    EXPECT_EQ(disk("phy:/dev/vg/a,xvda,w").target, "/dev/vg/a");
    EXPECT_EQ(disk("file:/img,xvda,w").target, "/img");
    const DiskConfig read_only = disk("/img,raw,xvdb1,r");
    EXPECT_EQ(read_only.device, "xvdb1");
    EXPECT_FALSE(read_only.writable);
    EXPECT_FALSE(read_only.discard);
    const DiskConfig keys = disk("format=raw, vdev=sda, access=ro, target=/a,with,commas");
    EXPECT_EQ(keys.device, "sda");
    EXPECT_EQ(keys.target, "/a,with,commas");
    EXPECT_FALSE(keys.writable);
    const DiskConfig plain = disk("/img,,xvda");
    EXPECT_TRUE(plain.writable);
    EXPECT_TRUE(plain.discard);
    EXPECT_FALSE(plain.forced);
    const DiskConfig flags = disk("/img,raw,xvda,w!,no-discard,direct-io-safe,backendtype=phy,devtype=disk");
    EXPECT_TRUE(flags.writable);
    EXPECT_TRUE(flags.forced);
    EXPECT_FALSE(flags.discard);
    EXPECT_TRUE(flags.direct_io);
    EXPECT_EQ(disk("/img,qcow2,xvda,w").format, "qcow2");
    EXPECT_EQ(disk("vdev=xvda,format=qcow2,target=/img").format, "qcow2");
    EXPECT_TRUE(disk("/img,raw,xvda,r!").forced);
    EXPECT_FALSE(disk("/img,raw,xvda,r!").writable);
}

TEST(DiskConfig, MistakesSayWhereAndWhat)
{
    EXPECT_EQ(wrong_disk("/img,raw,foo"), "f:1:11: 'foo' is no disk name (xvda, xvdb1, sda, ...)");
    EXPECT_EQ(wrong_disk("/img,xvdz99999,w"), "f:1:7: 'xvdz99999' is no disk name (xvda, xvdb1, sda, ...)");
    EXPECT_EQ(wrong_disk("/img,vdev=xvda,acess=w"), "f:1:17: unknown disk parameter 'acess'; did you mean 'access'?");
    EXPECT_EQ(wrong_disk("/img"), "f:1:1: the disk has no name in the guest (vdev=xvda)");
    EXPECT_EQ(wrong_disk(""), "f:1:1: the disk has no target (file or device)");
    EXPECT_EQ(wrong_disk("/img,raw,xvda,x"),
              "f:1:16: a disk's access is r, ro, w, rw, or, by force, r! or w!, not 'x'");
    EXPECT_EQ(wrong_disk("/img,rwa,xvda"), "f:1:7: unknown disk format 'rwa' (raw, qcow2)");
}

TEST(DiskConfig, WhatIsNotServedIsRefusedWithAWayOut)
{
    for (const char* format : {"qed", "qcow", "vhd"})
        EXPECT_NE(wrong_disk(fmt::format("/img,{},xvda,w", format)).find("qemu-img convert"), std::string::npos);
    EXPECT_EQ(wrong_disk("/img,qcow2,xvda,w!"),
              "f:1:1: access w! and r! are for raw disks: the server of qcow2 images shares none");
    EXPECT_EQ(wrong_disk("tap:aio:/img,xvda,w").find("f:1:2: 'tap:aio:/img': such disks"), 0U);
    for (const char* cdrom : {"/iso,raw,hdc:cdrom,r", "/iso,raw,hdc,r,cdrom", "/iso,raw,hdc,r,devtype=cdrom"})
        EXPECT_NE(wrong_disk(cdrom).find("no CD-ROM"), std::string::npos) << wrong_disk(cdrom);
    EXPECT_NE(wrong_disk("/a,raw,xvda,w,script=block-iscsi").find("script is not run"), std::string::npos);
    EXPECT_NE(wrong_disk("/a,raw,xvda,w,backendtype=qdisk").find("'qdisk' is not there"), std::string::npos);
    EXPECT_NE(wrong_disk("/a,raw,xvda,w,backend=storage").find("only domain 0"), std::string::npos);
}

TEST(DiskConfig, NumbersOfNames)
{
    EXPECT_EQ(disk_number("xvda"), 51712U);
    EXPECT_EQ(disk_number("xvda1"), 51713U);
    EXPECT_EQ(disk_number("xvdp15"), 51967U);
    EXPECT_EQ(disk_number("xvdq"), 1U << 28 | 16U << 8);
    EXPECT_EQ(disk_number("xvda16"), 1U << 28 | 16U);
    EXPECT_EQ(disk_number("xvdaa"), 1U << 28 | 26U << 8);
    EXPECT_EQ(disk_number("sda"), 2048U);
    EXPECT_EQ(disk_number("sdp15"), 2303U);
    EXPECT_EQ(disk_number("hda"), 768U);
    EXPECT_EQ(disk_number("hdb3"), 835U);
    EXPECT_EQ(disk_number("hdc"), 5632U);
    EXPECT_EQ(disk_number("hdd"), 5696U);
    for (const char* none : {"xvd", "xvdA", "xvda0", "xvda01", "xvda1x", "xvda256", "sdq", "sda16", "hde", "hda64",
                             "vda", "xvdaaaaa", "", "xvda 1"})
        EXPECT_FALSE(disk_number(none)) << none;
}

TEST(NetworkConfig, Keys)
{
    const NetworkConfig n =
        network("mac=00:16:3E:0a:0B:01,bridge=br0,ip=10.0.0.1,vifname=web0,script=/etc/xen/scripts/vif-bridge,"
                "model=e1000,type=vif,backend=0");
    EXPECT_EQ(n.mac, "00:16:3e:0a:0b:01");
    EXPECT_EQ(n.bridge, "br0");
    EXPECT_EQ(n.ip, "10.0.0.1");
    EXPECT_EQ(n.device, "web0");
    EXPECT_TRUE(n.warnings.empty());
    EXPECT_EQ(network("").mac, "");
    EXPECT_EQ(network("type=ioemu").warnings.size(), 1U);
}

TEST(NetworkConfig, MadeUpAddresses)
{
    const std::array<std::uint8_t, 16> one{1}, other{2};
    for (const std::string& mac : {random_mac(), derived_mac(one, 0), derived_mac(other, 300)}) {
        EXPECT_EQ(mac.size(), 17U) << mac;
        EXPECT_EQ(mac.substr(0, 9), "00:16:3e:") << mac;
        EXPECT_LT(mac[9], '8') << mac;
    }
    EXPECT_EQ(derived_mac(one, 0), derived_mac(one, 0)); // what a restart relies on
    EXPECT_NE(derived_mac(one, 0), derived_mac(one, 1));
    EXPECT_NE(derived_mac(one, 1), derived_mac(one, 257));
    EXPECT_NE(derived_mac(one, 0), derived_mac(other, 0));
}

TEST(NetworkConfig, Rates)
{
    const auto rate = [](const std::string& text) {
        const NetworkConfig n = network("rate=" + text);
        return fmt::format("{},{}", n.rate->bytes, n.rate->interval_us);
    };
    EXPECT_EQ(rate("10Mb/s"), "62500,50000");
    EXPECT_EQ(rate("250KB/s@20ms"), "5000,20000");
    EXPECT_EQ(rate("1GB/s@1s"), "1000000000,1000000");
    EXPECT_EQ(rate("1.5MB/s@100us"), "150,100");
    for (const char* bad : {"10", "10Mb", "Mb/s", "10mb/s", "10Mb/s@", "10Mb/s@20", "-1Mb/s", "10Mb/s@20msx"})
        EXPECT_EQ(wrong_network(fmt::format("rate={}", bad)),
                  fmt::format("f:1:2: rate '{}' is not of the form 10Mb/s, 250KB/s or 1GB/s@20ms", bad));
    EXPECT_NE(wrong_network("rate=1b/s").find("from 1 to 4294967295 bytes"), std::string::npos);
    EXPECT_NE(wrong_network("rate=1000GB/s@1s").find("from 1 to 4294967295 bytes"), std::string::npos);
}

TEST(NetworkConfig, MistakesSayWhereAndWhat)
{
    EXPECT_EQ(wrong_network("mac=1"), "f:1:2: '1' is not a MAC address (six bytes: 00:16:3e:12:34:56)");
    EXPECT_NE(wrong_network("mac=00-16-3e-00-00-01").find("is not a MAC address"), std::string::npos);
    EXPECT_NE(wrong_network("mac=00:16:3e:00:00:0g").find("is not a MAC address"), std::string::npos);
    EXPECT_NE(wrong_network("mac=01:16:3e:00:00:00").find("is a group's"), std::string::npos);
    EXPECT_EQ(wrong_network("bridge=br0,mac=00:00:00:00:00:00"), "f:1:13: the MAC address is all zero");
    EXPECT_EQ(wrong_network("br0"), "f:1:2: 'br0' is not of the form key=value");
    EXPECT_NE(wrong_network("vifname=a-name-of-16-chr").find("cannot be a network device's name"), std::string::npos);
    EXPECT_NE(wrong_network("bridge=../x").find("cannot be a network device's name"), std::string::npos);
    EXPECT_NE(wrong_network("script=vif-route").find("no scripts are run here"), std::string::npos);
    EXPECT_NE(wrong_network("backend=net").find("only domain 0"), std::string::npos);
}
