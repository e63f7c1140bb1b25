// SPDX-License-Identifier: MIT
//
// What happened to the domains of this machine and what was done about it: lines of JSON in a file, for `vmctl events`,
// and the same for people on standard output.
#pragma once
#include "libparapet/domain_events.hpp"
#include "libparapet/log_file.hpp"
#include <cstdio>
#include <nlohmann/json.hpp>

namespace lifed {

class Journal {
public:
    static constexpr const char* path = "/var/log/parapet-events.log"; ///< Not beside the guests' logs.

    void note(const parapet::DomainEvent& event)
    {
        const auto json = parapet::to_json(event);
        using Json = nlohmann::ordered_json;
        file_.append(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
        fmt::print("{}\n", parapet::describe(json));
        std::fflush(stdout);
    }
    /// What has nothing to do with one domain.
    static void complain(const std::string& what)
    {
        fmt::print(stderr, "parapet-lifed: {}\n", what);
        std::fflush(stderr);
    }

private:
    parapet::LogFile file_{path, 1 << 20};
};

} // namespace lifed
