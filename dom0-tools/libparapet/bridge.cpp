// SPDX-License-Identifier: MIT
//
// See bridge.hpp.
#include "libparapet/bridge.hpp"
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include <algorithm>
#include <filesystem>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr const char* devices = "/sys/class/net/";

/// A request about the device of this name.
ifreq about(const std::string& name)
{
    ifreq request{};
    if (name.size() >= sizeof request.ifr_name) fail("'{}' is too long for a network device's name", name);
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return request;
}

Descriptor any_socket()
{
    Descriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) fail_errno("no socket");
    return socket;
}

} // namespace

bool is_network_device(const std::string& name) { return ::access((devices + name).c_str(), F_OK) == 0; }
bool is_bridge(const std::string& name) { return ::access((devices + name + "/bridge").c_str(), F_OK) == 0; }

std::vector<std::string> bridges()
{
    std::vector<std::string> found;
    std::error_code ignored; // no network at all
    for (const auto& entry : std::filesystem::directory_iterator{devices, ignored})
        if (is_bridge(entry.path().filename())) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
}

void rename_device(const std::string& from, const std::string& to)
{
    ifreq request = about(from);
    const ifreq wanted = about(to);
    std::copy(std::begin(wanted.ifr_name), std::end(wanted.ifr_name), std::begin(request.ifr_newname));
    if (::ioctl(any_socket().get(), SIOCSIFNAME, &request) != 0) fail_errno("cannot rename {} to {}", from, to);
}

void join_bridge(const std::string& device, const std::string& bridge)
{
    const Descriptor socket = any_socket();
    ifreq request = about(bridge);
    if (::ioctl(socket.get(), SIOCGIFMTU, &request) != 0) fail_errno("{}", bridge);
    const int mtu = request.ifr_mtu;
    request = about(device);
    request.ifr_mtu = mtu;
    if (::ioctl(socket.get(), SIOCSIFMTU, &request) != 0) fail_errno("{} cannot have the MTU {}", device, mtu);
    request = about(bridge);
    request.ifr_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
    if (::ioctl(socket.get(), SIOCBRADDIF, &request) != 0) fail_errno("{} cannot join {}", device, bridge);
    request = about(device);
    if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) fail_errno("{}", device);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) fail_errno("{} cannot be switched on", device);
}

} // namespace parapet
