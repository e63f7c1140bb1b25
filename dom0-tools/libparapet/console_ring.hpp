// SPDX-License-Identifier: MIT
//
// dom0's end of a guest's console ring. The guest is hostile: its indexes are read once and checked, ours are kept
// privately and only published, so that nothing it writes makes us read or write outside of the ring.
#pragma once
#include "pv-abi/console.h"
#include <cstddef>
#include <span>
#include <string>

namespace parapet {

class ConsoleRing {
public:
    explicit ConsoleRing(pv_xencons_interface& shared);

    /// All that the guest has written and we have not seen, at most one ring's worth.
    std::string take_output();
    /// Puts as much as fits into the guest's input; returns how many bytes that was.
    std::size_t put_input(std::span<const char> input);
    [[nodiscard]] std::size_t input_room() const;
    /// How often the guest's indexes made no sense.
    [[nodiscard]] unsigned nonsense() const { return nonsense_; }

private:
    pv_xencons_interface& shared_;
    std::uint32_t out_cons_;
    std::uint32_t in_prod_;
    unsigned nonsense_{0};
};

} // namespace parapet
