// SPDX-License-Identifier: MIT
//
// Every frame's counts, recomputed from page tables, flags and the holders the caller named, against the frame words.
// Two counters a frame, in memory of the heap's. Everything else stands still meanwhile.
#include "mm/audit.hpp"
#include "base/log.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

void Audit::check(bool ok, Mfn m, const char* what, std::uint64_t found, std::uint64_t expected)
{
    if (ok) return;
    if (++report_.differences <= 20)
        log::error("audit: frame {x}: {}: found {}, expected {}", m, what, found, expected);
}

/// What must hold of one frame whatever the others say.
void Audit::check_alone(Mfn m, const FrameState& s, const FrameInfo& i)
{
    const bool ours = find_owner(i.owner) != nullptr;
    const bool special = i.owner == hypervisor_id || i.owner == free_id;
    check(ours || special, m, "owner that does not exist", i.owner.raw(), 0);
    check(i.owner != free_id || (s.refs == 0 && s.count == 0 && s.type == PageType::none), m, "free but in use", s.refs,
          0);
    check(!ours || s.refs != 0, m, "owned but without references", s.refs, 1);
    check(!i.locked, m, "locked", 1, 0);
    check(s.count <= s.refs, m, "more type references than references", s.count, s.refs);
    check(!i.pinned || (is_table(s.type) && s.count != 0), m, "pinned but no page table",
          static_cast<std::uint64_t>(s.type), 1);
    check(i.level1 == (s.type == PageType::l1_table && s.progress == Progress::valid), m, "mark of level 1", i.level1,
          0);
    check(s.count == 0 || s.type != PageType::none, m, "type count without a type", s.count, 0);
    const bool validated = is_table(s.type) || s.type == PageType::segment_descriptors;
    check(s.count == 0 || validated == (s.progress != Progress::none), m, "progress of a type without contents",
          static_cast<std::uint64_t>(s.progress), 0);
    check(s.count != 0 || s.progress == Progress::none, m, "progress without a type reference",
          static_cast<std::uint64_t>(s.progress), 0);
}

Result<Audit> Audit::begin() { return Audit{TRY(make_array<Expected>(frame_table_end().raw()))}; }

void Audit::page_ref(Mfn m)
{
    if (is_ram(m)) ++expected_[m.raw()].refs;
}

void Audit::type_ref(Mfn m)
{
    page_ref(m);
    if (is_ram(m)) ++expected_[m.raw()].types;
}

/// What the entries of a table that is valid, or partly so, hold.
void Audit::count_entries(Mfn m, const FrameState& s, const FrameInfo& i)
{
    const auto level = static_cast<unsigned>(s.type);
    const unsigned end = s.progress == Progress::valid ? pte::entries : i.partial;
    const FrameWindow<std::uint64_t> w{m};
    unsigned present = 0;
    for (unsigned n = 0; n < end; ++n) {
        const std::uint64_t e = w[n];
        if (!pte::is_present(e) || pte::is_hypervisor_slot(level, n)) continue;
        ++present;
        const Mfn target = pte::frame_of(e);
        if (!is_ram(target)) {
            check(level == 1, m, "entry names no RAM", e, 0);
            continue;
        }
        const FrameState t = frame(target).current();
        if (level > 1) {
            check(t.type == table_type(level - 1), m, "entry names a frame of another type", e, level - 1);
            // A table being taken apart stands for its own last reference.
            if (t.progress != Progress::devalidating) type_ref(target);
        } else if (pte::is_writable(e)) {
            check(t.type == PageType::writable, m, "writable mapping of a typed frame", e, target.raw());
            type_ref(target);
        } else {
            page_ref(target);
        }
        check((e & pte::user) != 0, m, "entry without the user bit", e, e | pte::user);
    }
    check(present == i.present, m, "count of present entries", i.present, present);
}

AuditReport Audit::finish()
{
    for (Mfn m{0}; m < frame_table_end(); ++m) {
        if (!is_ram(m)) continue;
        const FrameState s = frame(m).current();
        const FrameInfo i = frame(m).details();
        ++report_.frames;
        check_alone(m, s, i);
        if (i.owner == hypervisor_id || i.allocated) page_ref(m);
        if (i.pinned) type_ref(m);
        if (s.count != 0 && (s.progress == Progress::validating || s.progress == Progress::devalidating)) type_ref(m);
        if (s.count != 0 && is_table(s.type)) count_entries(m, s, i);
    }
    for (Mfn m{0}; m < frame_table_end(); ++m) {
        if (!is_ram(m)) continue;
        const FrameState s = frame(m).current();
        check(s.refs == expected_[m.raw()].refs, m, "references", s.refs, expected_[m.raw()].refs);
        check(s.count == expected_[m.raw()].types, m, "type references", s.count, expected_[m.raw()].types);
    }
    return report_;
}

} // namespace hv::mm
