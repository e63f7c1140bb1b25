// SPDX-License-Identifier: MIT
//
// See heap.hpp.
#include "mm/heap.hpp"
#include "mm/allocator.hpp"
#include "mm/window.hpp"
#include <bit>

namespace hv::mm {

Result<void*> heap_allocate(std::size_t bytes, Contents contents)
{
    if (bytes == 0 || bytes > page_size << max_order) return Error::enomem;
    const auto order = static_cast<unsigned>(std::bit_width((bytes - 1) >> page_shift));
    return static_cast<void*>(FrameWindow<std::byte>{TRY(alloc_frames(order, 0, contents))}.data());
}

void heap_free(void* p) { free_frames_at(arch::frame_of_address(p)); }

} // namespace hv::mm
