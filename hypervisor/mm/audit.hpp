// SPDX-License-Identifier: MIT
//
// The auditor: recomputes every frame's counts from the page tables themselves and compares. The caller names
// the references that live outside page tables. All other CPUs are parked; not preemptible.
#pragma once
#include "mm/frame.hpp"
#include "mm/heap.hpp"

namespace hv::mm {

struct AuditReport {
    std::uint64_t frames = 0;      ///< Frames looked at.
    std::uint64_t differences = 0; ///< Each is logged, the first 20.
};

class Audit {
public:
    /// Takes its counters from the heap; enomem if there is no room.
    static Result<Audit, false> begin();
    /// References held by objects: a PageRef, a TypeRef of any type (SharedPage and MappedPage hold one each).
    void page_ref(Mfn m);
    void type_ref(Mfn m);
    /// Counts, compares, logs. Once, after every holder was named.
    AuditReport finish();

private:
    struct Expected {
        std::uint32_t refs, types;
    };
    explicit Audit(Array<Expected> expected) : expected_{std::move(expected)} {}
    void check(bool ok, Mfn m, const char* what, std::uint64_t found, std::uint64_t expected);
    void check_alone(Mfn m, const FrameState& s, const FrameInfo& i);
    void count_entries(Mfn m, const FrameState& s, const FrameInfo& i);
    Array<Expected> expected_; ///< One a frame.
    AuditReport report_;
};

} // namespace hv::mm
