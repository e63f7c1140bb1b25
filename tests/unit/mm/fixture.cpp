// SPDX-License-Identifier: MIT
#include "fixture.hpp"

namespace hv::mm::test {

MmTest::MmTest()
{
    arch::host::reset(frames);
    // A hole in RAM at frames 1024..1151: device memory.
    const RamRange ram[] = {{Maddr{0}, 1024 * page_size}, {Maddr{1152 * page_size}, (frames - 1152) * page_size}};
    init(ram, Mfn{frames});
    dom0_ = std::make_unique<MemoryOwner>(DomainId{0}, Privilege::hardware);
    domu_ = std::make_unique<MemoryOwner>(DomainId{1}, Privilege::none);
    dom0_->set_max_pages(2048);
    domu_->set_max_pages(2048);
    free_at_start_ = free_frames();
}

MmTest::~MmTest()
{
    destroy(domu_);
    destroy(dom0_);
    EXPECT_EQ(free_frames(), free_at_start_) << "frames leaked";
    EXPECT_EQ(differences(), 0U);
}

void MmTest::destroy(std::unique_ptr<MemoryOwner>& o)
{
    if (!o) return;
    o->set_dying();
    EXPECT_TRUE(persist([&] { return relinquish(*o); }).ok());
    EXPECT_EQ(o->held(), 0U);
    o.reset();
}

Mfn MmTest::page(MemoryOwner& o)
{
    const auto m = alloc_domain_frames(o, 0);
    EXPECT_TRUE(m.ok());
    return m.take();
}

MmTest::Tree MmTest::tree(MemoryOwner& o)
{
    const Tree t{page(o), page(o), page(o), page(o), page(o)};
    poke(t.l4, 0, entry(t.l3, rw));
    poke(t.l3, 0, entry(t.l2, rw));
    poke(t.l2, 0, entry(t.l1, rw));
    poke(t.l1, 0, entry(t.leaf, rw));
    return t;
}

Result<> MmTest::update(Owners owners, Mfn table, unsigned index, std::uint64_t value, unsigned command)
{
    return persist([&] {
        Work work;
        const Result<> ready = finish_deferred(owners.table, work);
        if (!ready.ok()) return ready;
        UpdateBatch batch{owners, work};
        return batch.apply(maddr_of(table).raw() + index * 8 + command, value);
    });
}

std::uint64_t MmTest::differences(const std::vector<Mfn>& page_refs, const std::vector<Mfn>& type_refs)
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

void MmTest::audit_clean(std::vector<Mfn> page_refs, std::vector<Mfn> type_refs)
{
    EXPECT_EQ(differences(page_refs, type_refs), 0U);
}

} // namespace hv::mm::test
