// SPDX-License-Identifier: MIT
//
// See network_config.hpp.
#include "libparapet/network_config.hpp"
#include "libparapet/blake2b.hpp"
#include "libparapet/device_fields.hpp"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <net/if.h>
#include <sys/random.h>

namespace parapet {
namespace {

constexpr std::uint64_t default_interval_us = 50'000;
constexpr std::uint64_t most_bytes = 0xffffffff;

void set_mac(NetworkConfig& network, const Field& f)
{
    std::string mac = f.value;
    bool shape = mac.size() == 17;
    for (std::size_t i = 0; shape && i < mac.size(); ++i)
        shape = i % 3 == 2 ? mac[i] == ':' : std::isxdigit(static_cast<unsigned char>(mac[i])) != 0;
    if (!shape)
        throw ConfigError{f.at, fmt::format("'{}' is not a MAC address (six bytes: 00:16:3e:12:34:56)", f.value)};
    std::transform(mac.begin(), mac.end(), mac.begin(), [](unsigned char c) { return std::tolower(c); });
    if (std::stoul(mac.substr(0, 2), nullptr, 16) % 2 != 0)
        throw ConfigError{
            f.at, fmt::format("the MAC address {} is a group's (its first byte is odd), no interface's", f.value)};
    if (mac == "00:00:00:00:00:00") throw ConfigError{f.at, "the MAC address is all zero"};
    network.mac = mac;
    network.mac_given = true;
}

/// A device's name in Linux, or a complaint.
std::string interface_name(const Field& f)
{
    const std::string& name = f.value;
    const bool bad = name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
                     std::any_of(name.begin(), name.end(), [](unsigned char c) {
                         return c <= ' ' || c == '/' || c == ':' || c == '%' || c >= 0x7f;
                     });
    if (bad)
        throw ConfigError{f.at, fmt::format("{} '{}' cannot be a network device's name (1 to {} characters, no blank, "
                                            "'/', ':' or '%')",
                                            f.key, name, IFNAMSIZ - 1)};
    return name;
}

/// Takes the digits off the front of @p text, and a fraction behind them.
std::optional<double> take_amount(std::string_view& text)
{
    double amount = 0;
    const auto [stop, error] =
        std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
    if (error != std::errc{} || amount < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    return amount;
}

std::optional<double> bytes_per_second(std::string_view text)
{
    auto amount = take_amount(text);
    if (!amount) return std::nullopt;
    constexpr std::string_view scales = "KMG";
    if (!text.empty() && scales.find(text[0]) != std::string_view::npos) {
        for (std::size_t i = 0; i <= scales.find(text[0]); ++i)
            *amount *= 1000;
        text.remove_prefix(1);
    }
    if (text == "b/s") return *amount / 8;
    if (text == "B/s") return *amount;
    return std::nullopt;
}

std::optional<double> microseconds(std::string_view text)
{
    const auto amount = take_amount(text);
    if (!amount) return std::nullopt;
    if (text == "us") return *amount;
    if (text == "ms") return *amount * 1e3;
    if (text == "s") return *amount * 1e6;
    return std::nullopt;
}

/// 10Mb/s, 250KB/s@20ms
void set_rate(NetworkConfig& network, const Field& f)
{
    const std::string_view text = f.value;
    const std::size_t at = text.find('@');
    const auto speed = bytes_per_second(text.substr(0, at));
    const auto interval = at == std::string_view::npos ? std::optional{static_cast<double>(default_interval_us)}
                                                       : microseconds(text.substr(at + 1));
    if (!speed || !interval)
        throw ConfigError{f.at, fmt::format("rate '{}' is not of the form 10Mb/s, 250KB/s or 1GB/s@20ms", f.value)};
    const double bytes = std::floor(*speed * *interval / 1e6);
    if (*interval < 1 || *interval > 4e9 || bytes < 1 || bytes > static_cast<double>(most_bytes))
        throw ConfigError{f.at, fmt::format("rate '{}' comes to {:.0f} bytes in {:.0f} us; from 1 to {} bytes are "
                                            "possible",
                                            f.value, bytes, *interval, most_bytes)};
    network.rate = {static_cast<std::uint64_t>(bytes), static_cast<std::uint64_t>(*interval)};
}

void set_script(const Field& f)
{
    const std::string name = f.value.substr(f.value.rfind('/') + 1);
    if (name != "vif-bridge")
        throw ConfigError{f.at, fmt::format("script '{}': no scripts are run here: vmctl itself puts an interface on "
                                            "its bridge, as vif-bridge does",
                                            f.value)};
}

void set_key(NetworkConfig& network, const Field& f)
{
    if (f.key == "mac") return set_mac(network, f);
    if (f.key == "rate") return set_rate(network, f);
    if (f.key == "script") return set_script(f);
    if (f.key == "backend") return require_dom0(f);
    if (f.key == "bridge")
        network.bridge = interface_name(f);
    else if (f.key == "vifname")
        network.device = interface_name(f);
    else if (f.key == "ip")
        network.ip = f.value;
    else if (f.key == "gatewaydev" || (f.key == "type" && f.value != "vif"))
        network.warnings.emplace_back(f.at, fmt::format("'{}' has no effect here", f.key));
    else if (f.key != "type" && f.key != "model") // a model is of an emulated card, which a PV guest does not have
        unknown_field(f, "network interface",
                      {"mac", "bridge", "script", "ip", "vifname", "type", "backend", "rate", "model"});
}

/// Of the range that Xen's guests have; its upper half is of fully virtualized ones.
std::string mac_of(unsigned a, unsigned b, unsigned c)
{
    return fmt::format("00:16:3e:{:02x}:{:02x}:{:02x}", a & 0x7f, b, c);
}

} // namespace

std::string random_mac()
{
    unsigned char bytes[3];
    if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) fail_errno("getrandom");
    return mac_of(bytes[0], bytes[1], bytes[2]);
}

std::string derived_mac(std::span<const std::uint8_t> uuid, unsigned number)
{
    std::vector<std::uint8_t> from{uuid.begin(), uuid.end()};
    from.push_back(static_cast<std::uint8_t>(number));
    from.push_back(static_cast<std::uint8_t>(number >> 8));
    const std::string digest = blake2b_hex(std::as_bytes(std::span{from}));
    const auto byte = [&](std::size_t i) {
        return static_cast<unsigned>(std::stoul(digest.substr(2 * i, 2), nullptr, 16));
    };
    return mac_of(byte(0), byte(1), byte(2));
}

NetworkConfig parse_network(const ConfigValue& value)
{
    NetworkConfig network;
    network.at = value.at;
    for (const Field& f : device_fields(value, "network interface")) {
        if (!f.key.empty())
            set_key(network, f);
        else if (!f.value.empty())
            throw ConfigError{f.at, fmt::format("'{}' is not of the form key=value", f.value)};
    }
    return network;
}

} // namespace parapet
