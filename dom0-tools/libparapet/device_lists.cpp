// SPDX-License-Identifier: MIT
//
// See device_lists.hpp.
#include "libparapet/device_lists.hpp"
#include <nlohmann/json.hpp>

namespace parapet {

using Json = nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Position, file, line, column)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DiskConfig, target, format, device, writable, forced, discard, direct_io, number, at)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NetworkRate, bytes, interval_us)

static void to_json(Json& j, const NetworkConfig& n)
{
    j = {{"mac", n.mac}, {"bridge", n.bridge}, {"ip", n.ip}, {"device", n.device}, {"at", n.at}};
    if (n.rate) j["rate"] = *n.rate;
    if (n.number) j["number"] = *n.number;
}

static void from_json(const Json& j, NetworkConfig& n)
{
    j.at("mac").get_to(n.mac);
    j.at("bridge").get_to(n.bridge);
    j.at("ip").get_to(n.ip);
    j.at("device").get_to(n.device);
    j.at("at").get_to(n.at);
    if (j.contains("rate")) n.rate = j.at("rate").get<NetworkRate>();
    if (j.contains("number")) n.number = j.at("number").get<unsigned>();
    n.mac_given = true;
}

std::vector<std::uint8_t> to_cbor(const DeviceLists& lists)
{
    return Json::to_cbor(Json{{"disks", lists.disks}, {"networks", lists.networks}});
}

DeviceLists device_lists(const std::string& bytes, const std::string& file)
{
    try {
        const Json j = Json::from_cbor(bytes);
        return {j.at("disks").get<std::vector<DiskConfig>>(), j.at("networks").get<std::vector<NetworkConfig>>()};
    } catch (const Json::exception& e) {
        fail("{}: it is no record of a domain's devices ({})", file, e.what());
    }
}

} // namespace parapet
