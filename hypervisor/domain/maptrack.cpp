// SPDX-License-Identifier: MIT
//
// See domain/maptrack.hpp.
#include "domain/maptrack.hpp"

namespace hv::domain {

[[gnu::cold]] Result<> Maptrack::add_chunk()
{
    const std::uint32_t n = chunk_count_.load(Order::relaxed);
    if (n == max_chunks_) return Error::enospc;
    if (!chunks_) chunks_ = TRY(mm::make_array<mm::Box<Chunk>>(max_chunks_));
    chunks_[n] = TRY(mm::make_box<Chunk>());
    for (std::uint32_t i = per_chunk; i-- > 0;) {
        (*chunks_[n])[i].ref = first_free_;
        first_free_ = n * per_chunk + i;
    }
    chunk_count_.store(n + 1, Order::release);
    return Ok{};
}

Mapping* Maptrack::allocate(GrantHandle& h)
{
    const cpu::Guard guard{lock_};
    if (first_free_ == ~0U && !add_chunk().ok()) return nullptr;
    h = GrantHandle{first_free_};
    Mapping* const m = at(h);
    first_free_ = m->ref;
    return m;
}

Mapping* Maptrack::claim(GrantHandle h)
{
    Mapping* const m = at(h);
    if (m == nullptr) return nullptr;
    std::uint8_t flags = m->flags.load(Order::relaxed);
    const bool idle = (flags & (Mapping::used | Mapping::claimed)) == Mapping::used;
    return idle && m->flags.compare_exchange(flags, flags | Mapping::claimed, Order::acquire) ? m : nullptr;
}

void Maptrack::free(GrantHandle h, Mapping& m)
{
    m.granter.reset();
    m.frame = invalid_mfn;
    m.flags.store(0, Order::relaxed);
    const cpu::Guard guard{lock_};
    m.ref = first_free_;
    first_free_ = h.raw();
}

GrantHandle Maptrack::next(GrantHandle from)
{
    for (std::uint32_t n = from.raw(); n < chunk_count_.load(Order::acquire) * per_chunk; ++n)
        if (at(GrantHandle{n})->has(Mapping::used)) return GrantHandle{n};
    return none;
}

} // namespace hv::domain
