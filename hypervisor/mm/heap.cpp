// SPDX-License-Identifier: MIT
//
// Size classes of 32 to 1024 bytes, each on frames of its own with a header that counts their objects, so that an empty
// frame goes back. Larger objects are blocks of frames. Rank heap around the lists; frames are taken before the lock.
#include "mm/heap.hpp"
#include "cpu/lock.hpp"
#include "mm/allocator.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"
#include <bit>

namespace hv::mm {

namespace {

constexpr std::size_t smallest = 32, largest = 1024;
constexpr unsigned classes = 6;
static_assert(smallest << (classes - 1) == largest);

struct Object {
    Object* next;
};
struct Slab {
    Slab* next;
    Slab* prev;
    Object* free;
    std::uint32_t used;
    std::uint32_t index; ///< Size class.
};

cpu::SpinLock lock{cpu::Rank::heap};
Slab* partial[classes]; // slabs with a free object; guarded by lock

constexpr unsigned class_of(std::size_t bytes)
{
    return bytes <= smallest ? 0 : static_cast<unsigned>(std::bit_width(bytes - 1) - std::bit_width(smallest - 1));
}
constexpr std::size_t size_of(unsigned index) { return smallest << index; }
constexpr unsigned order_of(std::size_t bytes)
{
    return static_cast<unsigned>(std::bit_width((bytes - 1) >> page_shift));
}
static_assert(order_of(1025) == 0 && order_of(4096) == 0 && order_of(4097) == 1 && order_of(12288) == 2);
static_assert(class_of(32) == 0 && class_of(33) == 1 && class_of(1024) == 5);

void link(Slab* s)
{
    s->prev = nullptr;
    s->next = partial[s->index];
    if (s->next != nullptr) s->next->prev = s;
    partial[s->index] = s;
}

void unlink(Slab* s)
{
    (s->prev == nullptr ? partial[s->index] : s->prev->next) = s->next;
    if (s->next != nullptr) s->next->prev = s->prev;
}

Slab* make_slab(Mfn m, unsigned index)
{
    const FrameWindow<std::byte> w{m};
    Slab* const s = ::new (static_cast<void*>(w.data())) Slab{nullptr, nullptr, nullptr, 0, index};
    const std::size_t step = size_of(index);
    const std::size_t first = step > sizeof(Slab) ? step : (sizeof(Slab) + step - 1) / step * step;
    for (std::size_t at = page_size - step; at >= first; at -= step)
        s->free = ::new (static_cast<void*>(w.data() + at)) Object{s->free};
    return s;
}

void* pop(unsigned index)
{
    Slab* const s = partial[index];
    if (s == nullptr) return nullptr;
    Object* const o = s->free;
    s->free = o->next;
    ++s->used;
    if (s->free == nullptr) unlink(s);
    return o;
}

} // namespace

void reset_heap()
{
    const cpu::Guard guard{lock};
    for (Slab*& head : partial)
        head = nullptr;
}

Result<void*> heap_allocate(std::size_t bytes)
{
    if (bytes == 0 || bytes > page_size << max_order) return Error::enomem;
    if (bytes > largest) {
        const Mfn m = TRY(alloc_frames(order_of(bytes)));
        return static_cast<void*>(FrameWindow<std::byte>{m}.data());
    }
    const unsigned index = class_of(bytes);
    void* p = nullptr;
    {
        const cpu::Guard guard{lock};
        p = pop(index);
    }
    if (p == nullptr) {
        Slab* const fresh = make_slab(TRY(alloc_frame()), index);
        const cpu::Guard guard{lock};
        link(fresh);
        p = pop(index);
    }
    __builtin_memset(p, 0, size_of(index));
    return p;
}

void heap_free(void* p, std::size_t bytes)
{
    const Mfn m = arch::frame_of_address(p);
    if (bytes > largest) return free_frames_at(m);
    Slab* const s = FrameWindow<Slab>{m}.data();
    {
        const cpu::Guard guard{lock};
        ASSERT(s->index == class_of(bytes) && s->used != 0);
        const bool was_full = s->free == nullptr;
        s->free = ::new (p) Object{s->free};
        --s->used;
        if (was_full) link(s);
        if (s->used != 0) return;
        unlink(s);
    }
    free_frame(m);
}

} // namespace hv::mm
