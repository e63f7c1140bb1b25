// SPDX-License-Identifier: MIT
//
// vmctl mem-set and mem-max: how much memory a domain shall have now, which its balloon driver follows, and may have at
// most.
#include "libparapet/create_lock.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/memory_size.hpp"
#include "vmctl/life_verbs.hpp"
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

constexpr std::uint64_t slack_kib = 1024; // as when a domain is created

struct Arguments {
    std::string domain, amount;
    bool wait{false};
    unsigned timeout{60};
};

struct Memory {
    parapet::DomainId domain;
    std::uint64_t now_kib, target_kib, most_kib;
    bool paused;
};

std::uint64_t node(parapet::Store& store, parapet::DomainId id, const char* key, std::uint64_t missing)
{
    const auto text = store.read(parapet::domain_path(id) + "/memory/" + key);
    return text ? std::strtoull(text->c_str(), nullptr, 10) : missing;
}

Memory look_at(parapet::Toolstack& tools, const std::string& name)
{
    const parapet::DomainId id = require_domain(tools, name);
    const auto info = tools.hypervisor.find(id);
    if (!info) throw parapet::Error{fmt::format("domain {} is gone", id), ESRCH};
    if ((info->flags & (PV_DOMINF_SHUTDOWN | PV_DOMINF_DYING)) != 0) parapet::fail("'{}' is down", name);
    const std::uint64_t now = info->tot_pages * 4;
    const std::uint64_t machine = tools.hypervisor.physinfo().total_pages;
    return {id, now, node(tools.store, id, "target", now),
            node(tools.store, id, "static-max", std::min<std::uint64_t>(info->max_pages, machine) * 4),
            (info->flags & PV_DOMINF_PAUSED) != 0};
}

void refuse(const Memory& m, std::uint64_t wanted, const Arguments& a)
{
    if (wanted > m.most_kib)
        parapet::fail("'{}' may have {} MiB at most, not {} (maxmem; `vmctl mem-max` changes it)", a.domain,
                      m.most_kib >> 10, wanted >> 10);
    if (m.domain == 0 && wanted >> 10 < parapet::dom0_floor_mib())
        parapet::fail("domain 0 keeps at least {} MiB (PARAPET_DOM0_MIN)", parapet::dom0_floor_mib());
    if (m.paused && a.wait) parapet::fail("'{}' is paused and would not follow: vmctl unpause", a.domain);
}

void set(Options& options, const Arguments& a)
{
    const std::uint64_t wanted = parapet::parse_memory(a.amount);
    parapet::Toolstack tools;
    parapet::Loan loan{tools.store, parapet::FileLock{parapet::create_lock}};
    const Memory m = look_at(tools, a.domain);
    refuse(m, wanted, a);
    if (m.domain != 0 && wanted > m.now_kib) loan.make_room(tools.hypervisor, (wanted - m.now_kib) / 4);
    if (m.domain != 0) tools.hypervisor.set_max_memory(m.domain, wanted + slack_kib);
    loan.keep();
    tools.store.write(parapet::domain_path(m.domain) + "/memory/target", fmt::format("{}", wanted));
    std::uint64_t now = m.now_kib;
    const bool there = wait_until(in_seconds(a.wait ? a.timeout : 0), [&] {
        const auto info = tools.hypervisor.find(m.domain);
        if (!info) throw parapet::Error{fmt::format("domain {} is gone", m.domain), ESRCH};
        now = info->tot_pages * 4;
        return now <= wanted + slack_kib && now + slack_kib >= wanted;
    });
    if (a.wait && !there)
        throw parapet::Error{fmt::format("'{}' has {} MiB after {} s, not {}: its balloon driver does not follow (it "
                                         "may still be starting, or need the memory)",
                                         a.domain, now >> 10, a.timeout, wanted >> 10),
                             ETIMEDOUT};
    if (options.json) print_json({{"domain", m.domain}, {"target_kib", wanted}, {"memory_kib", now}});
}

void set_most(Options& options, const Arguments& a)
{
    const std::uint64_t wanted = parapet::parse_memory(a.amount);
    parapet::Toolstack tools;
    const parapet::FileLock lock{parapet::create_lock};
    const Memory m = look_at(tools, a.domain);
    if (m.domain == 0) parapet::fail("domain 0's most is said at boot (dom0_mem=)");
    if (wanted < m.target_kib)
        parapet::fail("'{}' shall have {} MiB now, which is more than {}: vmctl mem-set first", a.domain,
                      m.target_kib >> 10, wanted >> 10);
    tools.hypervisor.set_max_memory(m.domain, wanted + slack_kib);
    tools.store.write(parapet::domain_path(m.domain) + "/memory/static-max", fmt::format("{}", wanted));
    if (options.json) print_json({{"domain", m.domain}, {"max_kib", wanted}});
}

Verb add(CLI::App& app, const char* name, const char* help, const std::shared_ptr<Arguments>& a)
{
    Verb verb{app, name, help};
    verb.required("DOMAIN", a->domain, "its name, number or UUID");
    verb.required("MEMORY", a->amount, "MiB, or with k, m, g or t behind it");
    return verb;
}

} // namespace

void add_mem_set(CLI::App& app, Options& options)
{
    auto a = std::make_shared<Arguments>();
    Verb verb = add(app, "mem-set", "Say how much memory a domain shall have", a);
    verb.flag("-w,--wait", a->wait, "return once it has it");
    verb.option("--timeout", a->timeout, "how many seconds to wait (60)");
    verb.action([&options, a] { set(options, *a); });
}

void add_mem_max(CLI::App& app, Options& options)
{
    auto a = std::make_shared<Arguments>();
    Verb verb = add(app, "mem-max", "Say how much memory a domain may have at most", a);
    verb.action([&options, a] { set_most(options, *a); });
}

} // namespace vmctl
