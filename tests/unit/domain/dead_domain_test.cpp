// SPDX-License-Identifier: MIT
//
// What is done to all domains meets the dead ones that somebody still refers to.
#include "domain/control.hpp"
#include "world.hpp"

namespace hv::domain::test {

class DeadDomain : public World {};

TEST_F(DeadDomain, TheWallClockIsSetAroundIt)
{
    const Guest g = start_guest();
    const DomainRef held{g.domain};
    g.domain->pause();
    while (!g.domain->destroy().ok()) {
    }
    ASSERT_EQ(g.domain->life(), Life::dead);
    EXPECT_TRUE(set_wallclock({1'800'000'000, 0}, 7'000'000'000).ok());
    EXPECT_EQ(dom0().domain->shared_info().wc_sec, 1'799'999'993U);
    EXPECT_EQ(g.domain->shared_info_frame(), invalid_mfn);
    pv_domctl_getdomaininfo info;
    describe(*g.domain, info);
    EXPECT_EQ(info.flags & PV_DOMINF_DYING, PV_DOMINF_DYING);
}

} // namespace hv::domain::test
