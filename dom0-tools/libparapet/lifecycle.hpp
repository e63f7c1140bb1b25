// SPDX-License-Identifier: MIT
//
// From a configuration to a running domain and back. A create that fails half-way leaves no domain, no memory and no
// xenstore node behind: every step is undone by the destructor of what it made.
#pragma once
#include "libparapet/domain_config.hpp"
#include "libparapet/hypervisor.hpp"
#include "libparapet/steps.hpp"
#include "libparapet/xenstore.hpp"
#include <memory>
#include <utility>

namespace parapet {

struct Toolstack {
    Hypervisor hypervisor;
    Store store;
};

/// The living domain with this name, number or UUID.
std::optional<DomainId> find_domain(Toolstack& tools, const std::string& name);

/// Memory taken from dom0 for a new domain: dom0 gets it back unless the domain is kept.
class Loan {
public:
    Loan() = default;
    Loan(Store& store, std::string target_before) : store_{&store}, target_before_{std::move(target_before)} {}
    Loan(Loan&& other) noexcept
        : store_{std::exchange(other.store_, nullptr)}, target_before_{std::move(other.target_before_)}
    {
    }
    Loan& operator=(Loan&&) = delete;
    ~Loan();
    [[nodiscard]] bool taken() const { return store_ != nullptr; }
    void keep() { store_ = nullptr; }

private:
    Store* store_{nullptr};
    std::string target_before_;
};

/// A domain that is built, but not yet wanted for good: destroyed again unless kept.
class NewDomain {
public:
    NewDomain(Toolstack& tools, const DomainConfig& config, Loan memory);
    ~NewDomain();
    NewDomain(const NewDomain&) = delete;
    NewDomain& operator=(const NewDomain&) = delete;
    [[nodiscard]] DomainId id() const { return id_; }
    void keep();

private:
    Toolstack& tools_;
    Loan memory_; ///< Returned after the domain is gone.
    DomainId id_;
    bool kept_{false};
};

/// Builds the domain and leaves it paused. The caller holds a SignalGuard until it has kept the domain.
std::unique_ptr<NewDomain> create_domain(Toolstack& tools, const DomainConfig& config, Steps& steps);

/// Ends the domain and waits (a few seconds) until the hypervisor has forgotten it.
/// False when it is still dying then, because someone holds its memory.
bool destroy_domain(Toolstack& tools, DomainId domain);

/// Makes dom0 smaller until @p pages are free; nothing is taken if they were anyway. Throws, with what was changed
/// undone, when that is not to be had.
Loan make_room(Toolstack& tools, std::uint64_t pages);

/// dom0 keeps at least this: $PARAPET_DOM0_MIN in MiB, else 192.
std::uint64_t dom0_floor_mib();

} // namespace parapet
