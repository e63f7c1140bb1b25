// SPDX-License-Identifier: MIT
//
// Pages that hypervisor and guest share. Their contents are shared memory: use hv::shared accessors.
#pragma once
#include "mm/frame.hpp"
#include "mm/window.hpp"

namespace hv::mm {

/// A page held writable for life, so that it can become nothing else, and mapped for the hypervisor.
class [[nodiscard]] SharedPage {
public:
    SharedPage() = default;
    /// A hypervisor page its owner may map read-write (shared_info, grant table): zeroed, owned by the domain outside
    /// its reservation. Freed when object and last mapping are gone.
    static Result<SharedPage, false> create(MemoryOwner& owner);
    /// A page of guest RAM (vcpu_info, time areas).
    static Result<SharedPage, false> map(Mfn m, const MemoryOwner& owner);
    explicit operator bool() const { return static_cast<bool>(ref_); }
    [[nodiscard]] Mfn mfn() const { return ref_.mfn(); }
    template <typename T> [[nodiscard]] T* as() const { return at<T>(0); }
    template <typename T> [[nodiscard]] T* at(std::size_t offset) const
    {
        return reinterpret_cast<T*>(arch::frame_address(ref_.mfn()) + offset);
    }

private:
    explicit SharedPage(WritableRef ref) : ref_{std::move(ref)} {}
    WritableRef ref_;
};
using MappedPage = SharedPage;

} // namespace hv::mm
