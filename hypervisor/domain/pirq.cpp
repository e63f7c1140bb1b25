// SPDX-License-Identifier: MIT
//
// See domain/pirq.hpp. Events are raised outside of the lock: the port was copied out.
#include "domain/pirq.hpp"
#include "domain/upcalls.hpp"

namespace hv::domain {
namespace {

enum class Kind : std::uint8_t { unmapped, gsi, msi };

struct Line {
    Kind kind = Kind::unmapped;
    bool configured = false; ///< GSIs: the IOAPIC entry is programmed.
    arch::Trigger trigger = arch::Trigger::edge;
    arch::Polarity polarity = arch::Polarity::high;
    bool in_service = false; ///< Level: delivered, no end-of-interrupt yet.
    EventPort port{};        ///< 0 = not bound.
    Domain* owner = nullptr;
};

cpu::SpinLock lines_lock{cpu::Rank::pirq};
std::array<Line, max_pirqs> lines;

unsigned gsis() { return arch::gsi_count() < max_pirqs ? arch::gsi_count() : max_pirqs; }

Line* find(Pirq p) { return p.raw() < max_pirqs ? &lines[p.raw()] : nullptr; }

bool needs_eoi(const Line& l) { return l.kind == Kind::gsi && l.trigger == arch::Trigger::level; }

void end_service(Pirq p, Line& l)
{
    if (!l.in_service) return;
    l.in_service = false;
    arch::gsi_end(p.raw());
}

void raised(Pirq p)
{
    Domain* owner = nullptr;
    EventPort port{};
    {
        const cpu::Guard guard{lines_lock};
        Line* const l = find(p);
        if (l == nullptr) return;
        l->in_service = needs_eoi(*l);
        owner = l->owner;
        port = l->port;
        if (port == EventPort{}) { // a late edge after the port was closed
            if (l->kind == Kind::gsi) arch::gsi_mask(p.raw());
            end_service(p, *l);
        }
    }
    if (owner != nullptr && port != EventPort{}) owner->events.raise(port);
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
    l.configured = true;
    l.trigger = trigger;
    l.polarity = polarity;
    return Ok{};
}

Result<Pirq> map_gsi(Domain& d, unsigned gsi)
{
    if (gsi >= gsis()) return Error::einval;
    const cpu::Guard guard{lines_lock};
    Line& l = lines[gsi];
    if (l.kind != Kind::unmapped && l.owner != &d) return Error::ebusy;
    l.kind = Kind::gsi;
    l.owner = &d;
    return Pirq{gsi};
}

Result<Pirq> allocate_msi_pirq(Domain& d)
{
    const cpu::Guard guard{lines_lock};
    for (std::uint32_t n = gsis(); n < max_pirqs; ++n) {
        if (lines[n].kind != Kind::unmapped) continue;
        lines[n] = Line{};
        lines[n].kind = Kind::msi;
        lines[n].owner = &d;
        return Pirq{n};
    }
    return Error::enospc;
}

Result<> unmap_pirq(Domain& d, Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    Line* const l = find(pirq);
    if (l == nullptr || l->kind == Kind::unmapped || l->owner != &d) return Error::einval;
    if (l->port != EventPort{}) return Error::ebusy;
    if (l->kind == Kind::gsi) {
        if (!arch::gsi_is_ours(pirq.raw())) arch::gsi_mask(pirq.raw());
        end_service(pirq, *l);
    } else {
        arch::msi_free(pirq.raw());
    }
    l->kind = Kind::unmapped;
    l->owner = nullptr;
    return Ok{};
}

Result<> pirq_eoi(Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    Line* const l = find(pirq);
    if (l == nullptr || l->kind == Kind::unmapped) return Error::einval;
    end_service(pirq, *l);
    return Ok{};
}

Result<std::uint32_t> pirq_status(Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    const Line* const l = find(pirq);
    if (l == nullptr) return Error::einval;
    return needs_eoi(*l) ? PV_XENIRQSTAT_NEEDS_EOI : 0U;
}

Result<> attach_pirq(Domain& d, Pirq pirq, EventPort port)
{
    const cpu::Guard guard{lines_lock};
    Line* const l = find(pirq);
    if (l == nullptr || l->kind == Kind::unmapped || l->owner != &d) return Error::einval;
    if (l->port != EventPort{}) return Error::eexist;
    if (l->kind == Kind::gsi) {
        if (arch::gsi_is_ours(pirq.raw())) return Error::ebusy;
        if (!l->configured) { // an ISA line nobody described: edge, active high
            TRY(arch::gsi_configure(pirq.raw(), arch::Trigger::edge, arch::Polarity::high));
            l->configured = true;
        }
    }
    l->port = port;
    return l->kind == Kind::gsi ? arch::gsi_unmask(pirq.raw()) : Ok{};
}

void detach_pirq(Domain& d, Pirq pirq)
{
    const cpu::Guard guard{lines_lock};
    Line* const l = find(pirq);
    if (l == nullptr || l->owner != &d) return;
    l->port = EventPort{};
    if (l->kind != Kind::gsi || arch::gsi_is_ours(pirq.raw())) return;
    arch::gsi_mask(pirq.raw());
    end_service(pirq, *l);
}

void gsi_raised(unsigned gsi) { raised(Pirq{gsi}); }
void msi_raised(unsigned cookie) { raised(Pirq{cookie}); }

} // namespace hv::domain
