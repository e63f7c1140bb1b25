// SPDX-License-Identifier: MIT
//
// vmctl vcpu-set: asks a guest, through xenstore, to use so many of its vCPUs, and sees that it does.
#include "libparapet/domain_nodes.hpp"
#include "vmctl/verbs.hpp"
#include <chrono>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace vmctl {
namespace {

struct Arguments {
    std::string domain;
    std::uint32_t count{0};
    unsigned timeout{30};
};

bool is_paused(const parapet::DomainInfo& info) { return (info.flags & PV_DOMINF_PAUSED) != 0; }

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

/// How many are online in the end. A paused domain does not follow: it is not waited for.
std::uint32_t wait_for(parapet::Toolstack& tools, parapet::DomainId domain, std::uint32_t most, const Arguments& a)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{a.timeout};
    for (;;) {
        const std::uint32_t n = online(tools, domain, most);
        if (n == a.count || std::chrono::steady_clock::now() > end) return n;
        if (const auto info = tools.hypervisor.find(domain); !info || is_paused(*info)) return n;
        ::usleep(50'000);
    }
}

std::string hint(const parapet::DomainInfo& info, std::uint32_t now, const Arguments& a)
{
    if (is_paused(info)) return ": it is paused: vmctl unpause lets it follow";
    return fmt::format(" after {} s: {}", a.timeout,
                       now > a.count ? "its kernel did not put them down; it may still be starting"
                                     : "a Linux guest's user space must start added CPUs: echo 1 > "
                                       "/sys/devices/system/cpu/cpuN/online; --timeout waits longer");
}

void set(Options& options, const Arguments& a)
{
    parapet::Toolstack tools;
    const parapet::DomainId domain = require_domain(tools, a.domain);
    const std::uint32_t most = most_of(tools, domain);
    if (a.count == 0) parapet::fail("a domain keeps at least one vCPU (vmctl pause stops it)");
    if (a.count > most)
        parapet::fail("{} vCPUs: '{}' has {} at most (maxvcpus, which is fixed when it is created)", a.count, a.domain,
                      most);
    tools.store.transaction([&] {
        for (std::uint32_t i = 0; i < most; ++i)
            tools.store.write(fmt::format("{}/cpu/{}/availability", parapet::domain_path(domain), i),
                              i < a.count ? "online" : "offline");
        return true;
    });
    const std::uint32_t now = wait_for(tools, domain, most, a);
    const auto info = tools.hypervisor.find(domain);
    if (!info) parapet::fail("domain {} is gone", domain);
    if (now != a.count)
        parapet::fail("'{}' was asked for {} vCPUs and uses {}{}", a.domain, a.count, now, hint(*info, now, a));
    if (options.json) print_json({{"domain", domain}, {"online", now}, {"max", most}});
}

} // namespace

void add_vcpu_set(CLI::App& app, Options& options)
{
    Verb verb{app, "vcpu-set", "Say how many of its virtual CPUs a domain uses"};
    auto a = std::make_shared<Arguments>();
    verb.required("DOMAIN", a->domain, "its name, number or UUID");
    verb.required("COUNT", a->count, "1 to its maxvcpus");
    verb.option("--timeout", a->timeout, "how many seconds to wait for the guest to follow (30)");
    verb.action([&options, a] { set(options, *a); });
}

} // namespace vmctl
