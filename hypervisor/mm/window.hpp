// SPDX-License-Identifier: MIT
//
// The only way to a frame's contents. A direct map today; the scope of the object is what a per-CPU window
// would need.
#pragma once
#include "arch/arch.hpp"
#include <span>

namespace hv::mm {

template <typename T> class FrameWindow {
public:
    static constexpr std::size_t count = page_size / sizeof(T);
    explicit FrameWindow(Mfn m) : data_{reinterpret_cast<T*>(arch::frame_address(m))} {}
    FrameWindow(const FrameWindow&) = delete;
    FrameWindow& operator=(const FrameWindow&) = delete;
    [[nodiscard]] T& operator[](std::size_t i) const { return data_[i]; }
    /// The one at machine address @p a inside of the frame: in a direct map, where all of memory begins at one address.
    [[nodiscard]] static T* at(Maddr a) { return reinterpret_cast<T*>(arch::frame_address(Mfn{0}) + a.raw()); }
    [[nodiscard]] T* data() const { return data_; }
    [[nodiscard]] std::span<T, count> span() const { return std::span<T, count>{data_, count}; }

private:
    T* data_;
};

} // namespace hv::mm
