// SPDX-License-Identifier: MIT
//
// From a configuration to a running domain and back. A create that fails half-way leaves no domain, no memory and no
// xenstore node behind: every step is undone by the destructor of what it made.
#pragma once
#include "libparapet/domain_config.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/files.hpp"
#include "libparapet/hypervisor.hpp"
#include "libparapet/steps.hpp"
#include "libparapet/xenstore.hpp"
#include <memory>
#include <optional>
#include <utility>

namespace parapet {

struct Toolstack {
    Hypervisor hypervisor;
    Store store;
};

/// The living domain with this name, number or UUID.
std::optional<DomainId> find_domain(Toolstack& tools, const std::string& name);

/// Held while domains are made and while devices are given to them: names, memory, images and addresses are checked
/// under it.
FileLock lock_creation();

/// The right to create a domain, one process at a time, and the memory taken from dom0 for it. dom0 gets that back
/// unless the domain is kept; if this process is killed, from the next one that has the right.
class Loan {
public:
    Loan(Store& store, FileLock lock);
    Loan(Loan&& other) noexcept
        : store_{other.store_}, lock_{std::move(other.lock_)}, taken_{std::exchange(other.taken_, false)}
    {
    }
    Loan& operator=(Loan&&) = delete;
    ~Loan();
    /// Makes dom0 smaller until @p pages are free, if they are not anyway. Throws when they are not to be had.
    void make_room(Hypervisor& hypervisor, std::uint64_t pages);
    [[nodiscard]] bool taken() const { return taken_; }
    /// The domain has its name and its memory: the next process may begin, unless dom0 may have to get something back.
    void settle();
    void keep();

private:
    void take(const std::string& before, const std::string& lowered);
    void give_back();

    Store& store_;
    std::optional<FileLock> lock_; ///< Its note: dom0's target as it was, and as it was lowered to.
    bool taken_{false};
};

/// A domain that is built, but not yet wanted for good: destroyed again unless kept.
class NewDomain {
public:
    NewDomain(Toolstack& tools, const DomainConfig& config, Loan memory);
    ~NewDomain();
    NewDomain(const NewDomain&) = delete;
    NewDomain& operator=(const NewDomain&) = delete;
    [[nodiscard]] DomainId id() const { return id_; }
    void settle() { memory_.settle(); }
    void keep();
    Rings rings{}; ///< Known once it is built.

private:
    Toolstack& tools_;
    Loan memory_; ///< Returned after the domain is gone.
    DomainId id_;
    bool kept_{false};
};

/// Builds the domain and leaves it paused. The caller holds a SignalGuard until it has kept the domain.
std::unique_ptr<NewDomain> create_domain(Toolstack& tools, const DomainConfig& config, Steps& steps);

/// Lets a domain that was just built run.
void start(Toolstack& tools, DomainId domain);

/// Ends the domain and waits (a few seconds) until the hypervisor has forgotten it.
/// False when it is still dying then, because someone holds its memory.
bool destroy_domain(Toolstack& tools, DomainId domain);

/// dom0 keeps at least this: $PARAPET_DOM0_MIN in MiB, else 192.
std::uint64_t dom0_floor_mib();

} // namespace parapet
