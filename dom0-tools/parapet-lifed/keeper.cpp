// SPDX-License-Identifier: MIT
//
// See keeper.hpp. A restart is written down before the old domain goes, and struck out when the new one is there.
#include "parapet-lifed/keeper.hpp"
#include "libparapet/crash_card.hpp"
#include "libparapet/domain_devices.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/stop_signals.hpp"
#include "libparapet/xenstore_socket.hpp"
#include <algorithm>
#include <poll.h>
#include <unistd.h>

namespace lifed {

using parapet::DomainRecord;
using parapet::DomainState;
using parapet::DomainStates;
using parapet::OnEnd;

namespace {

constexpr unsigned most_failures = 5;
constexpr auto pause_after_failure = std::chrono::seconds{2};

/// The old domain keeps its memory for a look at it, under another name and UUID; its devices are for the new one.
std::string set_aside(parapet::Toolstack& tools, const DomainState& state)
{
    tools.hypervisor.set_handle(state.domain, parapet::random_uuid());
    parapet::remove_devices(tools.store, state.domain,
                            [&](const std::string& what) { fmt::print(stderr, "{}: {}\n", state.name, what); });
    for (unsigned n = 1;; ++n) {
        const std::string other = fmt::format("{}-{}", state.name, n);
        if (!parapet::find_domains(tools.store, other).empty()) continue;
        tools.store.write(parapet::domain_path(state.domain) + "/name", other);
        return other;
    }
}

/// What it had, also if that was changed since it was created.
std::uint64_t mib_node(parapet::Store& store, parapet::DomainId domain, const char* key)
{
    const auto text = store.read(parapet::domain_path(domain) + "/memory/" + key);
    return text ? std::strtoull(text->c_str(), nullptr, 10) >> 10 : 0;
}

parapet::DomainConfig config_of(const DomainRecord& record, std::optional<parapet::DeviceLists> devices)
{
    parapet::DomainConfig c = parapet::interpret(record.source, parapet::FileCheck::readable);
    parapet::assign_uuid(c, record.uuid);
    c.name = record.name;
    if (record.memory_mib != 0) c.memory_mib = record.memory_mib;
    c.max_memory_mib = std::max({c.memory_mib, record.max_memory_mib});
    if (devices) {
        c.disks = std::move(devices->disks);
        c.networks = std::move(devices->networks);
    }
    return c;
}

parapet::DomainEvent event(const char* what, const DomainState& s) { return {what, s.domain, s.uuid, s.name}; }

} // namespace

void Keeper::run(const sigset_t& sleeping)
{
    while (!parapet::stop_wanted())
        try {
            if (!tools_) connect();
            look();
            wait(sleeping);
        } catch (const parapet::Error& e) { // of xenstore: all else is caught where it concerns one domain
            tools_.reset();
            if (!std::exchange(away_, true))
                Journal::complain(fmt::format("{}; waiting for it to come back", e.what()));
            const timespec pause{1, 0};
            ::ppoll(nullptr, 0, &pause, &sleeping);
        }
}

void Keeper::connect()
{
    const bool here = parapet::xenstored_listens();
    if (was_here_ && !here) throw parapet::Error{"xenstored does not listen", ECONNREFUSED};
    was_here_ = here;
    auto tools = std::make_unique<parapet::Toolstack>();
    tools->store.watch("@introduceDomain", "domains");
    tools->store.watch("@releaseDomain", "domains");
    tools_ = std::move(tools);
    know_it_ = false;
    if (std::exchange(away_, false)) Journal::complain("xenstore is back");
}

void Keeper::wait(const sigset_t& sleeping)
{
    if (tools_->store.event_waits()) return;
    const auto left = std::max(look_at_ - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), std::chrono::nanoseconds{left - seconds}.count()};
    pollfd fd{tools_->store.fd(), POLLIN, 0};
    const bool for_ever = look_at_ == Clock::time_point::max();
    if (::ppoll(&fd, 1, for_ever ? nullptr : &timeout, &sleeping) < 0 && errno != EINTR) parapet::fail_errno("poll");
}

void Keeper::look()
{
    while (tools_->store.take_event()) {
    }
    look_at_ = Clock::time_point::max();
    // The records first: a domain that is not there after its record was seen has gone, and is not still to come.
    auto all = records_.all(Journal::complain);
    parapet::DomainStates now = parapet::look_at_domains(*tools_);
    report(now, all);
    for (DomainRecord& r : all) {
        const auto state =
            std::find_if(now.begin(), now.end(), [&](const auto& s) { return s.uuid == r.uuid && !s.dying; });
        try {
            state != now.end() ? serve(*state, r) : r.pending ? start_again(r) : records_.remove(r.uuid);
        } catch (const std::exception& e) {
            (void)tools_->store.exists("/"); // throws if it is xenstore that is gone
            give_up(r, e.what());
        }
    }
    know_it_ = true;
}

/// Ends that nobody has acted upon are news also to who comes late; what else was before is not.
void Keeper::report(DomainStates& now, const std::vector<DomainRecord>& all)
{
    if (std::exchange(first_look_, false)) {
        seen_ = now;
        for (DomainState& s : seen_)
            if (std::any_of(all.begin(), all.end(), [&](const auto& r) { return r.uuid == s.uuid && !r.settled; }))
                s.shut_down = false;
    }
    for (const auto& e : parapet::changes(seen_, now))
        journal_.note(e);
    seen_ = now;
}

void Keeper::serve(const DomainState& state, DomainRecord& record)
{
    if (!know_it_ && !tools_->store.exists(parapet::domain_path(state.domain) + "/name") && records_.find(record.uuid))
        republish(state, record);
    if (state.shut_down) {
        DomainState named = state;
        if (named.name.empty()) named.name = record.name; // one that xenstore had forgotten
        // Of one that is suspended, who had it suspended takes care.
        if (record.watched && !record.settled && state.reason != "suspend") act(named, record);
    } else if (record.pending && state.paused) { // one before us was killed while it built it
        parapet::destroy_domain(*tools_, state.domain);
        start_again(record);
    } else if (record.pending || record.settled) {
        record.pending = record.settled = false;
        (void)records_.update(record); // or it was destroyed just now
    }
}

void Keeper::act(const DomainState& state, DomainRecord& record)
{
    const auto config = parapet::interpret(record.source, parapet::FileCheck::none);
    const double lived = parapet::boot_seconds() - record.started;
    const auto d = parapet::decide(config, state.reason, record.short_lives, lived);
    parapet::DomainEvent done = event("action", state);
    done.reason = state.reason;
    done.detail = parapet::name(d.action);
    if (d.throttled)
        done.detail += fmt::format(": it ended {} times right after its start; it is not started again", d.short_lives);
    journal_.note(done);
    if (state.reason == "crash" || state.reason == "watchdog") keep_card(state, record, parapet::to_json(done));
    record.short_lives = d.short_lives;
    record.settled = d.action == OnEnd::preserve;
    if (record.settled) return (void)records_.update(record);
    if (d.action != OnEnd::destroy) return begin_again(state, record, d.action == OnEnd::rename_restart);
    if (!parapet::destroy_domain(*tools_, state.domain)) journal_.note(event("still dying", state));
    records_.remove(record.uuid);
}

void Keeper::keep_card(const DomainState& state, const DomainRecord& record, nlohmann::ordered_json card)
{
    ::usleep(200'000); // the console daemon takes the last lines, too
    try {
        card.update(parapet::make_card(tools_->hypervisor, state.domain, record.name));
        parapet::save_card(state.name, card);
    } catch (const std::exception& e) { // a full disk must not keep the domain from being started again
        Journal::complain(fmt::format("no crash card of '{}': {}", state.name, e.what()));
    }
}

void Keeper::begin_again(const DomainState& state, DomainRecord& record, bool aside)
{
    record.name = state.name;
    record.memory_mib = mib_node(tools_->store, state.domain, "target");
    record.max_memory_mib = mib_node(tools_->store, state.domain, "static-max");
    record.pending = true;
    record.failures = 0;
    if (!records_.update(record)) return; // who destroys it for good has taken the record away, and the domain is next
    if (aside) {
        parapet::DomainEvent e = event("renamed", state);
        e.detail = "now " + set_aside(*tools_, state);
        journal_.note(e);
    } else if (!parapet::destroy_domain(*tools_, state.domain)) {
        journal_.note(event("still dying", state));
    }
    start_again(record);
}

void Keeper::start_again(DomainRecord& record)
{
    if (record.failures != 0 && Clock::now() < retry_at_) {
        look_at_ = retry_at_;
        return;
    }
    try {
        const parapet::DomainConfig config = config_of(record, records_.find_devices(record.uuid));
        parapet::Steps steps{[](const parapet::Step&) {}};
        const auto domain = parapet::create_domain(*tools_, config, steps);
        record.rings = domain->rings;
        record.started = parapet::boot_seconds();
        if (!records_.update(record)) return; // destroyed for good meanwhile: it does not come to life again
        parapet::start(*tools_, domain->id());
        domain->keep();
    } catch (const parapet::Error& e) {
        (void)tools_->store.exists("/"); // throws if it is xenstore that is gone
        if (++record.failures == most_failures) return give_up(record, e.what());
        if (!records_.update(record)) return;
        journal_.note({"not started", 0, record.uuid, record.name, "", e.what()});
        look_at_ = retry_at_ = Clock::now() + pause_after_failure;
        return;
    }
    record.pending = false;
    (void)records_.update(record);
}

void Keeper::give_up(const DomainRecord& record, const std::string& why)
{
    journal_.note({"given up", 0, record.uuid, record.name, "", why});
    records_.remove(record.uuid);
}

/// A xenstored that was started anew knows no domain. The guest's own requests are served again, but what it had asked
/// to be told of is forgotten.
void Keeper::republish(const DomainState& state, const DomainRecord& record)
{
    parapet::DomainConfig config = parapet::interpret(record.source, parapet::FileCheck::none);
    parapet::assign_uuid(config, record.uuid);
    config.name = record.name;
    parapet::write_nodes(tools_->store, state.domain, config);
    parapet::introduce(tools_->store, state.domain, record.rings);
    journal_.note({"forgotten", state.domain, record.uuid, record.name, "",
                   "by xenstore, and made known to it again; it will not hear of a shutdown or a changed device until "
                   "it is started again"});
    look_at_ = Clock::now();
}

} // namespace lifed
