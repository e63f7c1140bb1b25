// SPDX-License-Identifier: MIT
//
// libFuzzer: any registers, any memory, any sequence of hypercalls and traps of an ordinary domain. Nothing it does may
// reach an ASSERT, read what it must not, or leave the vCPU in a state the CPU would refuse.
//
// Input: records of one byte of kind and a page of pokes; see `Step`.
#include "arch/host/machine.hpp"
#include "cpu/clock.hpp"
#include "domain/domain.hpp"
#include "domain/time.hpp"
#include "mm/allocator.hpp"
#include "mm/init.hpp"
#include "mm/window.hpp"
#include "pv-abi/hypercall.h"
#include <cstring>

using namespace hv;

namespace {

constexpr std::uint64_t data_va = 0x400000;
constexpr std::size_t ram_frames = 8192;

void check(bool ok)
{
    if (!ok) __builtin_trap();
}
template <typename T> T must(Result<T>&& r)
{
    check(r.ok());
    return std::move(r).take();
}

struct Guest {
    domain::Domain* domain;
    Mfn root, l1, data;
};

Mfn table_to(domain::Domain& d, std::size_t index, Mfn next)
{
    const Mfn m = must(mm::alloc_domain_frames(d, 0));
    mm::FrameWindow<std::uint64_t>{m}[index] = maddr_of(next).raw() | 7;
    return m;
}

Guest make_guest(domain::Role role)
{
    domain::DomainConfig config;
    config.role = role;
    if (role == domain::Role::hardware) config.id = DomainId{0};
    config.max_vcpus = 2;
    auto* d = must(domain::Domain::create(config));
    d->set_max_pages(64);
    must(d->create_vcpus(2));
    Guest g{d, {}, {}, must(mm::alloc_domain_frames(*d, 0))};
    g.l1 = table_to(*d, data_va >> 12 & 511, g.data);
    mm::FrameWindow<std::uint64_t>{g.l1}[1 + (data_va >> 12 & 511)] = maddr_of(g.l1).raw() | 5; // itself, read-only
    g.root = table_to(*d, 0, table_to(*d, 0, table_to(*d, data_va >> 21 & 511, g.l1)));
    static pv_vcpu_guest_context c;
    c = {};
    c.flags = PV_VGCF_IN_KERNEL;
    c.user_regs.cs = PV_FLAT_RING3_CS64;
    c.user_regs.ss = PV_FLAT_RING3_SS64;
    c.user_regs.rsp = data_va + page_size;
    c.kernel_sp = data_va + page_size;
    c.event_callback_eip = c.failsafe_callback_eip = c.syscall_callback_eip = 0x1000;
    for (unsigned i = 0; i < 256; ++i)
        c.trap_ctxt[i] = {static_cast<std::uint8_t>(i), 0, 0, 0, 0x2000};
    c.ctrlreg[3] = maddr_of(g.root).raw();
    c.ctrlreg[1] = c.ctrlreg[3];
    for (;;) {
        const auto r = d->vcpu(VcpuId{0})->initialise(c);
        if (r.ok()) break;
        check(r.error() == Error::restart);
    }
    must(d->vcpu(VcpuId{0})->up());
    must(d->controller_unpause());
    return g;
}

/// The hardware domain only waits: it has the CPU while a fuzzed domain is made and unmade.
Guest& waiting()
{
    static Guest guest = make_guest(domain::Role::hardware);
    return guest;
}

void boot()
{
    arch::host::reset(ram_frames);
    const Span ram{0x100000, ram_frames * page_size};
    mm::init(Mfn{ram_frames});
    mm::reserve(ram);
    mm::release_reserved(ram);
    cpu::start_clock();
    domain::start_wallclock();
    waiting();
    arch::upcall_before_guest();
}

/// The domain's last steps; all it had must come back.
void end(domain::DomainRef d)
{
    const DomainId id = d->id();
    d->pause();
    waiting().domain->unpause();
    arch::upcall_before_guest();
    check(arch::cpu_info().current == waiting().domain->vcpu(VcpuId{0}));
    for (int i = 0; d->destroy().error() == Error::restart; ++i)
        check(i < 10000);
    d.reset();
    for (int i = 0; i < 10 && domain::find_domain(id); ++i) {
        arch::host::advance(10'000'000);
        arch::upcall_before_guest();
    }
    check(!domain::find_domain(id));
}

/// What the CPU and the layers above rely on when a guest resumes.
void check_runnable(domain::Vcpu& v)
{
    const auto& r = v.regs();
    check((r.cs & 3) == 3 && (r.ss & 3) == 3);
    check((r.rflags & 0x200) != 0);
    check((r.rflags & 0x23000) == 0); // IOPL, VM
    check(v.hot.kernel_root != 0 && v.hw_root() != Maddr{});
    check(is_canonical(v.base(PV_SEGBASE_FS)) && is_canonical(v.base(PV_SEGBASE_GS_KERNEL)) &&
          is_canonical(v.base(PV_SEGBASE_GS_USER)));
    check(arch::host::thread_state().root == v.hw_root());
    check((v.cpu.debug[7] >> 32) == 0 && (v.cpu.debug[7] & 0x2000) == 0);
    check((v.cpu.xcr0 & ~arch::cpu_features().xcr0_supported) == 0);
}

/// One input record.
struct Step {
    std::uint8_t kind;   ///< Low bit: trap or hypercall; others: how arguments are shaped.
    std::uint8_t number; ///< Hypercall or vector.
    std::uint16_t at;    ///< Where in the data page the payload goes.
    std::uint32_t error;
    std::uint64_t args[5];
    std::uint8_t payload[64];
};

class Reader {
public:
    Reader(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}
    bool next(Step& s)
    {
        if (size_ < 8) return false;
        s = {};
        const std::size_t n = size_ < sizeof s ? size_ : sizeof s;
        std::memcpy(static_cast<void*>(&s), data_, n);
        data_ += n;
        size_ -= n;
        return true;
    }

private:
    const std::uint8_t* data_;
    std::size_t size_;
};

/// Most arguments should name something: bits of `kind` turn one into a pointer to the payload or one of its frames.
std::uint64_t shape(const Guest& g, const Step& s, unsigned i)
{
    const std::uint64_t a = s.args[i];
    switch (s.kind >> 1 & 3) {
    case 1: return a % 3 == 0 ? data_va + s.at % page_size : a;
    case 2: return a % 2 == 0 ? g.l1.raw() + a % 7 - 3 : data_va + s.at % page_size;
    case 3: return a % 3 == 0 ? PV_DOMID_SELF : a % 3 == 1 ? a % 64 : data_va + s.at % page_size;
    default: return a;
    }
}

void run(Guest& g, domain::Vcpu& v, const Step& s)
{
    auto& r = v.regs();
    std::uint64_t* const registers[] = {&r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8};
    for (unsigned i = 0; i < 5; ++i)
        *registers[i] = shape(g, s, i);
    const std::size_t offset = s.at % page_size;
    const std::size_t bytes = sizeof s.payload < page_size - offset ? sizeof s.payload : page_size - offset;
    std::memcpy(arch::frame_address(g.data) + offset, s.payload, bytes);
    if ((s.kind & 1) != 0) {
        r.rip = (s.kind & 0x40) != 0 ? data_va + offset : s.args[0];
        r.rbx = data_va + page_size + offset;
        r.rsp = data_va + page_size;
        r.entry_vector = s.number;
        r.error_code = s.error;
        arch::upcall_guest_trap(r, (s.kind & 0x20) != 0 ? r.rbx : s.args[1]);
        return;
    }
    r.rax = s.number;
    for (unsigned tries = 0; tries < 64; ++tries) {
        r.rip = 0x3000;
        arch::upcall_syscall(r);
        if (r.rip != 0x3000 - 2) break;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const bool booted = (boot(), true);
    check(booted);
    Guest g = make_guest(domain::Role::ordinary);
    waiting().domain->pause();
    arch::upcall_before_guest();
    Reader input{data, size};
    for (Step s; input.next(s);) {
        auto* v = static_cast<domain::Vcpu*>(arch::cpu_info().current);
        if (v == nullptr || &v->domain() != g.domain || g.domain->is_shut_down()) break;
        run(g, *v, s);
        if (g.domain->is_shut_down() || g.domain->is_dying()) break;
        if (v->blocked() || g.domain->paused()) break; // nothing else would run: the machine would idle
        arch::upcall_before_guest();
        if (arch::cpu_info().current != v) break;
        if (!g.domain->is_shut_down()) check_runnable(*v);
    }
    end(domain::DomainRef{g.domain});
    return 0;
}
