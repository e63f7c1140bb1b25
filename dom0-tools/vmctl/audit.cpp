// SPDX-License-Identifier: MIT
//
// vmctl audit: has the hypervisor recount every reference to every frame, and shows what it logs about that. Fails
// unless the log says that all is well.
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>
#include <sstream>

namespace vmctl {
namespace {

/// What @p after has that @p before had not; both are windows on the same log.
std::string news(const std::string& before, const std::string& after)
{
    if (after.starts_with(before)) return after.substr(before.size());
    const std::string tail = before.substr(before.size() > 512 ? before.size() - 512 : 0);
    const std::size_t at = after.rfind(tail);
    return at == std::string::npos ? after : after.substr(at + tail.size());
}

} // namespace

void add_audit(CLI::App& app, Options& options)
{
    Verb verb{app, "audit", "Have the hypervisor check its own books"};
    verb.action([&options] {
        parapet::Hypervisor hypervisor;
        const std::string before = hypervisor.console_log(false);
        hypervisor.debug_keys("A");
        std::istringstream in{news(before, hypervisor.console_log(false))};
        Json lines = Json::array();
        bool clean = false;
        for (std::string line; std::getline(in, line);) {
            if (line.find("audit") == std::string::npos) continue;
            lines.push_back(line);
            clean = clean || line.find("audit: clean") != std::string::npos;
        }
        if (options.json)
            print_json({{"clean", clean}, {"log", lines}});
        else
            for (const auto& line : lines)
                fmt::print("{}\n", line.get<std::string>());
        if (lines.empty()) parapet::fail("this hypervisor has no auditor");
        if (!clean) parapet::fail("the audit found errors");
    });
}

} // namespace vmctl
