// SPDX-License-Identifier: MIT
#include "libparapet/backend_bus.hpp"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace {

using parapet::Device;
using parapet::DeviceKind;

/// A folder that looks like the kernel's.
class BackendBus : public testing::Test {
protected:
    BackendBus() : bus_{testing::TempDir() + "/backend-bus"}
    {
        std::filesystem::remove_all(bus_);
        std::filesystem::create_directories(bus_ + "/devices");
    }
    ~BackendBus() override { std::filesystem::remove_all(bus_); }

    void device(const std::string& name, bool bound)
    {
        std::filesystem::create_directories(bus_ + "/devices/" + name + (bound ? "/driver" : ""));
        if (bound) std::ofstream{bus_ + "/devices/" + name + "/driver/unbind"};
    }

    std::string bus_;
};

TEST_F(BackendBus, ListsTheDevicesOfOneDomainThatHaveADriver)
{
    for (const char* name : {"vif-3-1", "vbd-3-51728", "vbd-3-51712", "vbd-33-51712", "vbd-4-51712", "vif-3-1-2",
                             "vif-3-", "vid-3-0", "vbf-3-0", "pci-3-0", "vbd-3-07"})
        device(name, true);
    device("vbd-3-51744", false);
    const std::vector<Device> expected{
        {DeviceKind::disk, 3, 51712}, {DeviceKind::disk, 3, 51728}, {DeviceKind::network, 3, 1}};
    EXPECT_EQ(parapet::served_devices(3, bus_), expected);
    EXPECT_TRUE(parapet::served_devices(5, bus_).empty());
}

TEST_F(BackendBus, HasNoDevicesWhereThereIsNoBus) { EXPECT_TRUE(parapet::served_devices(3, bus_ + "/none").empty()); }

TEST_F(BackendBus, UnbindsByName)
{
    device("vif-3-0", true);
    parapet::unbind({DeviceKind::network, 3, 0}, bus_);
    std::ifstream file{bus_ + "/devices/vif-3-0/driver/unbind"};
    std::string written;
    std::getline(file, written);
    EXPECT_EQ(written, "vif-3-0");
}

TEST_F(BackendBus, SaysWhatItCannotUnbind)
{
    EXPECT_THROW(parapet::unbind({DeviceKind::disk, 3, 51712}, bus_), parapet::Error);
}

} // namespace
