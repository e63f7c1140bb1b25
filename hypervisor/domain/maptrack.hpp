// SPDX-License-Identifier: MIT
//
// What one domain has mapped through grants, by handle: chunks of records with a free list through them. A record
// holds the granter and the frame, whatever the domain does to the page-table entry. The lock, of rank grant, guards
// the free list only: a record that is in use by an operation belongs to that operation, which its flags decide.
#pragma once
#include "domain/domain.hpp"
#include "mm/update.hpp"

namespace hv::domain {

struct Mapping {
    static constexpr std::uint8_t host = 1, device = 2, writable = 4, claimed = 8, used = 16;
    DomainRef granter;
    Mfn frame = invalid_mfn;
    Maddr slot{};          ///< Where the page-table entry is, if host.
    std::uint32_t ref = 0; ///< Free: the next free handle.
    Atomic<std::uint8_t> flags;
    [[nodiscard]] bool has(std::uint8_t which) const { return (flags.load(Order::acquire) & which) != 0; }
    [[nodiscard]] mm::GrantAccess access() const
    {
        return has(writable) ? mm::GrantAccess::read_write : mm::GrantAccess::read_only;
    }
};

class Maptrack {
public:
    explicit Maptrack(std::uint32_t max_chunks) : max_chunks_{max_chunks} {}
    /// A fresh handle @p h, whose record nobody else touches; null when there is none.
    Mapping* allocate(GrantHandle& h);
    /// The record of an allocated or claimed handle, or of any while nothing else runs.
    Mapping& record(GrantHandle h) { return *at(h); }
    /// The record is complete: the handle is valid from now on.
    static void publish(Mapping& m, std::uint8_t flags) { m.flags.store(flags | Mapping::used, Order::release); }
    /// Makes an operation the only one on the record; null if the handle is not valid or is being worked on.
    Mapping* claim(GrantHandle h);
    /// The operation is over, what is left of the mapping is in @p flags.
    static void unclaim(Mapping& m, std::uint8_t flags) { publish(m, flags & ~Mapping::claimed); }
    /// Gives back @p m, an allocated or claimed record.
    void free(GrantHandle h, Mapping& m);
    /// The first valid handle >= @p from; an invalid one at the end.
    static constexpr GrantHandle none{~0U};
    GrantHandle next(GrantHandle from);

private:
    static constexpr std::uint32_t per_chunk = 128;
    using Chunk = std::array<Mapping, per_chunk>;
    [[nodiscard]] Mapping* at(GrantHandle h) const
    {
        const std::uint32_t chunk = h.raw() / per_chunk;
        return chunk < chunk_count_.load(Order::acquire) ? &(*chunks_[chunk])[h.raw() % per_chunk] : nullptr;
    }
    Result<> add_chunk();

    cpu::SpinLock lock_{cpu::Rank::grant};
    const std::uint32_t max_chunks_;
    std::uint32_t first_free_ = ~0U;    ///< Guarded by lock_.
    Atomic<std::uint32_t> chunk_count_; ///< Grows under lock_; chunks below stay.
    mm::Array<mm::Box<Chunk>> chunks_;
};

} // namespace hv::domain
