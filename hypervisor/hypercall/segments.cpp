// SPDX-License-Identifier: MIT
//
// set_gdt, update_descriptor, set_segment_base, stack_switch.
#include "domain/vcpu.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "mm/segdesc.hpp"

namespace hv::hypercall {

Return set_gdt(Vcpu& v, GuestVa list, std::uint32_t entries)
{
    if (entries > PV_FIRST_RESERVED_GDT_ENTRY) return Error::einval;
    std::array<std::uint64_t, 14> raw{};
    std::array<Mfn, 14> frames;
    const std::size_t pages = (entries + 511) / 512;
    TRY(guest::In<std::uint64_t>{list}.read_array(std::span{raw}.first(pages)));
    for (std::size_t i = 0; i < pages; ++i)
        frames[i] = Mfn{raw[i]};
    TRY(v.set_gdt(std::span{frames}.first(pages), entries));
    return 0;
}

Return update_descriptor(Vcpu& v, Maddr where, std::uint64_t descriptor)
{
    TRY(mm::write_descriptor(where, descriptor, v.owner()));
    return 0;
}

Return set_segment_base(Vcpu& v, std::uint32_t which, std::uint64_t base)
{
    switch (which) {
    case PV_SEGBASE_FS:
    case PV_SEGBASE_GS_USER:
    case PV_SEGBASE_GS_KERNEL:
        if (!is_canonical(base)) return Error::einval;
        v.set_base(which, base);
        return 0;
    case PV_SEGBASE_GS_USER_SEL: arch::load_user_gs_selector(static_cast<std::uint16_t>(base)); return 0;
    default: return Error::einval;
    }
}

Return stack_switch(Vcpu& v, std::uint64_t ss, std::uint64_t sp)
{
    v.kernel_ss = ss;
    v.hot.kernel_sp = sp;
    return 0;
}

} // namespace hv::hypercall
