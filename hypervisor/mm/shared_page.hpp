// SPDX-License-Identifier: MIT
//
// Pages that hypervisor and guest share. Their contents are shared memory: use hv::shared accessors.
#pragma once
#include "mm/frame.hpp"
#include "mm/window.hpp"

namespace hv::mm {

/// A hypervisor page its owner may map read-write (shared_info, grant table): zeroed, owned by the domain
/// outside its reservation, writable type held for life, so it can become nothing else. Freed when object and
/// last mapping are gone.
class [[nodiscard]] SharedPage {
public:
    SharedPage() = default;
    static Result<SharedPage, false> create(MemoryOwner& owner);
    explicit operator bool() const { return static_cast<bool>(ref_); }
    [[nodiscard]] Mfn mfn() const { return ref_.mfn(); }
    template <typename T> [[nodiscard]] T* as() const { return reinterpret_cast<T*>(arch::frame_address(ref_.mfn())); }

private:
    explicit SharedPage(WritableRef ref) : ref_{std::move(ref)} {}
    WritableRef ref_;
};

/// A page of guest RAM held writable and mapped for the hypervisor (vcpu_info, time areas).
class [[nodiscard]] MappedPage {
public:
    MappedPage() = default;
    static Result<MappedPage, false> map(Mfn m, const MemoryOwner& owner);
    explicit operator bool() const { return static_cast<bool>(ref_); }
    [[nodiscard]] Mfn mfn() const { return ref_.mfn(); }
    template <typename T> [[nodiscard]] T* at(std::size_t offset) const
    {
        return reinterpret_cast<T*>(arch::frame_address(ref_.mfn()) + offset);
    }

private:
    explicit MappedPage(WritableRef ref) : ref_{std::move(ref)} {}
    WritableRef ref_;
};

} // namespace hv::mm
