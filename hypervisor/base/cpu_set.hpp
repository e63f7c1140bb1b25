// SPDX-License-Identifier: MIT
//
// Sets of CPUs: a plain value for masks and loops, and an atomic one whose words change one by one.
#pragma once
#include "base/atomic.hpp"
#include "base/units.hpp"
#include <array>

namespace hv {

inline constexpr unsigned max_cpus = 256;

class CpuSet {
public:
    static constexpr unsigned word_count = max_cpus / 64;
    constexpr CpuSet() = default;
    static constexpr CpuSet of(CpuId cpu)
    {
        CpuSet s;
        s.add(cpu);
        return s;
    }
    constexpr void add(CpuId cpu) { words_[cpu.raw() / 64] |= 1ULL << cpu.raw() % 64; }
    constexpr void remove(CpuId cpu) { words_[cpu.raw() / 64] &= ~(1ULL << cpu.raw() % 64); }
    [[nodiscard]] constexpr bool has(CpuId cpu) const { return (words_[cpu.raw() / 64] >> cpu.raw() % 64 & 1) != 0; }
    [[nodiscard]] constexpr bool empty() const { return CpuSet{}.contains(*this); }
    constexpr CpuSet& operator|=(const CpuSet& o)
    {
        for (unsigned i = 0; i < word_count; ++i)
            words_[i] |= o.words_[i];
        return *this;
    }
    constexpr CpuSet& operator&=(const CpuSet& o)
    {
        for (unsigned i = 0; i < word_count; ++i)
            words_[i] &= o.words_[i];
        return *this;
    }
    [[nodiscard]] constexpr bool contains(const CpuSet& o) const
    {
        std::uint64_t missing = 0;
        for (unsigned i = 0; i < word_count; ++i)
            missing |= o.words_[i] & ~words_[i];
        return missing == 0;
    }
    template <typename F> void for_each(F&& f) const
    {
        for (unsigned i = 0; i < word_count; ++i)
            for (std::uint64_t w = words_[i]; w != 0; w &= w - 1)
                f(CpuId{i * 64 + static_cast<unsigned>(__builtin_ctzll(w))});
    }
    [[nodiscard]] unsigned count() const
    {
        unsigned n = 0;
        for_each([&n](CpuId) { ++n; });
        return n;
    }
    [[nodiscard]] constexpr std::uint64_t word(unsigned i) const { return words_[i]; }
    constexpr void set_word(unsigned i, std::uint64_t w) { words_[i] = w; }
    constexpr bool operator==(const CpuSet&) const = default;

private:
    std::array<std::uint64_t, word_count> words_{};
};

class AtomicCpuSet {
public:
    void add(CpuId cpu, Order o) { words_[cpu.raw() / 64].fetch_or(1ULL << cpu.raw() % 64, o); }
    void remove(CpuId cpu, Order o) { words_[cpu.raw() / 64].fetch_and(~(1ULL << cpu.raw() % 64), o); }
    [[nodiscard]] bool has(CpuId cpu, Order o) const
    {
        return (words_[cpu.raw() / 64].load(o) >> cpu.raw() % 64 & 1) != 0;
    }
    [[nodiscard]] CpuSet load(Order o) const
    {
        CpuSet s;
        for (unsigned i = 0; i < CpuSet::word_count; ++i)
            s.set_word(i, words_[i].load(o));
        return s;
    }
    /// Is @p cpu the only one?
    [[nodiscard]] bool is_only(CpuId cpu, Order o) const
    {
        std::uint64_t others = 0;
        for (unsigned i = 0; i < CpuSet::word_count; ++i)
            others |= words_[i].load(o) ^ (i == cpu.raw() / 64 ? 1ULL << cpu.raw() % 64 : 0);
        return others == 0;
    }
    /// Takes everything out.
    CpuSet drain(Order o)
    {
        CpuSet s;
        for (unsigned i = 0; i < CpuSet::word_count; ++i)
            s.set_word(i, words_[i].exchange(0, o));
        return s;
    }

private:
    std::array<Atomic<std::uint64_t>, CpuSet::word_count> words_{};
};

} // namespace hv
