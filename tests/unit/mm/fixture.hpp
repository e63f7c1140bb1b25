// SPDX-License-Identifier: MIT
//
// A fake machine with memory management up, two domains, and helpers that build page tables by hand. Every test ends
// with an audit and gives everything back.
#pragma once
#include "arch/host/machine.hpp"
#include "mm/allocator.hpp"
#include "mm/audit.hpp"
#include "mm/heap.hpp"
#include "mm/init.hpp"
#include "mm/m2p.hpp"
#include "mm/pte.hpp"
#include "mm/update.hpp"
#include "mm/window.hpp"
#include <gtest/gtest.h>
#include <memory>
#include <vector>

namespace hv::mm::test {

inline constexpr std::uint64_t rw = pte::present | pte::writable;
inline constexpr std::uint64_t ro = pte::present;

class MmTest : public testing::Test {
protected:
    static constexpr std::size_t frames = 4096;
    MmTest();
    ~MmTest() override;

    MemoryOwner& dom0() { return *dom0_; }
    MemoryOwner& domu() { return *domu_; }
    static Owners own(MemoryOwner& o) { return {o, o}; }
    /// A fresh zeroed frame.
    static Mfn page(MemoryOwner& o);
    static std::uint64_t entry(Mfn m, std::uint64_t flags) { return maddr_of(m).raw() | flags; }
    /// Native store into a frame's contents, as a guest's into a table it still maps writable.
    static void poke(Mfn table, unsigned index, std::uint64_t value)
    {
        FrameWindow<std::uint64_t>{table}[index] = value;
    }
    static std::uint64_t peek(Mfn table, unsigned index) { return FrameWindow<std::uint64_t>{table}[index]; }
    /// L4 -> L3 -> L2 -> L1 that maps @p leaf read-write at index 0 of each.
    struct Tree {
        Mfn l4, l3, l2, l1, leaf;
    };
    static Tree tree(MemoryOwner& o);
    /// One mmu_update request.
    static Result<> update(Owners owners, Mfn table, unsigned index, std::uint64_t value, unsigned command = 0);
    /// Again until it no longer asks for it.
    template <typename F> static auto persist(F f)
    {
        for (;;) {
            auto r = f();
            if (r.error() != Error::restart) return r;
        }
    }
    static Result<> pin_all(MemoryOwner& o, Mfn m, unsigned level)
    {
        return persist([&] { return pin(o, m, level); });
    }
    /// Audits with the references the test itself holds.
    void audit_clean(std::vector<Mfn> page_refs = {}, std::vector<Mfn> type_refs = {});
    static std::uint64_t differences(const std::vector<Mfn>& page_refs = {}, const std::vector<Mfn>& type_refs = {});
    void destroy(std::unique_ptr<MemoryOwner>& o);

    std::unique_ptr<MemoryOwner> dom0_, domu_;
    std::uint64_t free_at_start_;
};

} // namespace hv::mm::test
