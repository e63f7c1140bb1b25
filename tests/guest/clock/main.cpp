// SPDX-License-Identifier: MIT
// Clocks (CONTRACT D.1, D.2): system time never goes back, keeps the TSC's pace, the record's version is even and only
// grows; the wall clock is a plausible date and dom0 can set it for all.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

void check_monotony()
{
    u64 last = system_time(), back = 0, version = vcpu_info().time.version, odd = 0, shrunk = 0;
    for (unsigned i = 0; i < 300000; ++i) {
        u64 now = system_time();
        back += now < last;
        last = now;
        u64 v = vcpu_info().time.version;
        odd += v & 1;
        shrunk += v < version;
        version = v;
        if (i % 10000 == 0) {
            sched_op(PV_SCHEDOP_YIELD, nullptr);
        }
    }
    expect_eq(back, 0, "time never goes back");
    expect_eq(odd, 0, "the version is even whenever the guest runs");
    expect_eq(shrunk, 0, "the version only grows");
}

void check_pace()
{
    u64 mul = vcpu_info().time.tsc_to_system_mul;
    int shift = vcpu_info().time.tsc_shift;
    u64 khz = (1000000ul << 32) / mul;
    khz = shift < 0 ? khz << -shift : khz >> shift;
    print("clock: mul 0x%lx shift %ld gives %lu kHz, flags %lu\n", mul, static_cast<long>(shift), khz,
          static_cast<u64>(vcpu_info().time.flags));
    expect(khz > 100000 && khz < 10000000, "the frequency is plausible");
    u64 t0 = system_time(), c0 = rdtsc();
    spin_ns(300000000);
    u64 ns = system_time() - t0, by_tsc = (rdtsc() - c0) * 1000 / (khz / 1000);
    u64 off = ns > by_tsc ? ns - by_tsc : by_tsc - ns;
    expect(off < ns / 100, "time keeps the TSC's pace within 1 %");
}

u64 wall_seconds() { return shared_info().wc_sec | static_cast<u64>(shared_info().wc_sec_hi) << 32; }

long set_time(u64 seconds, u32 nsecs, u32 mbz, u64 at)
{
    pv_platform_op op = {};
    op.cmd = PV_XENPF_SETTIME64;
    op.interface_version = PV_XENPF_INTERFACE_VERSION;
    op.u.settime64.secs = seconds;
    op.u.settime64.nsecs = nsecs;
    op.u.settime64.mbz = mbz;
    op.u.settime64.system_time = at;
    return hypercall(PV_HYPERCALL_PLATFORM_OP, addr(&op));
}

void check_wall_clock()
{
    u64 now = wall_seconds() + system_time() / 1000000000;
    print("clock: wall clock %lu\n", now);
    expect(now > 1600000000 && now < 4000000000, "the wall clock is a date of this time");
    expect_eq(shared_info().wc_version & 1, 0, "its version is even");
    u32 version = shared_info().wc_version;
    u64 at = system_time();
    expect_rc(set_time(2000000000, 500, 0, at), 0, "settime64");
    expect(shared_info().wc_version > version && (shared_info().wc_version & 1) == 0, "the version moved on by two");
    u64 base = 2000000000ul * 1000000000 + 500 - at;
    expect_eq(wall_seconds(), base / 1000000000, "seconds at system time 0");
    expect_eq(shared_info().wc_nsec, base % 1000000000, "nanoseconds at system time 0");
    expect_rc(set_time(2000000000, 0, 1, at), -22, "the field that must be zero");
}

} // namespace

void test_main()
{
    install_traps();
    step("monotony");
    check_monotony();
    step("pace");
    check_pace();
    step("wall clock");
    check_wall_clock();
}
