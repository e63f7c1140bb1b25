// SPDX-License-Identifier: MIT
//
// vmctl vcpu-context: a vCPU's registers, as they were at one moment. The hypervisor stops the vCPU to read them.
#include "libparapet/registers.hpp"
#include "vmctl/verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

void show(Options& options, const std::string& name, std::uint32_t vcpu)
{
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_domain(tools, name);
    if (domain == 0) parapet::fail("domain 0 cannot stop itself to look at its own registers");
    if (!tools.hypervisor.vcpu(domain, vcpu)) parapet::fail("'{}' has no vCPU {}", name, vcpu);
    const auto context = tools.hypervisor.context(domain, vcpu);
    if (!context) parapet::fail("vCPU {} of '{}' was never started, it has no registers yet", vcpu, name);
    const parapet::Registers all = parapet::registers_of(*context);
    if (options.json) {
        Json out{{"domain", domain}, {"vcpu", vcpu}, {"kernel", (context->flags & PV_VGCF_IN_KERNEL) != 0}};
        for (const auto& [reg, value] : all)
            out[reg] = fmt::format("{:#018x}", value); // JSON's numbers end at 53 bits
        return print_json(out);
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        fmt::print("{:<7} {:016x}{}", all[i].first, all[i].second, i % 2 == 0 ? "   " : "\n");
}

} // namespace

void add_vcpu_context(CLI::App& app, Options& options)
{
    Verb verb{app, "vcpu-context", "Show a virtual CPU's registers"};
    auto domain = std::make_shared<std::string>();
    auto vcpu = std::make_shared<std::uint32_t>();
    verb.required("DOMAIN", *domain, "its name, number or UUID");
    verb.required("VCPU", *vcpu, "its number");
    verb.action([&options, domain, vcpu] { show(options, *domain, *vcpu); });
}

} // namespace vmctl
