// SPDX-License-Identifier: MIT
//
// One vif = entry of xl.cfg: a guest's network interface on a bridge of domain 0.
#pragma once
#include "libparapet/config.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace parapet {

/// What the guest may send: so many bytes in each interval.
struct NetworkRate {
    std::uint64_t bytes;
    std::uint64_t interval_us;
};

struct NetworkConfig {
    std::string mac; ///< In lower case. A domain's interface for which none was given has one derived from its UUID.
    bool mac_given{false};
    std::string bridge; ///< Empty: xenbr0, or the only one there is.
    std::string ip;
    std::string device; ///< Its name in domain 0; empty: vifDOMAIN.NUMBER.
    std::optional<NetworkRate> rate;
    std::optional<unsigned> number; ///< Of the interface; if none is given, the first that is free.
    Position at;
    std::vector<std::pair<Position, std::string>> warnings; ///< Of what has no effect here.
};

NetworkConfig parse_network(const ConfigValue& value);

/// Of the range that Xen's guests have, 00:16:3e.
std::string random_mac();

/// Of the same range, for interface @p number of a domain: the same each time the domain is started.
std::string derived_mac(std::span<const std::uint8_t> uuid, unsigned number);

} // namespace parapet
