// SPDX-License-Identifier: MIT
//
// What page types mean, written as plainly as possible: maps, recursion, and a copy of everything before each attempt.
// Knows one domain's RAM frames; anything that names another frame is refused.
#pragma once
#include "mm/frame.hpp"
#include "mm/pte.hpp"
#include <array>
#include <map>
#include <set>
#include <span>

namespace hv::mm::model {

class Model {
public:
    Model(const std::set<std::uint64_t>& frames, std::span<const std::uint64_t, 16> hypervisor)
        : hypervisor_{hypervisor}
    {
        for (const std::uint64_t f : frames)
            state_.frames[f];
    }

    bool pin(std::uint64_t f, unsigned level)
    {
        if (!state_.frames.contains(f) || state_.frames[f].pinned) return false;
        const State before = state_;
        if (!claim(f, table_type(level))) return undo(before);
        state_.frames[f].pinned = true;
        return true;
    }
    bool unpin(std::uint64_t f)
    {
        if (!state_.frames.contains(f) || !state_.frames[f].pinned) return false;
        state_.frames[f].pinned = false;
        drop(f);
        return true;
    }
    /// mmu_update of either kind of frame.
    bool update(std::uint64_t f, unsigned index, std::uint64_t value)
    {
        if (!state_.frames.contains(f)) return false;
        const Frame now = state_.frames[f];
        if (now.count != 0 && is_table(now.type)) {
            const auto level = static_cast<unsigned>(now.type);
            if (pte::is_hypervisor_slot(level, index)) return false;
            const State before = state_;
            if (pte::is_present(value) && !take(value, level)) return undo(before);
            const std::uint64_t old = entry(f, index);
            state_.frames[f].entries[index] = value;
            if (pte::is_present(old)) release(old, level);
            return true;
        }
        if (now.count != 0 && now.type != PageType::writable) return false;
        state_.frames[f].entries[index] = value;
        return true;
    }
    /// A native store: possible where the guest could have a writable mapping.
    [[nodiscard]] bool storable(std::uint64_t f) const
    {
        const Frame& s = state_.frames.at(f);
        return s.count == 0 || s.type == PageType::writable;
    }
    void store(std::uint64_t f, unsigned index, std::uint64_t value) { state_.frames[f].entries[index] = value; }
    bool hold_descriptors(std::uint64_t f) { return claim(f, PageType::segment_descriptors); }
    void drop(std::uint64_t f)
    {
        Frame& s = state_.frames[f];
        --s.refs;
        if (--s.count != 0 || !is_table(s.type)) return;
        for (const auto& [index, e] : std::map{s.entries})
            if (pte::is_present(e) && !pte::is_hypervisor_slot(static_cast<unsigned>(s.type), index))
                release(e, static_cast<unsigned>(s.type));
    }

    struct Frame {
        PageType type = PageType::none;
        unsigned count = 0;
        unsigned refs = 1; ///< The allocation.
        bool pinned = false;
        std::map<unsigned, std::uint64_t> entries;
    };
    [[nodiscard]] const std::map<std::uint64_t, Frame>& frames() const { return state_.frames; }

private:
    struct State {
        std::map<std::uint64_t, Frame> frames;
    };
    bool undo(const State& before)
    {
        state_ = before;
        return false;
    }
    std::uint64_t entry(std::uint64_t f, unsigned index)
    {
        const auto& e = state_.frames[f].entries;
        return e.contains(index) ? e.at(index) : 0;
    }
    bool claim(std::uint64_t f, PageType type)
    {
        if (!state_.frames.contains(f)) return false;
        Frame& s = state_.frames[f];
        if (s.count != 0 && s.type != type) return false;
        ++s.refs;
        s.type = type;
        if (++s.count != 1) return true;
        if (type == PageType::segment_descriptors)
            for (const auto& [index, d] : s.entries)
                if ((d >> 47 & 1) != 0 && (d >> 44 & 1) == 0) return false;
        if (!is_table(type)) return true;
        for (const auto& [index, e] : std::map{s.entries})
            if (pte::is_present(e) && !pte::is_hypervisor_slot(static_cast<unsigned>(type), index) &&
                !take(e, static_cast<unsigned>(type)))
                return false;
        for (unsigned i = 0; type == PageType::l4_table && i < hypervisor_.size(); ++i)
            state_.frames[f].entries[pte::first_hypervisor_slot + i] = hypervisor_[i];
        return true;
    }
    bool take(std::uint64_t e, unsigned level)
    {
        const std::uint64_t target = pte::frame_of(e).raw();
        if ((e & pte::memory_type) != 0) return false;
        if (level > 1) return (e & pte::global) == 0 && claim(target, table_type(level - 1));
        if (pte::is_writable(e)) return claim(target, PageType::writable);
        if (!state_.frames.contains(target)) return false;
        ++state_.frames[target].refs;
        return true;
    }
    void release(std::uint64_t e, unsigned level)
    {
        const std::uint64_t target = pte::frame_of(e).raw();
        if (level > 1 || pte::is_writable(e))
            drop(target);
        else
            --state_.frames[target].refs;
    }
    std::span<const std::uint64_t, 16> hypervisor_;
    State state_;
};

} // namespace hv::mm::model
