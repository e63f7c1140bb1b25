// SPDX-License-Identifier: MIT
//
// One Frame per machine page. A frame has one type at a time; holding a TypeRef<T> proves that the frame is
// of type T and cannot become another one until the last TypeRef is gone: a page table is never writable by a
// guest. Lock-free: every change is one compare-exchange on the state word. Any CPU.
#pragma once
#include "base/assert.hpp"
#include "base/atomic.hpp"
#include "mm/owner.hpp"
#include "mm/work.hpp"
#include <bit>
#include <utility>

namespace hv::mm {

/// Zero is writable, the one that is asked for most often.
enum class PageType : std::uint8_t { writable, l1_table, l2_table, l3_table, l4_table, segment_descriptors, none };
constexpr bool is_table(PageType t) { return t >= PageType::l1_table && t <= PageType::l4_table; }
constexpr PageType table_type(unsigned level) { return static_cast<PageType>(level); }

/// none: no validated contents (writable frames too); validating and devalidating: under way or parked at
/// `partial`.
enum class Progress : std::uint8_t { none, validating, valid, devalidating };

/// The state word. Every type reference is also a reference. The type outlives its last reference, so that only a
/// change of type asks whether the TLBs forgot the old one.
struct FrameState {
    static constexpr std::uint32_t max_count = (1U << 22) - 1;
    static constexpr std::uint32_t max_refs = (1U << 28) - 1;
    std::uint64_t epoch : 8 = 0; ///< FlushStamp (mm/tlb.hpp) of the last mapping, or use as a table, that was given up.
    std::uint64_t refs : 28 = 0;
    std::uint64_t count : 22 = 0; ///< Of type references.
    Progress progress : 2 = Progress::none;
    PageType type : 4 = PageType::none;

    static FrameState decode(std::uint64_t w) { return std::bit_cast<FrameState>(w); }
    [[nodiscard]] std::uint64_t encode() const { return std::bit_cast<std::uint64_t>(*this); }
};

/// The info word.
struct FrameInfo {
    static constexpr std::uint64_t shared_bit = 1 << 18, locked_bit = 1 << 19, level1_bit = 1 << 20;
    static constexpr std::uint64_t one_present = 1ULL << 31;
    DomainId owner{};
    bool pinned : 1 = false;        ///< A guest pinned this table: one type reference.
    bool allocated : 1 = false;     ///< Part of the owner's reservation: one reference.
    bool shared : 1 = false;        ///< A SharedPage: mappable by the owner, but nothing else may be done with it.
    bool locked : 1 = false;        ///< Table lock: contents, partial and present change only under it.
    bool level1 : 1 = false;        ///< A valid level-1 table, unless locked: then about to be one, or to be none.
    std::uint64_t partial : 10 = 0; ///< Progress validating / devalidating: entries [0, partial) hold their references.
    std::uint64_t present : 10 = 0; ///< Entries of a validated table that hold references.
    std::uint64_t order : 6 = 0;    ///< Head of a free block or of a multi-frame hypervisor allocation.
    bool free_head : 1 = false;     ///< Head of a free block.
    std::uint64_t unused : 16 = 0;

    static FrameInfo decode(std::uint64_t w) { return std::bit_cast<FrameInfo>(w); }
    [[nodiscard]] std::uint64_t encode() const { return std::bit_cast<std::uint64_t>(*this); }
};

struct Frame {
    Atomic<std::uint64_t> state;
    Atomic<std::uint64_t> info;

    [[nodiscard]] FrameState current() const { return FrameState::decode(state.load(Order::acquire)); }
    [[nodiscard]] FrameInfo details() const { return FrameInfo::decode(info.load(Order::acquire)); }
};
static_assert(sizeof(Frame) == 16);

namespace detail {
extern Frame* frames; ///< Set once, at boot.
extern Mfn frames_end;
extern std::uint64_t places_end; ///< For level1.hpp: 8 a frame.
} // namespace detail

/// Number of frames described; a higher Mfn is a device frame.
inline Mfn frame_table_end() { return detail::frames_end; }
[[gnu::always_inline]] inline Frame& frame(Mfn m)
{
    ASSERT(m < detail::frames_end);
    return detail::frames[m.raw()];
}
inline DomainId owner_of(const Frame& f) { return DomainId{static_cast<std::uint16_t>(f.info.load(Order::acquire))}; }
inline bool is_shared(const Frame& f) { return (f.info.load(Order::acquire) & FrameInfo::shared_bit) != 0; }
/// RAM of any owner, the hypervisor's included.
inline bool is_ram(Mfn m) { return m < frame_table_end() && owner_of(frame(m)) != device_id; }

void drop_page(Mfn m);
/// Drops a type reference for good; what cannot be finished in time is parked with the frame's owner.
void drop_type(Mfn m);

/// A reference to a frame as type T, and a plain reference with it. Move-only, may be empty. Dropping the last one of
/// a big table parks it with its owner; the owner's next memory operation takes it apart.
template <PageType T> class [[nodiscard]] TypeRef {
public:
    TypeRef() = default;
    TypeRef(TypeRef&& o) noexcept : mfn_{o.release()} {}
    TypeRef& operator=(TypeRef&& o) noexcept
    {
        const TypeRef before{std::exchange(mfn_, o.release())};
        return *this;
    }
    ~TypeRef() { reset(); }
    explicit operator bool() const { return mfn_ != invalid_mfn; }
    [[nodiscard]] Mfn mfn() const { return mfn_; }
    void reset()
    {
        if (mfn_ != invalid_mfn) T == PageType::none ? drop_page(release()) : drop_type(release());
    }
    /// Gives the reference away: to a page-table entry, or to an adopt() elsewhere.
    Mfn release() { return std::exchange(mfn_, invalid_mfn); }
    static TypeRef adopt(Mfn m) { return TypeRef{m}; }

private:
    explicit TypeRef(Mfn m) : mfn_{m} {}
    Mfn mfn_ = invalid_mfn;
};
/// A reference of no type: the frame stays what it is and its owner's.
using PageRef = TypeRef<PageType::none>;
using WritableRef = TypeRef<PageType::writable>;
using RootRef = TypeRef<PageType::l4_table>;
using SegDescRef = TypeRef<PageType::segment_descriptors>;

/// einval unless @p m is RAM of @p owner, alive, and not a SharedPage.
Result<PageRef> get_page(Mfn m, const MemoryOwner& owner);
Result<WritableRef> get_writable(Mfn m, const MemoryOwner& owner);
namespace detail {
Result<> take_root(Mfn m, MemoryOwner& owner, Work& work);
}
/// Validates as needed; may return restart, then call again with the same arguments.
inline Result<RootRef> get_root(Mfn m, MemoryOwner& owner, Work& work)
{
    TRY(detail::take_root(m, owner, work));
    return RootRef::adopt(m);
}
inline Result<RootRef> get_root(Mfn m, MemoryOwner& o, Work&& work = Work{}) { return get_root(m, o, work); }
Result<SegDescRef> get_segdesc(Mfn m, MemoryOwner& owner);

} // namespace hv::mm
