// SPDX-License-Identifier: MIT
//
// Free memory as naturally aligned blocks of 2^order frames, listed by order and by the number of address bits their
// last frame needs. Links live in the free frames themselves. Not locked: the allocator's lock is held around it.
#pragma once
#include "mm/frame.hpp"

namespace hv::mm {

class Buddy {
public:
    static constexpr unsigned max_order = 18;
    /// Highest memory first: low frames are kept for those who need them. @p bits: frame-number bits, 0 = any. @p order
    /// is one there is.
    Result<Mfn> take(unsigned order, unsigned bits);
    /// Frames are already marked free; merges with free neighbours.
    void give(Mfn first, unsigned order);
    [[nodiscard]] std::uint64_t free() const { return free_; }

private:
    static constexpr unsigned zones = 41;
    struct Links {
        std::uint64_t next, prev; ///< Mfn + 1; 0 = none.
    };
    static unsigned zone_of(Mfn first, unsigned order);
    void link(Mfn first, unsigned order);
    void unlink(Mfn first, unsigned order);

    std::uint64_t head_[zones][max_order + 1]; ///< Mfn + 1; 0 = empty, so that zeroed storage is an empty allocator.
    std::uint32_t filled_[zones];              ///< Bit n: order n is not empty.
    std::uint64_t free_;
};

} // namespace hv::mm
