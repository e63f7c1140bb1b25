// SPDX-License-Identifier: MIT
//
// Pages shared between hypervisor and guest: see shared_page.hpp.
#include "mm/shared_page.hpp"
#include "mm/types.hpp"

namespace hv::mm {

Result<SharedPage> SharedPage::create(MemoryOwner& owner)
{
    // The frame comes with one reference, which becomes the writable one.
    const Mfn m = TRY(alloc_shared_frame(owner));
    frame(m).state.store(FrameState{PageType::writable, Progress::none, 1, 1, 0}.encode(), Order::release);
    return SharedPage{WritableRef::adopt(m)};
}

Result<MappedPage> MappedPage::map(Mfn m, const MemoryOwner& owner) { return MappedPage{TRY(get_writable(m, owner))}; }

} // namespace hv::mm
