// SPDX-License-Identifier: MIT
//
// What one domain has mapped through grants, by handle: chunks of records with a free list through them. A record
// holds the granter and the frame, whatever the domain does to the page-table entry. Its lock has rank grant; a record
// that is in use by an operation belongs to that operation.
#pragma once
#include "domain/domain.hpp"

namespace hv::domain {

struct Mapping {
    static constexpr std::uint8_t host = 1, device = 2, writable = 4, claimed = 8, used = 16;
    DomainRef granter;
    Mfn frame = invalid_mfn;
    Maddr slot{};          ///< Where the page-table entry is, if host.
    std::uint32_t ref = 0; ///< Free: the next free handle.
    std::uint8_t flags = 0;
};

class Maptrack {
public:
    explicit Maptrack(std::uint32_t max_chunks) : max_chunks_{max_chunks} {}
    /// A fresh handle whose record nobody else touches; enospc when there is none.
    Result<GrantHandle> allocate();
    /// Fills an allocated record and makes the handle valid.
    void publish(GrantHandle h, Mapping m);
    /// Makes an operation the only one on the record; null if the handle is not valid or is being worked on.
    Mapping* claim(GrantHandle h);
    void unclaim(Mapping& m);
    /// Gives back an allocated or claimed record.
    void free(GrantHandle h);
    /// The first valid handle >= @p from; an invalid one at the end.
    static constexpr GrantHandle none{~0U};
    GrantHandle next(GrantHandle from);
    /// What a valid handle holds; only while nothing else runs.
    [[nodiscard]] const Mapping& peek(GrantHandle h) const { return *at(h); }

private:
    static constexpr std::uint32_t per_chunk = 128;
    using Chunk = std::array<Mapping, per_chunk>;
    [[nodiscard]] Mapping* at(GrantHandle h) const;
    Result<> add_chunk();

    cpu::SpinLock lock_{cpu::Rank::grant};
    const std::uint32_t max_chunks_;
    std::uint32_t chunk_count_ = 0; ///< Guarded by lock_, as below.
    std::uint32_t first_free_ = ~0U;
    mm::Array<mm::Box<Chunk>> chunks_;
};

} // namespace hv::domain
