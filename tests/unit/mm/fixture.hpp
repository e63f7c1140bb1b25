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

inline Result<> apply(UpdateBatch& batch, std::uint64_t ptr, std::uint64_t value)
{
    const pv_mmu_update request{ptr, value};
    std::uint32_t done = 0;
    const Result<> r = batch.apply(std::span{&request, 1}, done);
    EXPECT_EQ(done, r.ok() ? 1U : 0U);
    return r;
}

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
    /// Native store into a frame's contents, as a guest's into a table it still maps writable. Several vCPUs may.
    static void poke(Mfn table, unsigned index, std::uint64_t value)
    {
        shared::store(&FrameWindow<std::uint64_t>{table}[index], value);
    }
    static std::uint64_t peek(Mfn table, unsigned index)
    {
        return shared::load(&FrameWindow<std::uint64_t>{table}[index]);
    }
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
    static Result<> unpin_now(MemoryOwner& o, Mfn m)
    {
        Work work;
        return unpin(o, m, work);
    }
    /// Audits with the references the test itself holds.
    void audit_clean(std::vector<Mfn> page_refs = {}, std::vector<Mfn> type_refs = {});
    static std::uint64_t differences(const std::vector<Mfn>& page_refs = {}, const std::vector<Mfn>& type_refs = {});
    void destroy(std::unique_ptr<MemoryOwner>& o);

    std::unique_ptr<MemoryOwner> dom0_, domu_;
    std::uint64_t free_at_start_;
};

inline MmTest::MmTest()
{
    arch::host::reset(frames);
    // A hole in RAM at frames 1024..1151: device memory.
    init(Mfn{frames});
    for (const Span ram : {Span{0, 1024 * page_size}, Span{1152 * page_size, frames * page_size}}) {
        reserve(ram);
        release_reserved(ram);
    }
    dom0_ = std::make_unique<MemoryOwner>(DomainId{0}, Privilege::hardware);
    domu_ = std::make_unique<MemoryOwner>(DomainId{1}, Privilege::none);
    dom0_->set_max_pages(2048);
    domu_->set_max_pages(2048);
    free_at_start_ = free_frames();
}

inline MmTest::~MmTest()
{
    destroy(domu_);
    destroy(dom0_);
    EXPECT_EQ(free_frames(), free_at_start_) << "frames leaked";
    EXPECT_EQ(differences(), 0U);
}

inline void MmTest::destroy(std::unique_ptr<MemoryOwner>& o)
{
    if (!o) return;
    o->set_dying();
    EXPECT_TRUE(persist([&] { return relinquish(*o); }).ok());
    EXPECT_EQ(o->held(), 0U);
    o.reset();
}

inline Mfn MmTest::page(MemoryOwner& o)
{
    const auto m = alloc_domain_frames(o, 0);
    EXPECT_TRUE(m.ok());
    return m.take();
}

inline MmTest::Tree MmTest::tree(MemoryOwner& o)
{
    const Tree t{page(o), page(o), page(o), page(o), page(o)};
    poke(t.l4, 0, entry(t.l3, rw));
    poke(t.l3, 0, entry(t.l2, rw));
    poke(t.l2, 0, entry(t.l1, rw));
    poke(t.l1, 0, entry(t.leaf, rw));
    return t;
}

inline Result<> MmTest::update(Owners owners, Mfn table, unsigned index, std::uint64_t value, unsigned command)
{
    return persist([&] {
        Work work;
        const Result<> ready = finish_deferred(owners.table, work);
        if (!ready.ok()) return ready;
        UpdateBatch batch{owners, work};
        return apply(batch, maddr_of(table).raw() + index * 8 + command, value);
    });
}

inline std::uint64_t MmTest::differences(const std::vector<Mfn>& page_refs, const std::vector<Mfn>& type_refs)
{
    auto audit = Audit::begin();
    EXPECT_TRUE(audit.ok());
    Audit a = std::move(audit).take();
    for (const Mfn m : page_refs)
        a.page_ref(m);
    for (const Mfn m : type_refs)
        a.type_ref(m);
    return a.finish().differences;
}

inline void MmTest::audit_clean(std::vector<Mfn> page_refs, std::vector<Mfn> type_refs)
{
    EXPECT_EQ(differences(page_refs, type_refs), 0U);
}

} // namespace hv::mm::test
