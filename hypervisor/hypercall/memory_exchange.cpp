// SPDX-License-Identifier: MIT
//
// See memory_exchange.hpp. At most 2^9 frames a call: bounded work, no preemption.
#include "hypercall/memory_exchange.hpp"
#include "domain/domain.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/reservation.hpp"
#include "mm/update.hpp"
#include "pv-abi/memory.h"

namespace hv::hypercall {

namespace {

using Words = guest::InOut<std::uint64_t>;

/// The order of the number of frames on both sides, if they are alike and few enough.
Result<unsigned> common_order(const pv_memory_exchange& x, const domain::Domain& d)
{
    const auto self = [&](std::uint16_t id) { return id == PV_DOMID_SELF || DomainId{id} == d.id(); };
    if (!self(x.in.domid) || !self(x.out.domid)) return Error::einval;
    if (x.in.extent_order > mm::Exchange::max_order || x.out.extent_order > mm::Exchange::max_order)
        return Error::eperm;
    constexpr std::uint64_t most = 1U << mm::Exchange::max_order;
    if (x.in.nr_extents > most || x.out.nr_extents > most) return Error::einval;
    const std::uint64_t frames = x.in.nr_extents << x.in.extent_order;
    if (frames == 0 || frames > most || frames != x.out.nr_extents << x.out.extent_order) return Error::einval;
    if ((frames & (frames - 1)) != 0) return Error::einval;
    return static_cast<unsigned>(__builtin_ctzll(frames));
}

Result<> collect(mm::Exchange& e, const pv_memory_exchange& x)
{
    const unsigned in_size = 1U << x.in.extent_order;
    const unsigned out_size = 1U << x.out.extent_order;
    const unsigned bits = x.out.mem_flags & PV_XENMEMF_ADDRESS_BITS_MASK;
    for (unsigned i = 0; i < x.in.nr_extents; ++i) {
        const Mfn first{TRY(Words{GuestVa{x.in.extent_start}}.read(i))};
        for (unsigned k = 0; k < in_size; ++k)
            TRY(e.give(i * in_size + k, first + k));
    }
    const Words out{GuestVa{x.out.extent_start}};
    for (unsigned i = 0; i < x.out.nr_extents; ++i) {
        const Pfn first{TRY(out.read(i))};
        TRY(e.take(i * out_size, x.out.extent_order, bits));
        for (unsigned k = 0; k < out_size; ++k)
            e.set_pfn(i * out_size + k, first + k);
    }
    // Told before it is true, because telling can fail and the commit cannot.
    for (unsigned i = 0; i < x.out.nr_extents; ++i)
        TRY(out.write(e.taken(i * out_size).raw(), i));
    return Ok{};
}

} // namespace

Return exchange(Vcpu& v, GuestVa arg)
{
    auto x = TRY(guest::InOut<pv_memory_exchange>{arg}.read());
    domain::Domain& d = v.domain();
    if (!d.is_hardware_domain()) return Error::eperm;
    if (x.nr_exchanged != 0) return Error::einval;
    const unsigned order = TRY(common_order(x, d));
    mm::Work work;
    TRY(mm::finish_deferred(d, work));
    const auto e = TRY(mm::make_box<mm::Exchange>(d, order));
    TRY(collect(*e, x));
    x.nr_exchanged = x.in.nr_extents;
    TRY(guest::InOut<pv_memory_exchange>{arg}.write(x));
    e->commit();
    return 0;
}

} // namespace hv::hypercall
