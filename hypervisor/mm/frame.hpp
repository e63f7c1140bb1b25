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

namespace hv::mm {

enum class PageType : std::uint8_t { none, l1_table, l2_table, l3_table, l4_table, segment_descriptors, writable };
constexpr bool is_table(PageType t) { return t >= PageType::l1_table && t <= PageType::l4_table; }
constexpr PageType table_type(unsigned level) { return static_cast<PageType>(level); }

/// none: no validated contents (writable frames too); validating and devalidating: under way or parked at
/// `partial`.
enum class Progress : std::uint8_t { none, validating, valid, devalidating };

/// The state word: type 4, progress 2, type count 22, references 28, epoch 8. Every type reference is also a
/// reference. The type outlives its last reference, so that only a change of type asks whether the TLBs
/// forgot the old one.
struct FrameState {
    static constexpr std::uint32_t max_count = (1U << 22) - 1;
    static constexpr std::uint32_t max_refs = (1U << 28) - 1;
    PageType type;
    Progress progress;
    std::uint32_t count;
    std::uint32_t refs;
    std::uint8_t epoch; ///< FlushStamp (mm/tlb.hpp) of the last mapping, or use as a table, that was given up.

    static constexpr FrameState decode(std::uint64_t w)
    {
        return {static_cast<PageType>(w >> 60), static_cast<Progress>(w >> 58 & 3),
                static_cast<std::uint32_t>(w >> 36) & max_count, static_cast<std::uint32_t>(w >> 8) & max_refs,
                static_cast<std::uint8_t>(w)};
    }
    [[nodiscard]] constexpr std::uint64_t encode() const
    {
        return static_cast<std::uint64_t>(type) << 60 | static_cast<std::uint64_t>(progress) << 58 |
               static_cast<std::uint64_t>(count) << 36 | static_cast<std::uint64_t>(refs) << 8 | epoch;
    }
};
static_assert(FrameState::decode(FrameState{PageType::writable, Progress::valid, 7, 9, 5}.encode()).refs == 9);

/// The info word: owner 16, flags, partial index 10, present entries 10, order of a free block 6.
struct FrameInfo {
    DomainId owner;
    bool pinned;           ///< A guest pinned this table: one type reference.
    bool allocated;        ///< Part of the owner's reservation: one reference.
    bool shared;           ///< A SharedPage: mappable by the owner, but nothing else may be done with it.
    bool locked;           ///< Table lock: contents, partial and present change only under it.
    std::uint16_t partial; ///< Progress validating / devalidating: entries [0, partial) hold their references.
    std::uint16_t present; ///< Entries of a validated table that hold references.
    std::uint8_t order;    ///< Head of a free block or of a multi-frame hypervisor allocation.
    bool free_head;        ///< Head of a free block.

    static constexpr FrameInfo decode(std::uint64_t w)
    {
        return {DomainId{static_cast<std::uint16_t>(w)},
                (w >> 16 & 1) != 0,
                (w >> 17 & 1) != 0,
                (w >> 18 & 1) != 0,
                (w >> 19 & 1) != 0,
                static_cast<std::uint16_t>(w >> 20 & 0x3ff),
                static_cast<std::uint16_t>(w >> 30 & 0x3ff),
                static_cast<std::uint8_t>(w >> 40 & 0x3f),
                (w >> 46 & 1) != 0};
    }
    [[nodiscard]] constexpr std::uint64_t encode() const
    {
        return std::uint64_t{owner.raw()} | std::uint64_t{pinned} << 16 | std::uint64_t{allocated} << 17 |
               std::uint64_t{shared} << 18 | std::uint64_t{locked} << 19 | std::uint64_t{partial} << 20 |
               std::uint64_t{present} << 30 | std::uint64_t{order} << 40 | std::uint64_t{free_head} << 46;
    }
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
} // namespace detail

/// Number of frames described; a higher Mfn is a device frame.
inline Mfn frame_table_end() { return detail::frames_end; }
inline Frame& frame(Mfn m)
{
    ASSERT(m < detail::frames_end);
    return detail::frames[m.raw()];
}
inline DomainId owner_of(const Frame& f) { return DomainId{static_cast<std::uint16_t>(f.info.load(Order::acquire))}; }
inline bool is_shared(const Frame& f) { return (f.info.load(Order::acquire) >> 18 & 1) != 0; }
static_assert(FrameInfo{DomainId{0}, false, false, true, false, 0, 0, 0, false}.encode() == 1 << 18);
/// RAM of any owner, the hypervisor's included.
inline bool is_ram(Mfn m) { return m < frame_table_end() && owner_of(frame(m)) != device_id; }

namespace detail {
void drop_page(Mfn m);
void drop_type(Mfn m);
} // namespace detail

/// A reference of no type: the frame stays what it is and its owner's. Move-only, may be empty.
class [[nodiscard]] PageRef {
public:
    PageRef() = default;
    PageRef(PageRef&& o) noexcept : mfn_{o.release()} {}
    PageRef& operator=(PageRef&& o) noexcept
    {
        if (this != &o) {
            reset();
            mfn_ = o.release();
        }
        return *this;
    }
    ~PageRef() { reset(); }
    explicit operator bool() const { return mfn_ != invalid_mfn; }
    [[nodiscard]] Mfn mfn() const { return mfn_; }
    void reset()
    {
        if (mfn_ != invalid_mfn) detail::drop_page(release());
    }
    /// Gives the reference away: to a page-table entry, or to an adopt() elsewhere.
    Mfn release()
    {
        const Mfn m = mfn_;
        mfn_ = invalid_mfn;
        return m;
    }
    static PageRef adopt(Mfn m)
    {
        PageRef r;
        r.mfn_ = m;
        return r;
    }

private:
    Mfn mfn_ = invalid_mfn;
};

/// A reference to a frame as type T (and a plain reference with it). Move-only, may be empty. Dropping the
/// last one of a big table parks it with its owner; the owner's next memory operation takes it apart.
template <PageType T> class [[nodiscard]] TypeRef {
public:
    TypeRef() = default;
    TypeRef(TypeRef&& o) noexcept : mfn_{o.release()} {}
    TypeRef& operator=(TypeRef&& o) noexcept
    {
        if (this != &o) {
            reset();
            mfn_ = o.release();
        }
        return *this;
    }
    ~TypeRef() { reset(); }
    explicit operator bool() const { return mfn_ != invalid_mfn; }
    [[nodiscard]] Mfn mfn() const { return mfn_; }
    void reset()
    {
        if (mfn_ != invalid_mfn) detail::drop_type(release());
    }
    Mfn release()
    {
        const Mfn m = mfn_;
        mfn_ = invalid_mfn;
        return m;
    }
    static TypeRef adopt(Mfn m)
    {
        TypeRef r;
        r.mfn_ = m;
        return r;
    }

private:
    Mfn mfn_ = invalid_mfn;
};
using WritableRef = TypeRef<PageType::writable>;
using RootRef = TypeRef<PageType::l4_table>;
using SegDescRef = TypeRef<PageType::segment_descriptors>;

/// einval unless @p m is RAM of @p owner, alive, and not a SharedPage.
Result<PageRef> get_page(Mfn m, const MemoryOwner& owner);
Result<WritableRef> get_writable(Mfn m, const MemoryOwner& owner);
/// Validates as needed; may return restart, then call again with the same arguments.
Result<RootRef> get_root(Mfn m, MemoryOwner& owner, Work& work);
Result<RootRef> get_root(Mfn m, MemoryOwner& owner);
Result<SegDescRef> get_segdesc(Mfn m, MemoryOwner& owner);

} // namespace hv::mm
