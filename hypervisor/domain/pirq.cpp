// SPDX-License-Identifier: MIT
//
// See domain/pirq.hpp. Events are raised outside of the lock: the port was copied out.
#include "domain/pirq.hpp"
#include "domain/upcalls.hpp"

namespace hv::domain {
namespace {

struct Line {
    Domain* owner = nullptr; ///< Null: not mapped.
    EventPort port{};        ///< 0 = not bound.
    bool configured = false; ///< GSIs: the IOAPIC entry is programmed, as the next two say.
    arch::Trigger trigger = arch::Trigger::edge;
    arch::Polarity polarity = arch::Polarity::high;
};

cpu::SpinLock lines_lock{cpu::Rank::pirq};
std::array<Line, max_pirqs> lines;

unsigned gsis() { return arch::gsi_count() < max_pirqs ? arch::gsi_count() : max_pirqs; }
bool is_gsi(Pirq p) { return p.raw() < gsis(); }

/// Einval if it is not @p d's.
Result<Line*> find(const Domain& d, Pirq p)
{
    if (p.raw() >= max_pirqs || lines[p.raw()].owner != &d) return Error::einval;
    return &lines[p.raw()];
}

/// Masks a line that is not the hypervisor's own, and lets go of what it delivered last.
void silence(Pirq p)
{
    if (!is_gsi(p) || arch::gsi_is_ours(p.raw())) return;
    arch::gsi_mask(p.raw());
    arch::gsi_end(p.raw());
}

void raised(Pirq p)
{
    if (p.raw() >= max_pirqs) return;
    Line l;
    {
        const cpu::Guard guard{lines_lock};
        l = lines[p.raw()];
        if (l.port == EventPort{}) silence(p); // a late edge after the port was closed
    }
    if (l.port != EventPort{}) l.owner->events.raise(l.port);
}

} // namespace

Result<> setup_gsi(unsigned gsi, arch::Trigger trigger, arch::Polarity polarity)
{
    if (gsi >= gsis()) return Error::einval;
    if (arch::gsi_is_ours(gsi)) return Ok{}; // it is set up; binding it fails
    const cpu::Guard guard{lines_lock};
    Line& l = lines[gsi];
    if (l.configured && l.trigger == trigger && l.polarity == polarity) return Error::eexist;
    if (l.port != EventPort{}) return Error::ebusy;
    TRY(arch::gsi_configure(gsi, trigger, polarity));
    l = {l.owner, l.port, true, trigger, polarity};
    return Ok{};
}

Result<Pirq> map_gsi(Domain& d, unsigned gsi)
{
    if (gsi >= gsis()) return Error::einval;
    const cpu::Guard guard{lines_lock};
    Domain*& owner = lines[gsi].owner;
    if (owner != nullptr && owner != &d) return Error::ebusy;
    owner = &d;
    return Pirq{gsi};
}

Result<Pirq> allocate_msi_pirq(Domain& d)
{
    const cpu::Guard guard{lines_lock};
    for (std::uint32_t n = gsis(); n < max_pirqs; ++n) {
        if (lines[n].owner != nullptr) continue;
        lines[n].owner = &d;
        return Pirq{n};
    }
    return Error::enospc;
}

Result<> unmap_pirq(Domain& d, Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    Line& l = *TRY(find(d, pirq));
    if (l.port != EventPort{}) return Error::ebusy;
    silence(pirq);
    if (!is_gsi(pirq)) arch::msi_free(pirq.raw());
    l.owner = nullptr;
    return Ok{};
}

Result<> pirq_eoi(Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    if (pirq.raw() >= max_pirqs || lines[pirq.raw()].owner == nullptr) return Error::einval;
    arch::gsi_end(pirq.raw());
    return Ok{};
}

Result<std::uint32_t> pirq_status(Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    if (pirq.raw() >= max_pirqs) return Error::einval;
    const Line& l = lines[pirq.raw()];
    return l.owner != nullptr && l.trigger == arch::Trigger::level ? PV_XENIRQSTAT_NEEDS_EOI : 0U;
}

Result<> attach_pirq(Domain& d, Pirq pirq, EventPort port)
{
    const cpu::Guard guard{lines_lock};
    Line& l = *TRY(find(d, pirq));
    if (l.port != EventPort{}) return Error::eexist;
    if (is_gsi(pirq)) {
        if (arch::gsi_is_ours(pirq.raw())) return Error::ebusy;
        // A line nobody described is an ISA one: edge, active high.
        if (!l.configured) TRY(arch::gsi_configure(pirq.raw(), l.trigger, l.polarity));
        l.configured = true;
    }
    l.port = port;
    return is_gsi(pirq) ? arch::gsi_unmask(pirq.raw()) : Ok{};
}

void detach_pirq(Domain& d, Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    const Result<Line*> l = find(d, pirq);
    if (!l.ok()) return;
    l.take()->port = EventPort{};
    silence(pirq);
}

void gsi_raised(unsigned gsi) { raised(Pirq{gsi}); }
void msi_raised(unsigned cookie) { raised(Pirq{cookie}); }

} // namespace hv::domain
