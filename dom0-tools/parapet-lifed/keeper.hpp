// SPDX-License-Identifier: MIT
//
// Acts on the end of domains. What it must know is in the hypervisor, in xenstore and in the domains' records: it may
// be killed between any two steps, and the next one goes on from there. One thread.
#pragma once
#include "libparapet/domain_events.hpp"
#include "libparapet/domain_record.hpp"
#include "libparapet/end_policy.hpp"
#include "parapet-lifed/journal.hpp"
#include <chrono>
#include <csignal>
#include <memory>

namespace lifed {

class Keeper {
public:
    explicit Keeper(Journal& journal) : journal_{journal} {}
    /// Until a stop signal comes. @p sleeping is the signal mask while there is nothing to do; else they are blocked.
    void run(const sigset_t& sleeping);

private:
    using Clock = std::chrono::steady_clock;

    void connect();
    void wait(const sigset_t& sleeping);
    void look();
    void report(parapet::DomainStates& now, const std::vector<parapet::DomainRecord>& all);
    void serve(const parapet::DomainState& state, parapet::DomainRecord& record);
    void act(const parapet::DomainState& state, parapet::DomainRecord& record);
    void keep_card(const parapet::DomainState& state, const parapet::DomainRecord& record, nlohmann::ordered_json card);
    void begin_again(const parapet::DomainState& state, parapet::DomainRecord& record, bool aside);
    void start_again(parapet::DomainRecord& record);
    void give_up(const parapet::DomainRecord& record, const std::string& why);
    void republish(const parapet::DomainState& state, const parapet::DomainRecord& record);

    Journal& journal_;
    parapet::Records records_;
    std::unique_ptr<parapet::Toolstack> tools_; ///< None while xenstore is away.
    parapet::DomainStates seen_;
    bool first_look_{true}, away_{false};
    bool was_here_{false};                                ///< xenstored, in this domain.
    bool know_it_{false};                                 ///< xenstored is the one that we have looked at before.
    Clock::time_point look_at_{Clock::time_point::max()}; ///< Even when nothing happens.
    Clock::time_point retry_at_{};                        ///< After a restart has failed.
};

} // namespace lifed
