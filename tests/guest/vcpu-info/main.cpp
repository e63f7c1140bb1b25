// SPDX-License-Identifier: MIT
// VCPUOP_register_vcpu_info (CONTRACT B.2, 28): the new place takes over contents and events, starts with everything
// pending, works for time and upcalls, cannot be registered twice, and bad places are refused. Time is stable across
// CPUs unless the command line denies it.
// RUN: parapet.variant=tsc=unstable
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

long register_at(u64 mfn, u32 offset)
{
    pv_vcpu_register_vcpu_info request = {.mfn = mfn, .offset = offset, .rsvd = 0};
    return vcpu_op(PV_VCPUOP_REGISTER_VCPU_INFO, 0, &request);
}

void check_refused(u64 mfn)
{
    expect_rc(register_at(mfn, 4096 - 32), -6, "crossing the page");
    expect_rc(register_at(mfn, 4096), -6, "behind the page");
    expect_rc(register_at(mfn, 0xffffffc0), -6, "a wild offset");
    expect_rc(register_at(mfn, 0x101), -6, "a misaligned offset");
    expect_rc(register_at(mfn, 0x104), -6, "an offset that is no multiple of 8");
    expect_rc(register_at(1ul << 39, 0), -22, "a frame beyond the machine");
    expect_rc(register_at(0xa0, 0), -22, "I/O memory");
    expect_rc(register_at(mfn_of(reinterpret_cast<void*>(start_info->pt_base)), 0), -22, "a page table");
}

volatile pv_vcpu_info* info;
unsigned upcalls;

bool on_event(TrapFrame& frame)
{
    if (frame.vector != kEvent) {
        return false;
    }
    ++upcalls;
    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    return true;
}

void check_upcalls()
{
    set_handler(on_event);
    info->evtchn_upcall_mask = 0;
    xen_version(PV_XENVER_VERSION); // what is pending
    expect_eq(upcalls, 1, "unmasked there, a hypercall brings it");
    info->evtchn_upcall_mask = 1;
    vcpu_info().evtchn_upcall_mask = 0;
    info->evtchn_upcall_pending = 1;
    xen_version(PV_XENVER_VERSION);
    expect_eq(upcalls, 1, "the old place's mask counts no more");
    info->evtchn_upcall_pending = 0;
    info->evtchn_upcall_mask = 0;
    vcpu_info().evtchn_upcall_pending = 1;
    xen_version(PV_XENVER_VERSION);
    expect_eq(upcalls, 1, "nor its pending byte");
    info->evtchn_upcall_mask = 1;
}

/// Xen says so only with clocksource=tsc: there nothing is claimed of the flag but that tsc=unstable clears it.
void check_stable(u8 flags)
{
    static char line[PV_COMMANDLINE_LEN];
    expect_rc(xen_version(PV_XENVER_COMMANDLINE, line), 0, "the command line");
    if (contains(line, "tsc=unstable")) {
        expect_eq(flags & PV_PVCLOCK_TSC_STABLE_BIT, 0, "tsc=unstable");
    } else {
        print("vcpu-info: time flags 0x%lx\n", static_cast<u64>(flags));
    }
}

} // namespace

void test_main()
{
    install_traps();
    u32 port = bind_ipi();
    u8* page = alloc_page();
    u64 mfn = mfn_of(page);
    step("refused");
    check_refused(mfn);
    expect(vcpu_info().time.version != 0, "the old place is still in use");
    step("registered");
    info = reinterpret_cast<volatile pv_vcpu_info*>(page + 0x200);
    vcpu_info().arch.cr2 = 0x1234567;
    expect_rc(register_at(mfn, 0x200), 0, "register");
    expect_eq(info->evtchn_upcall_pending, 1, "an upcall is pending");
    expect_eq(info->evtchn_pending_sel, ~0ul, "in every word");
    expect_eq(info->evtchn_upcall_mask, 1, "the mask is kept");
    expect_eq(info->arch.cr2, 0x1234567, "the contents are copied");
    expect(info->time.version != 0 && (info->time.version & 1) == 0, "the time record is valid at once");
    expect(info->time.tsc_to_system_mul != 0, "with a multiplier");
    check_stable(info->time.flags);
    step("in use");
    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    vcpu_info().evtchn_upcall_pending = 0;
    expect_rc(send(port), 0, "send");
    expect_eq(info->evtchn_upcall_pending, 1, "events go to the new place");
    expect_eq(vcpu_info().evtchn_upcall_pending, 0, "and not to the old");
    GUARDED("movb (%0), %%al", ::"r"(0x5000ul) : "rax");
    expect_eq(info->arch.cr2, 0x5000, "cr2 too");
    expect_eq(last_trap.saved_mask(), 1, "the mask is read from the new place");
    step("upcalls");
    check_upcalls();
    step("not twice");
    expect_rc(register_at(mfn, 0x300), -22, "a second registration");
    expect_rc(register_at(mfn_of(alloc_page()), 0), -22, "elsewhere");
    expect(info->arch.cr2 == 0x5000, "the first stays in force");
    step("the page is held");
    require(make_read_only(page), "the guest's own mapping read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn), -22, "the page cannot become a table");
}
