// SPDX-License-Identifier: MIT
//
// The frame table and plain references. A frame is alive while its reference count is not zero; it is looked at
// again for its owner after the count was raised, because it may have changed hands in between.
#include "mm/frame.hpp"
#include "arch/arch.hpp"
#include "mm/held_frame.hpp"
#include "mm/shared_page.hpp"
#include "mm/types.hpp"

namespace hv::mm {

constinit Frame* detail::frames = nullptr;
constinit Mfn detail::frames_end{0};

void set_frame_table(Frame* table, Mfn end)
{
    detail::frames = table;
    detail::frames_end = end;
}

Result<> take_page(Mfn m, const MemoryOwner& owner)
{
    if (m >= frame_table_end()) return Error::einval;
    Frame& f = frame(m);
    if (owner.dying()) return Error::einval;
    const auto take = [](FrameState& s) { return s.refs++ != 0 && s.refs != 0; }; // alive, and no overflow
    if (!fast::take_page(f) && !change_state(f, take)) return Error::einval;
    if (owner_of(f) == owner.id()) return Ok{};
    drop_page(m);
    return Error::einval;
}

void drop_page(Mfn m)
{
    Frame& f = frame(m);
    if (fast::drop_ref(f)) [[likely]]
        return;
    bool last = false;
    change_state(f, [&](FrameState& s) {
        ASSERT(s.refs > s.count);
        last = --s.refs == 0;
    });
    if (last) return_domain_frame(m);
}

Result<PageRef> get_page(Mfn m, const MemoryOwner& owner)
{
    TRY(take_page(m, owner));
    PageRef ref = PageRef::adopt(m);
    if (is_shared(frame(m))) return Error::einval;
    return ref;
}

Result<WritableRef> get_writable(Mfn m, const MemoryOwner& owner)
{
    Work work;
    TRY(get_type(m, PageType::writable, owner, work));
    WritableRef ref = WritableRef::adopt(m);
    if (is_shared(frame(m))) return Error::einval;
    return ref;
}

Result<SharedPage> SharedPage::map(Mfn m, const MemoryOwner& owner) { return SharedPage{TRY(get_writable(m, owner))}; }

Result<RootRef> get_root(Mfn m, MemoryOwner& owner, Work& work)
{
    TRY(finish_deferred(owner, work));
    TRY(get_type(m, PageType::l4_table, owner, work));
    return RootRef::adopt(m);
}

Result<RootRef> get_root(Mfn m, MemoryOwner& owner)
{
    Work work;
    return get_root(m, owner, work);
}

Result<SegDescRef> get_segdesc(Mfn m, MemoryOwner& owner)
{
    Work work;
    TRY(finish_deferred(owner, work));
    TRY(get_type(m, PageType::segment_descriptors, owner, work));
    return SegDescRef::adopt(m);
}

Result<> HeldFrame::hold_slow(Mfn m, const MemoryOwner& owner, GrantAccess access)
{
    if (access == GrantAccess::read_write)
        mfn_ = TRY(get_writable(m, owner)).release();
    else
        mfn_ = TRY(get_page(m, owner)).release();
    access_ = access;
    return Ok{};
}

void HeldFrame::drop_slow() const { access_ == GrantAccess::read_write ? drop_type(mfn_) : drop_page(mfn_); }

void drop_type(Mfn m)
{
    Work work;
    drop_type(m, work);
}

} // namespace hv::mm
