// SPDX-License-Identifier: MIT
//
// grant_table_op as a guest calls it: batches in slices, per-entry status, one flush for many unmappings; and that
// none but the hardware domain may use the control calls.
#include "arch/host/machine.hpp"
#include "domain/grants.hpp"
#include "hypercall/handlers.hpp"
#include "mm/update.hpp"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"
#include "tests/unit/hypercall/calls.hpp"

namespace hv::hypercall::test {

class GrantCalls : public Calls {
protected:
    std::int64_t grant(std::uint32_t cmd, std::uint64_t arg, std::uint32_t count = 1)
    {
        return call(PV_HYPERCALL_GRANT_TABLE_OP, cmd, arg, count);
    }
    domain::Domain& me() { return *dom0().domain; }
    /// The caller's own grant, to itself, of a fresh frame.
    Mfn offer(std::uint32_t ref)
    {
        const Mfn frame = domain::test::ok(mm::alloc_domain_frames(me(), 0));
        const Mfn table = domain::test::ok(me().grants().frame_mfn(0));
        reinterpret_cast<pv_grant_entry_v1*>(arch::frame_address(table))[ref] = {
            PV_GTF_PERMIT_ACCESS, 0, static_cast<std::uint32_t>(frame.raw())};
        return frame;
    }
    template <typename T> T& at(std::size_t offset) { return dom0().at<T>(offset); }
};

TEST_F(GrantCalls, BatchesRunInSlicesAndUnmapWithOneFlushEach)
{
    constexpr std::uint32_t count = 70;
    const Mfn frame = offer(8);
    for (std::uint32_t i = 0; i < count; ++i)
        put(i * sizeof(pv_gnttab_map_grant_ref),
            pv_gnttab_map_grant_ref{data_va + (i + 1) * page_size, PV_GNTMAP_HOST_MAP, 8, 0, 99, 0, 0});
    EXPECT_EQ(grant(PV_GNTTABOP_MAP_GRANT_REF, data_va, count), 0);
    EXPECT_EQ(runs_, 3u) << "32 at a time";
    EXPECT_EQ(mm::frame(frame).current().count, 2 * count) << "a handle's and an entry's each";
    std::array<std::uint32_t, count> handles{};
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto& op = at<pv_gnttab_map_grant_ref>(i * sizeof(pv_gnttab_map_grant_ref));
        ASSERT_EQ(op.status, PV_GNTST_OKAY) << i;
        EXPECT_EQ(op.dev_bus_addr, maddr_of(frame).raw());
        handles[i] = op.handle;
    }
    for (std::uint32_t i = 0; i < count; ++i)
        put(i * sizeof(pv_gnttab_unmap_grant_ref),
            pv_gnttab_unmap_grant_ref{data_va + (i + 1) * page_size, 0, handles[i], 99, 0});
    put(5 * sizeof(pv_gnttab_unmap_grant_ref), pv_gnttab_unmap_grant_ref{data_va + page_size, 0, 12345, 99, 0});
    arch::host::state().flushes.clear();
    EXPECT_EQ(grant(PV_GNTTABOP_UNMAP_GRANT_REF, data_va, count), 0);
    EXPECT_EQ(arch::host::state().flushes.size(), 3u);
    for (std::uint32_t i = 0; i < count; ++i)
        EXPECT_EQ(at<pv_gnttab_unmap_grant_ref>(i * sizeof(pv_gnttab_unmap_grant_ref)).status,
                  i == 5 ? PV_GNTST_BAD_HANDLE : PV_GNTST_OKAY);
    put(0, pv_gnttab_unmap_grant_ref{data_va + 6 * page_size, 0, handles[5], 99, 0});
    EXPECT_EQ(grant(PV_GNTTABOP_UNMAP_GRANT_REF, data_va), 0);
    EXPECT_EQ(mm::frame(frame).current().refs, 1u);
    domain::test::ok(mm::release_domain_frame(me(), frame));
}

TEST_F(GrantCalls, ABadListEndsTheBatchButNotWhatWasDone)
{
    const Mfn frame = offer(8);
    const std::uint64_t last = data_va + page_size - sizeof(pv_gnttab_copy);
    put(page_size - sizeof(pv_gnttab_copy), pv_gnttab_copy{{{.gmfn = dom0().data.raw()}, PV_DOMID_SELF, 0, 0},
                                                           {{.gmfn = 8}, 0, 0, 0},
                                                           8,
                                                           PV_GNTCOPY_DEST_GREF,
                                                           99,
                                                           0});
    put(0, std::uint64_t{0x1234});
    EXPECT_EQ(grant(PV_GNTTABOP_COPY, last, 2), -PV_EFAULT);
    EXPECT_EQ(at<pv_gnttab_copy>(page_size - sizeof(pv_gnttab_copy)).status, PV_GNTST_OKAY);
    EXPECT_EQ(*reinterpret_cast<std::uint64_t*>(arch::frame_address(frame)), 0x1234u);
    EXPECT_EQ(grant(PV_GNTTABOP_COPY, 1ULL << 40, 1), -PV_EFAULT);
    EXPECT_EQ(grant(PV_GNTTABOP_COPY, 1ULL << 40, 0), 0);
    EXPECT_EQ(grant(PV_GNTTABOP_COPY, data_va, 1U << 31), -PV_EINVAL);
    domain::test::ok(mm::release_domain_frame(me(), frame));
}

TEST_F(GrantCalls, AFaultWhileUnmappingStillFinishesWhatWasBegun)
{
    const Mfn frame = offer(8);
    put(0, pv_gnttab_map_grant_ref{data_va + page_size, PV_GNTMAP_HOST_MAP, 8, 0, 99, 0, 0});
    EXPECT_EQ(grant(PV_GNTTABOP_MAP_GRANT_REF, data_va), 0);
    const std::uint32_t handle = at<pv_gnttab_map_grant_ref>(0).handle;
    const std::size_t end = page_size - sizeof(pv_gnttab_unmap_grant_ref);
    put(end, pv_gnttab_unmap_grant_ref{data_va + page_size, 0, handle, 99, 0});
    EXPECT_EQ(grant(PV_GNTTABOP_UNMAP_GRANT_REF, data_va + end, 2), -PV_EFAULT);
    EXPECT_EQ(mm::frame(frame).current().refs, 1u);
    domain::test::ok(mm::release_domain_frame(me(), frame));
}

TEST_F(GrantCalls, SetupTableListsFrames)
{
    put(0, pv_gnttab_setup_table{PV_DOMID_SELF, 0, 2, 99, {}, data_va + 64});
    EXPECT_EQ(grant(PV_GNTTABOP_SETUP_TABLE, data_va), 0);
    EXPECT_EQ(at<pv_gnttab_setup_table>(0).status, PV_GNTST_OKAY);
    EXPECT_EQ(at<std::uint64_t>(72), me().grants().frame_mfn(1).take().raw());
    const auto status = [&](pv_gnttab_setup_table op) {
        put(0, op);
        EXPECT_EQ(grant(PV_GNTTABOP_SETUP_TABLE, data_va), 0);
        return at<pv_gnttab_setup_table>(0).status;
    };
    EXPECT_EQ(status({PV_DOMID_SELF, 0, 65, 99, {}, data_va + 64}), PV_GNTST_GENERAL_ERROR);
    EXPECT_EQ(status({777, 0, 1, 99, {}, data_va + 64}), PV_GNTST_BAD_DOMAIN);
    EXPECT_EQ(status({PV_DOMID_SELF, 0, 1, 99, {}, 1ULL << 40}), PV_GNTST_BAD_VIRT_ADDR);
    EXPECT_EQ(grant(PV_GNTTABOP_SETUP_TABLE, data_va, 2), -PV_EINVAL);
    put(0, pv_gnttab_query_size{PV_DOMID_SELF, 0, 0, 0, 99, 0});
    EXPECT_EQ(grant(PV_GNTTABOP_QUERY_SIZE, data_va), 0);
    EXPECT_EQ(at<pv_gnttab_query_size>(0).max_nr_frames, 64u);
}

TEST_F(GrantCalls, VersionOneOnly)
{
    for (const auto& [version, rc] : {std::pair{1U, 0}, {2U, -PV_ENOSYS}, {3U, -PV_EINVAL}}) {
        put(0, pv_gnttab_set_version{version});
        EXPECT_EQ(grant(PV_GNTTABOP_SET_VERSION, data_va), rc) << version;
    }
    put(0, pv_gnttab_get_version{PV_DOMID_SELF, 0, 99});
    EXPECT_EQ(grant(PV_GNTTABOP_GET_VERSION, data_va), 0);
    EXPECT_EQ(at<pv_gnttab_get_version>(0).version, 1u);
    put(0, pv_gnttab_get_version{777, 0, 99});
    EXPECT_EQ(grant(PV_GNTTABOP_GET_VERSION, data_va), -PV_ESRCH);
    for (const std::uint32_t gone : {PV_GNTTABOP_TRANSFER, PV_GNTTABOP_SWAP_GRANT_REF, PV_GNTTABOP_CACHE_FLUSH,
                                     PV_GNTTABOP_GET_STATUS_FRAMES, PV_GNTTABOP_UNMAP_AND_REPLACE, 77})
        EXPECT_EQ(grant(gone, data_va), -PV_ENOSYS) << gone;
}

TEST_F(GrantCalls, ControlIsTheHardwareDomainsAndOfOurVersion)
{
    put(0, pv_domctl{PV_DOMCTL_GETDOMAININFO, PV_DOMCTL_INTERFACE_VERSION, 0, {}, {}});
    EXPECT_EQ(call(PV_HYPERCALL_DOMCTL, data_va), 0);
    EXPECT_EQ(at<pv_domctl>(0).u.getdomaininfo.domain, 0);
    EXPECT_EQ(at<pv_domctl>(0).u.getdomaininfo.max_vcpu_id, 1u);
    put(0, pv_domctl{PV_DOMCTL_GETDOMAININFO, PV_DOMCTL_INTERFACE_VERSION + 1, 0, {}, {}});
    EXPECT_EQ(call(PV_HYPERCALL_DOMCTL, data_va), -PV_EACCES);
    put(0, pv_sysctl{PV_SYSCTL_PHYSINFO, PV_SYSCTL_INTERFACE_VERSION - 1, {}});
    EXPECT_EQ(call(PV_HYPERCALL_SYSCTL, data_va), -PV_EACCES);
    EXPECT_EQ(call(PV_HYPERCALL_SYSCTL, 1ULL << 40), -PV_EFAULT);
    const domain::test::Guest g = domain::test::start_guest();
    EXPECT_EQ(sysctl(g.vcpu(), GuestVa{data_va}).error(), Error::eperm);
    EXPECT_EQ(domctl(g.vcpu(), GuestVa{data_va}).error(), Error::eperm);
    EXPECT_EQ(domctl(g.vcpu(), GuestVa{1ULL << 40}).error(), Error::eperm) << "before anything is read";
}

TEST_F(GrantCalls, HypercallInitFillsTheDomainsPage)
{
    const domain::test::Guest g = domain::test::start_guest();
    pv_domctl op{PV_DOMCTL_HYPERCALL_INIT, PV_DOMCTL_INTERFACE_VERSION, g.domain->id().raw(), {}, {}};
    op.u.hypercall_init = g.data.raw();
    put(0, op);
    EXPECT_EQ(call(PV_HYPERCALL_DOMCTL, data_va), 0);
    EXPECT_EQ(g.at<std::uint8_t>(32 + 3), 0xb8);
    op.u.hypercall_init = g.root.raw();
    put(0, op);
    EXPECT_EQ(call(PV_HYPERCALL_DOMCTL, data_va), -PV_EINVAL) << "a page table";
}

} // namespace hv::hypercall::test
