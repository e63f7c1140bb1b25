// SPDX-License-Identifier: MIT
//
// A frame held for the time of an operation, or longer under a record: for reading by a plain reference, for writing
// by a writable one, which is a plain one too. The common way of taking and dropping is inline.
#pragma once
#include "mm/fast.hpp"
#include "mm/update.hpp"
#include <utility>

namespace hv::mm {

class [[nodiscard]] HeldFrame {
public:
    HeldFrame() = default;
    /// Takes over a reference that release() gave away.
    HeldFrame(Mfn m, GrantAccess access) : mfn_{m}, access_{access} {}
    HeldFrame(HeldFrame&& o) noexcept : access_{o.access_} { mfn_ = o.release(); }
    HeldFrame& operator=(HeldFrame&&) = delete;
    ~HeldFrame() { reset(); }

    /// Einval unless @p m is RAM of @p owner, alive, no SharedPage, and may be used that way. Must be empty.
    [[gnu::always_inline]] Result<> hold(Mfn m, const MemoryOwner& owner, GrantAccess access)
    {
        ASSERT(mfn_ == invalid_mfn);
        if (owner.dying() || m >= frame_table_end()) return Error::einval;
        Frame& f = frame(m);
        const bool write = access == GrantAccess::read_write;
        if (!is_plain(f, owner) || !(write ? fast::take_writable(f) : fast::take_page(f))) [[unlikely]]
            return hold_slow(m, owner, access);
        mfn_ = m;
        access_ = access;
        if (is_plain(f, owner)) [[likely]]
            return Ok{};
        reset(); // it changed hands in between
        return Error::einval;
    }
    [[nodiscard]] Mfn mfn() const { return mfn_; }
    [[nodiscard]] GrantAccess access() const { return access_; }
    void reset()
    {
        if (mfn_ == invalid_mfn) return;
        Frame& f = frame(mfn_);
        if (!(access_ == GrantAccess::read_write ? fast::drop_type(f) : fast::drop_ref(f))) [[unlikely]]
            drop_slow();
        mfn_ = invalid_mfn;
    }
    Mfn release() { return std::exchange(mfn_, invalid_mfn); }

private:
    static bool is_plain(const Frame& f, const MemoryOwner& owner)
    {
        return (f.info.load(Order::acquire) & (0xffff | FrameInfo::shared_bit)) == owner.id().raw();
    }
    Result<> hold_slow(Mfn m, const MemoryOwner& owner, GrantAccess access);
    void drop_slow() const;

    Mfn mfn_ = invalid_mfn;
    GrantAccess access_ = GrantAccess::read_only;
};

} // namespace hv::mm
