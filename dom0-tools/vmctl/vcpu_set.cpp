// SPDX-License-Identifier: MIT
//
// vmctl vcpu-set: asks a guest, through xenstore, to use so many of its vCPUs, and sees that it does.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"
#include <chrono>
#include <unistd.h>

namespace vmctl {
namespace {

constexpr std::chrono::seconds patience{5};

std::uint32_t most_of(parapet::Toolstack& tools, parapet::DomainId domain)
{
    const auto info = tools.hypervisor.find(domain);
    if (!info) parapet::fail("domain {} is gone", domain);
    return info->max_vcpu_id + 1;
}

std::uint32_t online(parapet::Toolstack& tools, parapet::DomainId domain, std::uint32_t most)
{
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < most; ++i) {
        const auto v = tools.hypervisor.vcpu(domain, i);
        n += v && v->online != 0 ? 1 : 0;
    }
    return n;
}

/// How many are online in the end.
std::uint32_t wait_for(parapet::Toolstack& tools, parapet::DomainId domain, std::uint32_t most, std::uint32_t wanted)
{
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const std::uint32_t n = online(tools, domain, most);
        if (n == wanted || std::chrono::steady_clock::now() > end) return n;
        ::usleep(50'000);
    }
}

std::string hint(const parapet::DomainInfo& info, std::uint32_t now, std::uint32_t wanted)
{
    if ((info.flags & PV_DOMINF_PAUSED) != 0) return "it is paused: vmctl unpause lets it follow";
    if (now > wanted) return "its kernel did not put them down; it may still be starting";
    return "a Linux guest's user space must start added CPUs: echo 1 > /sys/devices/system/cpu/cpuN/online";
}

void set(Options& options, const std::string& name, std::uint32_t wanted)
{
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_domain(tools, name);
    const std::uint32_t most = most_of(tools, domain);
    if (wanted == 0) parapet::fail("a domain keeps at least one vCPU (vmctl pause stops it)");
    if (wanted > most)
        parapet::fail("{} vCPUs: '{}' has {} at most (maxvcpus, which is fixed when it is created)", wanted, name,
                      most);
    tools.store.transaction([&] {
        for (std::uint32_t i = 0; i < most; ++i)
            tools.store.write(fmt::format("{}/cpu/{}/availability", parapet::domain_path(domain), i),
                              i < wanted ? "online" : "offline");
        return true;
    });
    const std::uint32_t now = wait_for(tools, domain, most, wanted);
    const auto info = tools.hypervisor.find(domain);
    if (!info) parapet::fail("domain {} is gone", domain);
    if (now != wanted)
        parapet::fail("'{}' was asked for {} vCPUs and uses {}: {}", name, wanted, now, hint(*info, now, wanted));
    if (options.json) print_json({{"domain", domain}, {"online", now}, {"max", most}});
}

} // namespace

void add_vcpu_set(CLI::App& app, Options& options)
{
    CLI::App* verb = add_verb(app, "vcpu-set", "Say how many of its virtual CPUs a domain uses");
    auto domain = std::make_shared<std::string>();
    auto count = std::make_shared<std::uint32_t>();
    verb->add_option("DOMAIN", *domain, "its name, number or UUID")->required();
    verb->add_option("COUNT", *count, "1 to its maxvcpus")->required();
    verb->callback([&options, domain, count] { set(options, *domain, *count); });
}

} // namespace vmctl
