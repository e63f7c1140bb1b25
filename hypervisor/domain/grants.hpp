// SPDX-License-Identifier: MIT
//
// A domain's grant table, version 1: the shared frames, which of its frames are in use by others, and (as a mapper)
// which of the others' it has mapped. While a grant is in use the record here is authoritative: the guest may change
// its shared entry, but neither frame nor grantee of the use changes. One lock of rank grant per table; an operation
// between two domains takes one after the other, never both. Any CPU.
#pragma once
#include "domain/domain.hpp"
#include "domain/maptrack.hpp"
#include "mm/held_frame.hpp"
#include "pv-abi/grant.h"

namespace hv::domain {

/// The status of one grant operation, as the ABI counts them.
enum class GrantStatus : std::int16_t {
    okay = 0,
    general_error = -1,
    bad_domain = -2,
    bad_ref = -3,
    bad_handle = -4,
    bad_virt_addr = -5,
    no_device_space = -7,
    permission_denied = -8,
    bad_page = -9,
    bad_copy_arg = -10,
    no_space = -13,
};
using mm::GrantAccess;

class GrantTable {
public:
    static Result<mm::Box<GrantTable>> create(Domain& owner, std::uint32_t max_frames, std::uint32_t max_maptrack);
    GrantTable(Domain& owner, std::uint32_t max_frames, std::uint32_t max_maptrack)
        : maptrack{max_maptrack}, owner_{owner}, max_frames_{max_frames}
    {
    }

    // ---- shared frames ----
    [[nodiscard]] std::uint32_t frames() const { return frame_count_.load(Order::acquire); }
    [[nodiscard]] std::uint32_t max_frames() const { return max_frames_; }
    /// At least @p count frames from now on. einval beyond the maximum.
    Result<> grow(std::uint32_t count);
    /// Frame number @p index; the table grows to have it. einval beyond the maximum.
    Result<Mfn> frame_mfn(std::uint32_t index);

    // ---- as granter ----
    /// Begins a use of @p ref by @p grantee: marks the shared entry and refers to the frame, which is put into @p out.
    GrantStatus begin_use(std::uint32_t ref, DomainId grantee, GrantAccess access, mm::HeldFrame& out);
    /// Ends one; the frame can no longer be reached through it. The references are the caller's to drop.
    void end_use(std::uint32_t ref, GrantAccess access);

    /// The domain dies: drops what it has mapped. Preemptible. Others' uses of its grants go on.
    Result<> release_all();

    Maptrack maptrack; ///< As mapper.

    /// Uses of grants by mappings and running copies, of all domains.
    static std::uint64_t uses();

private:
    /// A grant in use. Zero users: nothing else is meaningful.
    struct Active {
        std::uint32_t frame;
        std::uint16_t grantee;
        std::uint16_t users; ///< Readers and writers.
        std::uint16_t writers;
    };
    static constexpr std::uint32_t per_frame = page_size / sizeof(pv_grant_entry_v1);
    using ActivePage = std::array<Active, per_frame>;

    struct Page {
        mm::SharedPage shared;
        mm::Box<ActivePage> active; ///< There from the first use of its grants on.
        [[nodiscard]] pv_grant_entry_v1& entry(std::uint32_t ref) const
        {
            return shared.as<pv_grant_entry_v1>()[ref % per_frame];
        }
    };

    static inline GrantStatus mark(pv_grant_entry_v1& entry, bool used, DomainId grantee, GrantAccess access);
    static void unmark(pv_grant_entry_v1& entry, const Active& a);

    Domain& owner_;
    cpu::SpinLock lock_{cpu::Rank::grant};
    const std::uint32_t max_frames_;
    Atomic<std::uint32_t> frame_count_; ///< Grows under lock_; frames below stay.
    mm::Array<Page> pages_;             ///< Guarded by lock_.
    GrantHandle released_{0};           ///< release_all() is done with what is below.
};

/// The granter asked for last, which most of a batch share.
class GranterCache {
public:
    /// Null if there is none, or it is dying. Held until the next call.
    Domain* find(DomainId id)
    {
        if (!last_ || last_->id() != id) last_ = find_domain(id);
        return last_ && !last_->is_dying() ? last_.get() : nullptr;
    }

private:
    DomainRef last_;
};

} // namespace hv::domain
