// SPDX-License-Identifier: MIT
//
// vmctl dmesg [-c]: the hypervisor's log.
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>
#include <sstream>

namespace vmctl {

void add_dmesg(CLI::App& app, Options& options)
{
    Verb verb{app, "dmesg", "Print the hypervisor's log"};
    auto clear = std::make_shared<bool>(false);
    verb.flag("-c,--clear", *clear, "and empty it");
    verb.action([&options, clear] {
        parapet::Hypervisor hypervisor;
        const std::string log = hypervisor.console_log(*clear);
        if (!options.json) {
            std::fwrite(log.data(), 1, log.size(), stdout);
            return;
        }
        Json lines = Json::array();
        std::istringstream in{log};
        for (std::string line; std::getline(in, line);)
            lines.push_back(line);
        print_json(lines);
    });
}

} // namespace vmctl
