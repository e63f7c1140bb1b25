// SPDX-License-Identifier: MIT
//
// See networks.hpp.
#include "libparapet/networks.hpp"
#include "libparapet/bridge.hpp"
#include "libparapet/domain_nodes.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace parapet {
namespace {

constexpr const char* usual_bridge = "xenbr0";
/// The kernel's backend refuses a device that names none; it is not run here. Other tools run it when they remove one.
constexpr const char* script = "/etc/xen/scripts/vif-bridge";

std::string bridge_of(const NetworkConfig& network)
{
    const std::vector<std::string> all = bridges();
    std::string wanted = network.bridge;
    if (wanted.empty()) wanted = all.size() == 1 ? all[0] : usual_bridge;
    if (is_bridge(wanted)) return wanted;
    if (is_network_device(wanted)) fail("{} is no bridge", wanted);
    fail("there is no bridge {}{}: {}", wanted, network.bridge.empty() ? " (which is meant when none is named)" : "",
         all.empty() ? "domain 0 has none at all (ip link add " + wanted + " type bridge makes one)"
                     : fmt::format("domain 0 has {}", fmt::join(all, ", ")));
}

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

void refuse_taken(Store& store, const NetworkConfig& network)
{
    for (const Device& d : all_devices(store, DeviceKind::network))
        if (lower(store.read(backend_path(d) + "/mac").value_or("")) == network.mac)
            fail("the MAC address {} is that of interface {} of '{}'", network.mac, d.number,
                 domain_name(store, d.domain));
    if (!network.device.empty() && is_network_device(network.device))
        fail("domain 0 has a network device {} already", network.device);
}

unsigned free_number(Store& store, unsigned domain)
{
    unsigned number = 0;
    for (const Device& d : devices_of(store, domain, DeviceKind::network)) // in order
        if (d.number == number) ++number;
    return number;
}

DeviceNodes nodes_of(const NetworkConfig& network, const std::string& bridge, unsigned number)
{
    const std::string handle = fmt::format("{}", number);
    DeviceNodes nodes{
        {{"handle", handle}, {"mac", network.mac}},
        {{"script", script}, {"mac", network.mac}, {"bridge", bridge}, {"handle", handle}, {"type", "vif"}}};
    if (!network.ip.empty()) nodes.back.emplace_back("ip", network.ip);
    if (!network.device.empty()) nodes.back.emplace_back("vifname", network.device);
    if (network.rate)
        nodes.back.emplace_back("rate", fmt::format("{},{}", network.rate->bytes, network.rate->interval_us));
    return nodes;
}

/// As the backend calls it.
std::string device_name(const Device& d) { return fmt::format("vif{}.{}", d.domain, d.number); }

} // namespace

void check_networks(Store& store, const std::vector<NetworkConfig>& networks)
{
    for (const NetworkConfig& network : networks)
        blaming(network.at, "vif", [&] {
            (void)bridge_of(network);
            refuse_taken(store, network);
            for (const NetworkConfig* other = networks.data(); other != &network; ++other) {
                if (other->mac == network.mac) fail("the MAC address {} stands there twice", network.mac);
                if (!network.device.empty() && other->device == network.device)
                    fail("the vifname {} stands there twice", network.device);
            }
        });
}

Device attach_network(Store& store, unsigned domain, const NetworkConfig& network)
{
    const std::string bridge = bridge_of(network);
    refuse_taken(store, network);
    const unsigned number = network.number ? *network.number : free_number(store, domain);
    const Device device{DeviceKind::network, domain, number};
    NewDevice made{store, device, nodes_of(network, bridge, device.number)};
    std::string name = device_name(device);
    wait_for_backend(store, device,
                     [&] { return backend_state(store, device) >= BusState::init_wait && is_network_device(name); });
    if (!network.device.empty()) {
        rename_device(name, network.device);
        name = network.device;
    }
    join_bridge(name, bridge);
    store.write(backend_path(device) + "/hotplug-status", "connected"); // the backend waits for this
    return made.keep();
}

std::vector<NetworkStatus> networks_of(Store& store, unsigned domain)
{
    std::vector<NetworkStatus> all;
    for (const Device& d : devices_of(store, domain, DeviceKind::network)) {
        const std::string back = backend_path(d);
        const auto nodes = store.read_all({back + "/mac", back + "/bridge", back + "/ip", back + "/vifname"});
        all.push_back({d, nodes[0].value_or(""), nodes[1].value_or(""), nodes[2].value_or(""),
                       nodes[3].value_or(device_name(d)), backend_state(store, d), frontend_state(store, d)});
    }
    return all;
}

} // namespace parapet
