// SPDX-License-Identifier: MIT
//
// audit_machine() of domain/console.hpp.
#include "cpu/park.hpp"
#include "domain/console.hpp"
#include "domain/grants.hpp"

namespace hv::domain {
namespace {

template <std::size_t N> void name_frames(mm::Audit& a, const std::array<Mfn, N>& frames, std::uint32_t entries)
{
    for (std::uint32_t i = 0; i < (entries + 511) / 512; ++i)
        if (frames[i] != invalid_mfn) a.type_ref(frames[i]);
}

void name_vcpu(mm::Audit& a, Vcpu& v)
{
    for (const std::uint64_t root : {v.hot.kernel_root, v.hot.user_root})
        if (root != 0) a.type_ref(mfn_of(Maddr{root}));
    name_frames(a, v.cpu.gdt_frames, v.cpu.gdt_entries);
    name_frames(a, v.cpu.ldt_frames, v.cpu.ldt_entries);
    if (v.has_info_page()) a.type_ref(arch::frame_of_address(v.hot.info));
}

void name_grants(mm::Audit& a, GrantTable& grants)
{
    for (std::uint32_t i = 0; i < grants.frames(); ++i)
        if (const Result<Mfn> m = grants.frame_mfn(i); m.ok()) a.type_ref(m.take());
    for (GrantHandle h = grants.maptrack.next(GrantHandle{0}); h != Maptrack::none;
         h = grants.maptrack.next(GrantHandle{h.raw() + 1})) {
        const Mapping& m = grants.maptrack.record(h);
        m.has(Mapping::writable) ? a.type_ref(m.frame) : a.page_ref(m.frame);
    }
}

} // namespace

Result<mm::AuditReport, false> audit_machine()
{
    const cpu::Parked parked = TRY(cpu::Parked::all());
    mm::Audit a = TRY(mm::Audit::begin());
    for_each_domain([&](Domain& d) {
        if (d.shared_info_frame() != invalid_mfn) a.type_ref(d.shared_info_frame());
        if (d.has_grants()) name_grants(a, d.grants());
        for (std::uint32_t i = 0; i < d.vcpu_count(); ++i)
            name_vcpu(a, *d.vcpu(VcpuId{i}));
    });
    return a.finish();
}

} // namespace hv::domain
