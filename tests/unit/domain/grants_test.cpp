// SPDX-License-Identifier: MIT
//
// Grants between domains: what the shared entry shows while a frame is mapped or copied, which references are held,
// and what a granter or mapper that breaks the rules can and cannot do.
#include "domain/console.hpp"
#include "domain/grant_map.hpp"
#include "mm/pte.hpp"
#include "mm/update.hpp"
#include "tests/unit/domain/world.hpp"

using namespace hv;
using namespace hv::domain;
using namespace hv::domain::test;

namespace {

constexpr std::uint64_t window_va = data_va + page_size; ///< Unmapped in every test guest.
constexpr std::uint32_t host = PV_GNTMAP_HOST_MAP, read_only = PV_GNTMAP_READONLY, device = PV_GNTMAP_DEVICE_MAP;
constexpr std::uint16_t permit = PV_GTF_PERMIT_ACCESS, reading = PV_GTF_READING, writing = PV_GTF_WRITING;

class Grants : public World {
protected:
    void SetUp() override
    {
        World::SetUp();
        uses_before_ = GrantTable::uses();
        other_ = start_guest();
        frame_ = ok(mm::alloc_domain_frames(*other_.domain, 0));
        offer(8, 0);
    }
    void TearDown() override
    {
        EXPECT_EQ(ok(audit_machine()).differences, 0u) << "with whatever the test left mapped";
        World::TearDown();
        EXPECT_EQ(ok(audit_machine()).differences, 0u);
        EXPECT_EQ(GrantTable::uses(), uses_before_);
    }
    /// The granter's entry of @p ref.
    pv_grant_entry_v1& entry(std::uint32_t ref)
    {
        const Mfn m = ok(other_.domain->grants().frame_mfn(ref / 512));
        return reinterpret_cast<pv_grant_entry_v1*>(arch::frame_address(m))[ref % 512];
    }
    void offer(std::uint32_t ref, std::uint16_t flags, std::uint16_t grantee = 0)
    {
        entry(ref) = {static_cast<std::uint16_t>(permit | flags), grantee, static_cast<std::uint32_t>(frame_.raw())};
    }
    [[nodiscard]] Vcpu& me() const { return dom0().vcpu(); }
    MapResult map(std::uint32_t flags, std::uint64_t at = window_va, std::uint32_t ref = 8)
    {
        return GrantMapper{me()}.map({at, flags, ref, other_.domain->id()});
    }
    GrantStatus unmap(GrantHandle h, std::uint64_t at, std::uint64_t bus = 0)
    {
        Unmapping u{};
        const GrantStatus s = GrantMapper{me()}.begin_unmap({at, bus, h}, u);
        if (s == GrantStatus::okay) finish_unmap(dom0().domain->grants().maptrack, u);
        return s;
    }
    static mm::L1Slot slot(std::uint64_t va = window_va)
    {
        return ok(mm::find_l1(dom0().vcpu().kernel_root(), GuestVa{va}));
    }
    static std::uint64_t pte(std::uint64_t va = window_va)
    {
        const mm::L1Slot s = slot(va);
        return mm::FrameWindow<std::uint64_t>{s.table()}[s.index()];
    }
    static mm::FrameState state(Mfn m) { return mm::frame(m).current(); }
    Result<> store(std::uint64_t value, std::uint64_t va = window_va)
    {
        const Result<std::uint64_t> r = mm::write_l1(slot(va), value, {*dom0().domain, *dom0().domain});
        return r.ok() ? Result<>{Ok{}} : r.error();
    }

    Guest other_{};
    Mfn frame_;
    std::uint64_t uses_before_ = 0;
};

TEST_F(Grants, AWritableMappingIsSeenByTheGranterUntilItIsUnmapped)
{
    const MapResult m = map(host);
    ASSERT_EQ(m.status, GrantStatus::okay);
    EXPECT_EQ(m.bus_address, maddr_of(frame_));
    EXPECT_EQ(mm::pte::frame_of(pte()), frame_);
    EXPECT_TRUE(mm::pte::is_writable(pte()));
    EXPECT_EQ(entry(8).flags, permit | reading | writing);
    EXPECT_EQ(mm::get_segdesc(frame_, *other_.domain).error(), Error::einval) << "it is writable for as long";
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
    EXPECT_EQ(pte(), 0u);
    EXPECT_EQ(entry(8).flags, permit);
    EXPECT_EQ(state(frame_).refs, 1u) << "only the allocation is left";
    EXPECT_EQ(state(frame_).count, 0u);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::bad_handle);
}

TEST_F(Grants, ReadersAndWritersAreCountedApart)
{
    const MapResult reader = map(host | read_only);
    ASSERT_EQ(reader.status, GrantStatus::okay);
    EXPECT_FALSE(mm::pte::is_writable(pte()));
    EXPECT_EQ(entry(8).flags, permit | reading);
    const MapResult writer = map(host, window_va + page_size);
    ASSERT_EQ(writer.status, GrantStatus::okay);
    EXPECT_EQ(entry(8).flags, permit | reading | writing);
    EXPECT_EQ(unmap(writer.handle, window_va + page_size), GrantStatus::okay);
    EXPECT_EQ(entry(8).flags, permit | reading);
    EXPECT_EQ(unmap(reader.handle, window_va), GrantStatus::okay);
    EXPECT_EQ(entry(8).flags, permit);
}

TEST_F(Grants, TheLinuxBitIsSetInTheEntry)
{
    const MapResult m = map(host | 1U << 16);
    EXPECT_NE(pte() & 1U << 9, 0u);
    EXPECT_EQ(pte() & 1U << 10, 0u);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
}

TEST_F(Grants, ByEntryAddressAsGntdevDoes)
{
    const std::uint64_t at = slot().address().raw();
    const MapResult m = map(host | PV_GNTMAP_CONTAINS_PTE | PV_GNTMAP_APPLICATION_MAP, at);
    ASSERT_EQ(m.status, GrantStatus::okay);
    EXPECT_EQ(mm::pte::frame_of(pte()), frame_);
    EXPECT_EQ(unmap(m.handle, at + 8), GrantStatus::general_error);
    EXPECT_EQ(unmap(m.handle, at), GrantStatus::okay);
    EXPECT_EQ(map(host | PV_GNTMAP_CONTAINS_PTE, at + 4).status, GrantStatus::general_error) << "misaligned";
    EXPECT_EQ(map(host | PV_GNTMAP_CONTAINS_PTE, maddr_of(dom0().data).raw()).status, GrantStatus::general_error)
        << "not a page table";
    EXPECT_EQ(entry(8).flags, permit) << "failed mappings leave no mark";
}

TEST_F(Grants, WhatIsNotGrantedIsNotMapped)
{
    EXPECT_EQ(map(0).status, GrantStatus::bad_ref);
    EXPECT_EQ(map(host, window_va, 9).status, GrantStatus::general_error) << "invalid entry";
    EXPECT_EQ(map(host, window_va, 512).status, GrantStatus::bad_ref) << "beyond the table";
    EXPECT_EQ(map(host, window_va, ~0U).status, GrantStatus::bad_ref);
    EXPECT_EQ(GrantMapper{me()}.map({window_va, host, 8, DomainId{777}}).status, GrantStatus::bad_domain);
    offer(8, 0, 5);
    EXPECT_EQ(map(host).status, GrantStatus::general_error) << "another grantee";
    offer(8, PV_GTF_READONLY);
    EXPECT_EQ(map(host).status, GrantStatus::general_error);
    entry(8).flags = PV_GTF_ACCEPT_TRANSFER;
    EXPECT_EQ(map(host | read_only).status, GrantStatus::general_error);
    offer(8, 0);
    entry(8).frame = static_cast<std::uint32_t>(dom0().data.raw());
    EXPECT_EQ(map(host).status, GrantStatus::general_error) << "not the granter's frame";
    entry(8).frame = static_cast<std::uint32_t>(other_.root.raw());
    EXPECT_EQ(map(host).status, GrantStatus::general_error) << "a page table, writable";
    entry(8).frame = static_cast<std::uint32_t>(other_.domain->shared_info_frame().raw());
    EXPECT_EQ(map(host).status, GrantStatus::general_error) << "a page of the hypervisor's making";
    entry(8).frame = ~0U;
    EXPECT_EQ(map(host).status, GrantStatus::general_error);
    offer(8, 0);
    EXPECT_EQ(map(host, PV_HYPERVISOR_VIRT_START).status, GrantStatus::general_error);
    EXPECT_EQ(map(host, 1ULL << 40).status, GrantStatus::general_error) << "no table there";
    EXPECT_EQ(entry(8).flags, permit);
    EXPECT_EQ(state(frame_).refs, 1u);
}

TEST_F(Grants, TheRecordDecidesWhileInUseNotTheSharedEntry)
{
    const MapResult m = map(host | read_only);
    const Mfn second = ok(mm::alloc_domain_frames(*other_.domain, 0));
    entry(8).frame = static_cast<std::uint32_t>(second.raw());
    entry(8).domid = 3;
    const MapResult again = map(host | read_only, window_va + page_size);
    ASSERT_EQ(again.status, GrantStatus::okay);
    EXPECT_EQ(mm::pte::frame_of(pte(window_va + page_size)), frame_);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
    EXPECT_EQ(unmap(again.handle, window_va + page_size), GrantStatus::okay);
    EXPECT_EQ(map(host | read_only).status, GrantStatus::general_error) << "unused, the entry counts again";
}

TEST_F(Grants, AMapperThatClearsItsEntryCannotUnmapAndCorruptsNothing)
{
    const MapResult m = map(host);
    ok(store(0));
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::general_error);
    EXPECT_EQ(entry(8).flags, permit | reading | writing);
    EXPECT_EQ(state(frame_).count, 1u) << "the handle's own writable reference";
    EXPECT_EQ(mm::get_segdesc(frame_, *other_.domain).error(), Error::einval);
    ok(store(maddr_of(dom0().data).raw() | 7));
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::general_error) << "another frame is there";
    ok(store(0));
    const MapResult other = map(host);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay) << "an entry like the one installed, at the same place";
    EXPECT_EQ(unmap(other.handle, window_va), GrantStatus::general_error);
    drop_mapping(dom0().domain->grants().maptrack, other.handle);
    EXPECT_EQ(entry(8).flags, permit);
}

TEST_F(Grants, ADowngradedEntryIsNotTheMapping)
{
    const MapResult m = map(host);
    const mm::L1Slot s = slot();
    ok(mm::write_l1(s, pte() & ~mm::pte::writable, {*dom0().domain, *other_.domain}));
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::general_error);
    EXPECT_EQ(state(frame_).count, 1u);
    ok(store(0));
    drop_mapping(dom0().domain->grants().maptrack, m.handle);
    EXPECT_EQ(state(frame_).refs, 1u);
}

TEST_F(Grants, AnEntryThatTheMapperReplacesByAMappingGivesUpTheOldFrame)
{
    ok(store(maddr_of(dom0().data).raw() | 7));
    const std::uint32_t before = state(dom0().data).refs;
    const MapResult m = map(host);
    EXPECT_EQ(state(dom0().data).refs, before - 1);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
}

TEST_F(Grants, HostAndDeviceHalvesGoOneByOne)
{
    const MapResult m = map(host | device);
    EXPECT_EQ(unmap(m.handle, window_va, 4096), GrantStatus::general_error) << "another bus address";
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
    EXPECT_EQ(entry(8).flags, permit | reading | writing);
    EXPECT_EQ(state(frame_).count, 1u) << "a device may still write";
    EXPECT_EQ(unmap(m.handle, 0, m.bus_address.raw()), GrantStatus::okay);
    EXPECT_EQ(entry(8).flags, permit);
    EXPECT_EQ(state(frame_).refs, 1u);
}

TEST_F(Grants, AMappedFrameOutlivesItsOwner)
{
    const DomainId id = other_.domain->id();
    const MapResult m = map(host);
    const std::uint64_t free_before = mm::free_frames();
    while (other_.domain->destroy().error() == Error::restart) {
    }
    EXPECT_EQ(other_.domain->life(), Life::dead);
    EXPECT_EQ(map(host, window_va + page_size).status, GrantStatus::bad_domain);
    for (int i = 0; i < 3; ++i) {
        arch::host::advance(10'000'000);
        enter_and_leave();
    }
    EXPECT_TRUE(find_domain(id)) << "a mapping refers to it";
    EXPECT_EQ(mm::frame(frame_).details().owner, id);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
    for (int i = 0; i < 3; ++i) {
        arch::host::advance(10'000'000);
        enter_and_leave();
    }
    EXPECT_FALSE(find_domain(id));
    EXPECT_GT(mm::free_frames(), free_before);
}

TEST_F(Grants, ADyingMapperLetsGo)
{
    const Guest mapper = start_guest();
    offer(8, 0, mapper.domain->id().raw());
    for (std::uint64_t i = 0; i < 3; ++i) {
        const MapResult m = GrantMapper{mapper.vcpu()}.map({window_va + i * page_size, host, 8, other_.domain->id()});
        ASSERT_EQ(m.status, GrantStatus::okay);
    }
    EXPECT_EQ(entry(8).flags, permit | reading | writing);
    end(find_domain(mapper.domain->id()));
    EXPECT_EQ(entry(8).flags, permit);
    EXPECT_EQ(state(frame_).refs, 1u);
}

TEST_F(Grants, HandlesAreReusedAndBounded)
{
    DomainConfig config;
    config.max_maptrack_frames = 1;
    const Guest mapper = make_guest(config);
    offer(8, 0, mapper.domain->id().raw());
    const MapRequest request{0, device, 8, other_.domain->id()};
    std::vector<GrantHandle> handles;
    MapResult m = GrantMapper{mapper.vcpu()}.map(request);
    for (; m.status == GrantStatus::okay; m = GrantMapper{mapper.vcpu()}.map(request))
        handles.push_back(m.handle);
    EXPECT_EQ(m.status, GrantStatus::no_device_space);
    EXPECT_EQ(handles.size(), 128u);
    Maptrack& track = mapper.domain->grants().maptrack;
    Unmapping u{};
    ASSERT_EQ(GrantMapper{mapper.vcpu()}.begin_unmap({0, maddr_of(frame_).raw(), handles[5]}, u), GrantStatus::okay);
    Unmapping twice{};
    EXPECT_EQ(GrantMapper{mapper.vcpu()}.begin_unmap({0, 0, handles[5]}, twice), GrantStatus::bad_handle)
        << "being unmapped";
    finish_unmap(track, u);
    EXPECT_EQ(GrantMapper{mapper.vcpu()}.map(request).handle, handles[5]);
    end(find_domain(mapper.domain->id()));
    EXPECT_EQ(entry(8).flags, permit);
}

TEST_F(Grants, TheTableGrowsUpToItsLimit)
{
    GrantTable& t = other_.domain->grants();
    EXPECT_EQ(t.frames(), 1u);
    const Mfn first = ok(t.frame_mfn(0));
    ok(t.frame_mfn(3));
    EXPECT_EQ(t.frames(), 4u);
    EXPECT_EQ(ok(t.frame_mfn(0)), first);
    EXPECT_EQ(t.frame_mfn(t.max_frames()).error(), Error::einval);
    offer(512 * 3 + 7, 0);
    const MapResult m = map(host, window_va, 512 * 3 + 7);
    EXPECT_EQ(m.status, GrantStatus::okay);
    EXPECT_EQ(unmap(m.handle, window_va), GrantStatus::okay);
}

// ---- copies ----

class Copies : public Grants {
protected:
    struct End {
        std::uint16_t domain;
        bool is_ref;
        std::uint64_t name;
        std::uint16_t offset;
    };
    End mine(std::uint16_t offset = 0) { return {PV_DOMID_SELF, false, dom0().data.raw(), offset}; }
    End granted(std::uint16_t offset = 0, std::uint32_t ref = 8)
    {
        return {other_.domain->id().raw(), true, ref, offset};
    }
    std::byte* bytes() { return arch::frame_address(frame_); }
    GrantStatus copy(const End& from, const End& to, std::uint16_t n)
    {
        pv_gnttab_copy op{};
        op.source = {{from.name}, from.domain, from.offset, 0};
        op.dest = {{to.name}, to.domain, to.offset, 0};
        op.len = n;
        if (from.is_ref) op.flags |= PV_GNTCOPY_SOURCE_GREF;
        if (to.is_ref) op.flags |= PV_GNTCOPY_DEST_GREF;
        return GrantCopier{me()}.copy(op);
    }
};

TEST_F(Copies, BothWays)
{
    dom0().at<std::uint64_t>(0x100) = 0x1122334455667788;
    ASSERT_EQ(copy(mine(0x100), granted(8), 8), GrantStatus::okay);
    EXPECT_EQ(bytes()[8], std::byte{0x88});
    bytes()[15] = std::byte{0x99};
    ASSERT_EQ(copy(granted(8), mine(0x200), 8), GrantStatus::okay);
    EXPECT_EQ(dom0().at<std::uint64_t>(0x200), 0x9922334455667788u);
    EXPECT_EQ(entry(8).flags, permit);
    EXPECT_EQ(state(frame_).refs, 1u);
    EXPECT_EQ(copy(granted(0), granted(4), 4092), GrantStatus::okay) << "overlapping, within one frame";
}

TEST_F(Copies, WithinAPageOnly)
{
    EXPECT_EQ(copy(mine(), granted(), 4096), GrantStatus::okay);
    EXPECT_EQ(copy(mine(1), granted(), 4096), GrantStatus::bad_copy_arg);
    EXPECT_EQ(copy(mine(), granted(4000), 97), GrantStatus::bad_copy_arg);
    EXPECT_EQ(copy(mine(), granted(65535), 65535), GrantStatus::bad_copy_arg);
    EXPECT_EQ(copy(mine(4096), granted(4096), 0), GrantStatus::okay);
}

TEST_F(Copies, RightsAreThoseOfTheGrant)
{
    offer(8, PV_GTF_READONLY);
    EXPECT_EQ(copy(granted(), mine(), 16), GrantStatus::okay);
    EXPECT_EQ(copy(mine(), granted(), 16), GrantStatus::general_error);
    EXPECT_EQ(copy(granted(0, 9), mine(), 16), GrantStatus::general_error);
    EXPECT_EQ(copy(granted(0, 5000), mine(), 16), GrantStatus::bad_ref);
    EXPECT_EQ(copy({777, true, 8, 0}, mine(), 16), GrantStatus::bad_domain);
    EXPECT_EQ(copy({other_.domain->id().raw(), false, frame_.raw(), 0}, mine(), 16), GrantStatus::permission_denied);
    EXPECT_EQ(copy({PV_DOMID_SELF, false, frame_.raw(), 0}, mine(), 16), GrantStatus::bad_page);
    EXPECT_EQ(copy(mine(), {PV_DOMID_SELF, false, dom0().root.raw(), 0}, 16), GrantStatus::general_error);
    EXPECT_EQ(copy(mine(), {PV_DOMID_SELF, false, 0xfee00, 0}, 16), GrantStatus::bad_page);
    EXPECT_EQ(entry(8).flags, permit | PV_GTF_READONLY);
}

} // namespace
