// SPDX-License-Identifier: MIT
//
// What happens to domains, found by comparing what the hypervisor lists before and after xenstored has told of a
// change. What comes and goes between two looks is not seen. A number is a domain: it is given again only after all
// others, and a domain that is set aside changes its UUID.
#pragma once
#include "libparapet/lifecycle.hpp"
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace parapet {

struct DomainState {
    DomainId domain{0};
    DomainHandle uuid{};
    std::string name; ///< Empty while it has none in xenstore.
    bool shut_down{false}, dying{false}, paused{false};
    std::string reason{}; ///< If shut down.
};
using DomainStates = std::vector<DomainState>;

/// All domains but domain 0, by their numbers.
DomainStates look_at_domains(Toolstack& tools);

struct DomainEvent {
    std::string what; ///< created, shutdown, crashed, destroyed; parapet-lifed has more
    DomainId domain{0};
    DomainHandle uuid{};
    std::string name;
    std::string reason{}; ///< Of shutdown and crashed.
    std::string detail{}; ///< More words, for people.
};

/// From @p before to @p after. A domain that is being built is created once it has a name; in @p after, one that has
/// lost its name keeps the one it had.
std::vector<DomainEvent> changes(const DomainStates& before, DomainStates& after);

/// As one object, with the time of the call.
nlohmann::ordered_json to_json(const DomainEvent& event);
/// The same for people, in one line.
std::string describe(const nlohmann::ordered_json& event);

} // namespace parapet
