// SPDX-License-Identifier: MIT
//
// What becomes of a domain that has shut down: what its configuration says, unless it ends again and again right after
// its start. Pure.
#pragma once
#include "libparapet/domain_config.hpp"
#include <string>

namespace parapet {

inline constexpr double shortest_life = 5; // seconds
inline constexpr unsigned most_short_lives = 5;

/// Why a domain is shut down, from its flags: poweroff, reboot, suspend, crash, watchdog, soft-reset.
const char* shutdown_reason(std::uint32_t flags);

struct Decision {
    OnEnd action;
    unsigned short_lives; ///< In a row, with the one that has just ended.
    bool throttled;       ///< It would have been started again.
};

/// @p short_lives of the same domain went before this one, in a row; nobody knows how long it @p lived: 0.
Decision decide(const DomainConfig& config, const std::string& reason, unsigned short_lives, double lived);

} // namespace parapet
