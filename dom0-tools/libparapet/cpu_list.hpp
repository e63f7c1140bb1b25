// SPDX-License-Identifier: MIT
//
// Sets of CPUs as people write them: "0,2-3", "all", "0-5,^1". Parts count from left to right; ^ takes away. Pure.
#pragma once
#include "libparapet/error.hpp"
#include <bitset>
#include <string>

namespace parapet {

inline constexpr std::size_t most_cpus = 256;
using CpuList = std::bitset<most_cpus>;

/// A list that was understood, of CPUs that need not exist.
struct CpuChoice {
    CpuList list;  ///< All of it.
    CpuList named; ///< What "all" alone did not bring.
};
/// Where a vCPU may run, and where it should.
struct Affinity {
    CpuList hard, soft;
};

/// Says which part of the text is wrong.
class CpuListError : public Error {
public:
    CpuListError(const std::string& what, std::size_t offset) : Error{what}, offset_{offset} {}
    [[nodiscard]] std::size_t offset() const { return offset_; }

private:
    std::size_t offset_;
};

/// Throws CpuListError for anything but numbers, ranges and "all", and for an empty list.
CpuChoice parse_choice(const std::string& text);
/// The list on a machine that has CPUs 0..cpus-1. Fails when it names others, or when none is left.
CpuList resolve(const CpuChoice& choice, std::size_t cpus);
/// Both at once.
CpuList parse_cpus(const std::string& text, std::size_t cpus);
/// The shortest list; "all" for 0..cpus-1, "none" for nothing.
std::string format_cpus(const CpuList& list, std::size_t cpus);

} // namespace parapet
