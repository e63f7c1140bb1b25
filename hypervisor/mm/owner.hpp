// SPDX-License-Identifier: MIT
//
// Who frames belong to: the part of a domain that memory management knows. Counts are atomic; the registry by
// id is read without a lock by any CPU. An owner may be destroyed only when held() is zero: frames name it by
// id.
#pragma once
#include "base/cpu_set.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include <array>

namespace hv::mm {

/// Of MemoryOwner::standing.
inline constexpr std::uint64_t dying_bit = 1ULL << 63, one_deferred = 1ULL << 32;
enum class Privilege : std::uint8_t { none, hardware };

/// Owner ids that are no domain's.
inline constexpr DomainId hypervisor_id{PV_DOMID_XEN}; ///< Hypervisor memory.
inline constexpr DomainId device_id{PV_DOMID_IO};      ///< Not RAM.
inline constexpr DomainId free_id{PV_DOMID_INVALID};   ///< RAM on the allocator's free lists.

/// What this layer keeps of an owner for itself.
struct OwnerBooks {
    Atomic<std::uint64_t> page_count, max_pages, held, claimed;
    Atomic<std::uint64_t> sweep; ///< relinquish(): next frame to look at.
    /// Tables whose last reference went while there was no time to take them apart: mfn + 1, 0 = empty.
    std::array<Atomic<std::uint64_t>, 128> deferred;
};

class MemoryOwner {
public:
    MemoryOwner(DomainId id, Privilege privilege);
    ~MemoryOwner();
    MemoryOwner(const MemoryOwner&) = delete;
    MemoryOwner& operator=(const MemoryOwner&) = delete;

    [[nodiscard]] DomainId id() const { return id_; }
    /// May map frames that are not RAM, and choose their memory type.
    [[nodiscard]] bool hardware_domain() const { return privilege_ == Privilege::hardware; }

    [[nodiscard]] std::uint64_t page_count() const { return books_.page_count.load(Order::relaxed); }
    [[nodiscard]] std::uint64_t max_pages() const { return books_.max_pages.load(Order::relaxed); }
    void set_max_pages(std::uint64_t n) { books_.max_pages.store(n, Order::relaxed); }
    /// Frames that still name this owner: its reservation, its shared pages, and what others keep alive.
    [[nodiscard]] std::uint64_t held() const { return books_.held.load(Order::acquire); }

    [[nodiscard]] bool dying() const { return (standing.load(Order::acquire) & dying_bit) != 0; }
    /// From now on no frame is allocated to this owner and no new reference to its frames is given out.
    void set_dying() { (void)standing.fetch_or(dying_bit, Order::release); }

    /// CPUs that may hold translations of this owner's address spaces. Bits are set before a root is loaded.
    AtomicCpuSet cpus;
    /// What try_lock() (mm/level1.hpp) looks for in a table, so that one comparison tells whether ordinary updates may
    /// go on: the id and the level-1 bit, then the number of tables that wait to be taken apart, and dying_bit.
    Atomic<std::uint64_t> standing;
    Atomic<std::uint64_t> flush_clock{7}; ///< Flushes of those CPUs: see mm/tlb.hpp.

private:
    friend OwnerBooks& books(MemoryOwner& o) { return o.books_; }
    DomainId id_;
    Privilege privilege_;
    OwnerBooks books_;
};

/// The live owner with this id, or null.
MemoryOwner* find_owner(DomainId id);

} // namespace hv::mm
