// SPDX-License-Identifier: MIT
//
// See backend_bus.hpp.
#include "libparapet/backend_bus.hpp"
#include "libparapet/files.hpp"
#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>

namespace parapet {
namespace {

std::string unbind_path(const Device& d, const std::string& bus)
{
    return fmt::format("{}/devices/{}/driver/unbind", bus, bus_name(d));
}

std::optional<Device> device_named(const std::string& name)
{
    Device d{};
    char kind = 0;
    if (std::sscanf(name.c_str(), "v%*1[bi]%c-%u-%u", &kind, &d.domain, &d.number) != 3) return std::nullopt;
    d.kind = kind == 'd' ? DeviceKind::disk : DeviceKind::network;
    return bus_name(d) == name ? std::optional{d} : std::nullopt;
}

} // namespace

std::vector<Device> served_devices(unsigned domain, const std::string& bus)
{
    std::vector<Device> found;
    std::error_code none; // a kernel without backends has no such bus
    for (const auto& entry : std::filesystem::directory_iterator{bus + "/devices", none}) {
        const auto d = device_named(entry.path().filename());
        if (d && d->domain == domain && std::filesystem::exists(unbind_path(*d, bus), none)) found.push_back(*d);
    }
    std::sort(found.begin(), found.end());
    return found;
}

void unbind(const Device& device, const std::string& bus)
{
    const Descriptor file = Descriptor::open(unbind_path(device, bus), O_WRONLY);
    write_all(file.get(), bus_name(device));
}

} // namespace parapet
