// SPDX-License-Identifier: MIT
//
// See domain/maptrack.hpp.
#include "domain/maptrack.hpp"

namespace hv::domain {

Mapping* Maptrack::at(GrantHandle h) const
{
    const std::uint32_t chunk = h.raw() / per_chunk;
    return chunk < chunk_count_ ? &(*chunks_[chunk])[h.raw() % per_chunk] : nullptr;
}

Result<> Maptrack::add_chunk()
{
    if (chunk_count_ == max_chunks_) return Error::enospc;
    if (!chunks_) chunks_ = TRY(mm::make_array<mm::Box<Chunk>>(max_chunks_));
    chunks_[chunk_count_] = TRY(mm::make_box<Chunk>());
    const std::uint32_t first = chunk_count_++ * per_chunk;
    for (std::uint32_t n = per_chunk; n-- > 0;) {
        at(GrantHandle{first + n})->ref = first_free_;
        first_free_ = first + n;
    }
    return Ok{};
}

Result<GrantHandle> Maptrack::allocate()
{
    const cpu::Guard guard{lock_};
    if (first_free_ == ~0U) TRY(add_chunk());
    const GrantHandle h{first_free_};
    first_free_ = at(h)->ref;
    return h;
}

void Maptrack::publish(GrantHandle h, Mapping m)
{
    const cpu::Guard guard{lock_};
    Mapping& record = *at(h);
    record = std::move(m);
    record.flags |= Mapping::used;
}

Mapping* Maptrack::claim(GrantHandle h)
{
    const cpu::Guard guard{lock_};
    Mapping* const m = at(h);
    if (m == nullptr || (m->flags & (Mapping::used | Mapping::claimed)) != Mapping::used) return nullptr;
    m->flags |= Mapping::claimed;
    return m;
}

void Maptrack::unclaim(Mapping& m)
{
    const cpu::Guard guard{lock_};
    m.flags &= static_cast<std::uint8_t>(~Mapping::claimed);
}

void Maptrack::free(GrantHandle h)
{
    const cpu::Guard guard{lock_};
    Mapping& m = *at(h);
    m = Mapping{};
    m.ref = first_free_;
    first_free_ = h.raw();
}

GrantHandle Maptrack::next(GrantHandle from)
{
    const cpu::Guard guard{lock_};
    for (std::uint32_t n = from.raw(); n < chunk_count_ * per_chunk; ++n)
        if ((at(GrantHandle{n})->flags & Mapping::used) != 0) return GrantHandle{n};
    return none;
}

} // namespace hv::domain
