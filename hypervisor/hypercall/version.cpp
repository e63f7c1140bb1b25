// SPDX-License-Identifier: MIT
//
// xen_version (17): public facts, the same for every domain but where a domain's own are asked for. Any CPU.
#include "pv-abi/version.h"
#include "base/options.hpp"
#include "domain/domain.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/hypercall.h"
#include "pv-abi/mmu.h"

namespace hv::hypercall {
namespace {

constexpr std::uint64_t abi_version = 4ULL << 16 | 17; // the ABI release this hypervisor follows

/// Copies @p s into a zeroed record, cut so that a NUL stays.
template <std::size_t N> void put(char (&to)[N], const char* s)
{
    for (std::size_t i = 0; s[i] != 0 && i + 1 < N; ++i)
        to[i] = s[i];
}

template <typename T> Return answer(GuestVa to, const T& value) { return in_rax(guest::Out<T>{to}.write(value)); }

template <std::size_t N> Return answer_text(GuestVa to, const char* s)
{
    struct {
        char text[N];
    } record{};
    put(record.text, s);
    return answer(to, record);
}

Return features(Vcpu& v, GuestVa arg)
{
    auto info = TRY(guest::In<pv_feature_info>{arg}.read());
    if (info.submap_idx >= PV_XENFEAT_NR_SUBMAPS) return Error::einval;
    constexpr auto bit = [](unsigned n) { return 1U << n; };
    info.submap = bit(PV_XENFEAT_MMU_PT_UPDATE_PRESERVE_AD) | bit(PV_XENFEAT_HIGHMEM_ASSIST) |
                  bit(PV_XENFEAT_GNTTAB_MAP_AVAIL_BITS) | bit(PV_XENFEAT_MEMORY_OP_VNODE_SUPPORTED) |
                  bit(PV_XENFEAT_DIRECT_MAPPED);
    if (v.policy().assists(PV_VMASST_TYPE_PAE_EXTENDED_CR3)) info.submap |= bit(PV_XENFEAT_PAE_PGDIR_ABOVE_4GB);
    if (v.domain().is_hardware_domain()) info.submap |= bit(PV_XENFEAT_DOM0);
    return answer(arg, info);
}

[[gnu::noinline]] Return other_facts(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    switch (cmd) {
    case PV_XENVER_EXTRAVERSION: return answer_text<PV_EXTRAVERSION_LEN>(arg, ".0-parapet");
    case PV_XENVER_COMPILE_INFO: {
        pv_compile_info c{};
        put(c.compiler, "C++ compiler " __VERSION__);
        put(c.compile_by, "parapet");
        put(c.compile_domain, "localdomain");
        put(c.compile_date, "reproducible build");
        return answer(arg, c);
    }
    case PV_XENVER_CAPABILITIES: return answer_text<PV_CAPABILITIES_INFO_LEN>(arg, "xen-3.0-x86_64 ");
    case PV_XENVER_CHANGESET: return answer_text<PV_CHANGESET_INFO_LEN>(arg, "unavailable");
    case PV_XENVER_PLATFORM_PARAMETERS: return answer(arg, std::uint64_t{PV_HYPERVISOR_VIRT_START});
    case PV_XENVER_GET_FEATURES: return features(v, arg);
    case PV_XENVER_PAGESIZE: return page_size;
    case PV_XENVER_GUEST_HANDLE: {
        const cpu::Guard guard{v.domain().lock()};
        return answer(arg, v.domain().handle);
    }
    case PV_XENVER_COMMANDLINE:
        return answer_text<PV_COMMANDLINE_LEN>(arg, v.domain().is_hardware_domain() ? options.command_line : "");
    case PV_XENVER_BUILD_ID: return Error::enodata; // images carry none
    default: return Error::enosys;
    }
}

} // namespace

/// Linux asks for the version when it only wants its pending events delivered.
Return xen_version(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    if (cmd == PV_XENVER_VERSION) return abi_version;
    return other_facts(v, cmd, arg);
}

} // namespace hv::hypercall
