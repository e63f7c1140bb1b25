// SPDX-License-Identifier: MIT
//
// The update engine: every write of a guest page-table entry goes through here and is validated by the level
// of the table it lands in. Nothing here flushes for the guest's sake; before a frame changes type or owner
// the stamps do. Runs on the vCPU's CPU; tables are locked one at a time from the root downwards.
#pragma once
#include "mm/frame.hpp"
#include "pv-abi/mmu.h"
#include <span>

namespace hv {
namespace mm {
class L1Slot;
}
template <> inline constexpr bool is_register_sized<mm::L1Slot> = true;
} // namespace hv

namespace hv::mm {

struct Owners {
    MemoryOwner& table; ///< Whose page tables are written.
    MemoryOwner& frame; ///< Whose frames the entries may name. Differs for dom0's foreign mappings.
};

/// Does the leading ones of @p requests that map frames of @p owner, or nothing, in one level-1 table of its own as a
/// matter of course; returns how many. Not dying. UpdateBatch does any.
std::uint32_t update_run(const MemoryOwner& owner, std::span<const pv_mmu_update> requests);

/// A run of mmu_update requests. Nothing is held between them.
struct UpdateBatch {
    /// Requests as the ABI carries them, in order; counts those done in @p done. restart: time is up, call again later
    /// with the rest.
    Result<> apply(std::span<const pv_mmu_update> requests, std::uint32_t& done);
    Owners owners;
    Work& work;
};

/// An entry of an L1 table.
class L1Slot {
public:
    L1Slot() = default;
    explicit L1Slot(Maddr at) : at_{at} {}
    L1Slot(Mfn table, unsigned index) : at_{maddr_of(table) + 8ULL * index} {}
    [[nodiscard]] Mfn table() const { return mfn_of(at_); }
    [[nodiscard]] unsigned index() const { return at_.raw() % page_size / 8; }
    [[nodiscard]] Maddr address() const { return at_; }

private:
    Maddr at_{};
};
/// The L1 entry that maps @p va under @p root; einval when there is no L1 table. Valid while the root is
/// held.
Result<L1Slot> find_l1(Mfn root, GuestVa va);
/// The L1 slot at machine address @p entry (grant tables' contains_pte); einval if not an aligned entry of an
/// L1 table.
Result<L1Slot> l1_slot_at(Maddr entry, const MemoryOwner& owner);
/// Writes one L1 entry, returns the old one.
Result<std::uint64_t> write_l1(L1Slot slot, std::uint64_t entry, Owners owners);
/// update_va_mapping without its flush.
Result<std::uint64_t> update_va(Mfn root, GuestVa va, std::uint64_t entry, Owners owners);

/// One type reference that the guest holds by name. May return restart.
Result<> pin(MemoryOwner& owner, Mfn m, unsigned level, Work& work);
inline Result<> pin(MemoryOwner& o, Mfn m, unsigned level, Work&& work = Work{}) { return pin(o, m, level, work); }
Result<> unpin(MemoryOwner& owner, Mfn m, Work& work);
/// Takes apart what earlier operations of @p owner left parked. restart until all is done; call it first.
Result<> finish_deferred_slow(MemoryOwner& owner, Work& work);
inline Result<> finish_deferred(MemoryOwner& owner, Work& work)
{
    if ((owner.standing.load(Order::acquire) & ~dying_bit) < one_deferred) [[likely]]
        return Ok{};
    return finish_deferred_slow(owner, work);
}

enum class GrantAccess : std::uint8_t { read_only, read_write };
struct GrantEntry {
    GrantAccess access;
    std::uint64_t extra_flags; ///< Software bits (9-11, 52-58) and NX to set; others are ignored.
};
/// Maps @p frame of owners.frame, held by the caller, for a grant; the entry takes references of its own. The slot's
/// old entry goes.
Result<std::uint64_t> install_grant_pte(L1Slot slot, GrantEntry entry, Mfn frame, Owners owners);
/// Clears the entry if it still maps @p frame with @p access, else einval and nothing changes.
Result<> remove_grant_pte(L1Slot slot, Mfn frame, GrantAccess access, MemoryOwner& table_owner);

/// Page-table entries that map a frame of another domain than their table's: foreign and grant mappings.
std::uint64_t foreign_mappings();

/// A read-modify-write of an entry, which happens if it has the bits @p compared of @p expected.
struct EntryAccess {
    std::uint64_t keep, set; ///< Bits that stay, and those that are set afterwards.
    std::uint64_t compared = 0, expected = 0;
};
/// A trapped store of the guest into one of its L1 tables, through the mapping of @p va under @p root: returns the old
/// entry. einval when @p va does not map an L1 table of the owner read-only, an error when the entry is refused: the
/// fault is the guest's. May return restart.
Result<std::uint64_t> emulate_l1_access(Mfn root, GuestVa va, const EntryAccess& access, MemoryOwner& owner);

} // namespace hv::mm
