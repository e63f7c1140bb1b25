// SPDX-License-Identifier: MIT
//
// The frame table, the registry of owners (a plain table, written at birth and death of a domain, read without a lock),
// where the machine-to-physical table lies, and plain references. A frame is alive while its reference count is not
// zero; it is looked at again for its owner after the count was raised, because it may have changed hands in between.
#include "mm/frame.hpp"
#include "arch/arch.hpp"
#include "mm/held_frame.hpp"
#include "mm/m2p.hpp"
#include "mm/pte.hpp"
#include "mm/shared_page.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

constinit Frame* detail::frames = nullptr;
constinit Mfn detail::frames_end{0};
constinit std::uint64_t detail::places_end = 0;

static Atomic<MemoryOwner*> owners[PV_DOMID_MASK + 1];

MemoryOwner::MemoryOwner(DomainId id, Privilege privilege)
    : standing{id.raw() | FrameInfo::level1_bit}, id_{id}, privilege_{privilege}
{
    ASSERT(id.raw() < PV_DOMID_FIRST_RESERVED);
    MemoryOwner* const before = owners[id.raw()].exchange(this, Order::acq_rel);
    ASSERT(before == nullptr);
}

MemoryOwner::~MemoryOwner()
{
    ASSERT(held() == 0);
    owners[id_.raw()].store(nullptr, Order::release);
}

MemoryOwner* find_owner(DomainId id)
{
    return id.raw() > PV_DOMID_MASK ? nullptr : owners[id.raw()].load(Order::acquire);
}

void set_frame_table(Frame* table, Mfn end)
{
    detail::frames = table;
    detail::frames_end = end;
    detail::places_end = end.raw() * 8;
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

Result<> detail::take_root(Mfn m, MemoryOwner& owner, Work& work)
{
    TRY(finish_deferred(owner, work));
    return get_type(m, PageType::l4_table, owner, work);
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
    if (fast::drop_type(frame(m))) [[likely]]
        return;
    Work work;
    drop_type(m, work);
}

Result<Mfn> m2p_extent(std::uint64_t index)
{
    constexpr std::uint64_t extent = 1ULL << 21;
    if (index * extent >= frame_table_end().raw() * sizeof(std::uint64_t)) return Error::enoent;
    const std::uint64_t va = PV_MACH2PHYS_VIRT_START + index * extent;
    std::uint64_t entry = arch::hypervisor_root_entries()[0];
    for (unsigned level = 3; level >= 2; --level) {
        if (!pte::is_present(entry) || !is_ram(pte::frame_of(entry))) return Error::enoent;
        entry = FrameWindow<std::uint64_t>{pte::frame_of(entry)}[pte::index_of(va, level)];
    }
    return pte::is_present(entry) ? Result<Mfn>{pte::frame_of(entry)} : Error::enoent;
}

} // namespace hv::mm
