// SPDX-License-Identifier: MIT
//
// The auditor: recomputes every frame's counts from the page tables themselves and compares. The caller names
// the references that live outside page tables. All other CPUs are parked; not preemptible.
#pragma once
#include "mm/frame.hpp"

namespace hv::mm {

struct AuditReport {
    std::uint64_t frames = 0;      ///< Frames looked at.
    std::uint64_t differences = 0; ///< Each is logged, the first 20.
};

class Audit {
public:
    /// Takes its counters from the allocator; enomem if there is no room.
    static Result<Audit, false> begin();
    Audit(Audit&& o) noexcept;
    Audit& operator=(Audit&&) = delete;
    ~Audit();
    /// References held by objects: a PageRef, a TypeRef of any type (SharedPage and MappedPage hold one each).
    void page_ref(Mfn m);
    void type_ref(Mfn m);
    /// Counts, compares, logs. Once, after every holder was named.
    AuditReport finish();

private:
    struct Expected;
    explicit Audit(Mfn counters) : counters_{counters} {}
    [[nodiscard]] Expected& expected(Mfn m) const;
    void count_entries(Mfn m, const FrameState& s, const FrameInfo& i, AuditReport& report);
    Mfn counters_;
};

} // namespace hv::mm
