// SPDX-License-Identifier: MIT
// Reads the time record by its version protocol; maps shared_info by its machine address.
#include "tests/guest/lib/event.hpp"

#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"

namespace guest {
namespace {

u64 bit(u32 port) { return 1ul << (port & 63); }

volatile u64* pending_word(u32 port) { return &shared_info().evtchn_pending[port / 64]; }
volatile u64* mask_word(u32 port) { return &shared_info().evtchn_mask[port / 64]; }

} // namespace

volatile pv_shared_info& shared_info()
{
    static volatile pv_shared_info* mapped;
    if (mapped == nullptr) {
        u8* page = alloc_page();
        require(set_mapping(page, start_info->shared_info | kRw), "mapping shared_info");
        mapped = reinterpret_cast<volatile pv_shared_info*>(page);
    }
    return *mapped;
}

void unmask_events()
{
    vcpu_info().evtchn_upcall_mask = 0;
    asm volatile("" ::: "memory");
    if (vcpu_info().evtchn_upcall_pending != 0) {
        xen_version(PV_XENVER_VERSION);
    }
}

bool port_pending(u32 port) { return (*pending_word(port) & bit(port)) != 0; }
void clear_port(u32 port) { __atomic_and_fetch(pending_word(port), ~bit(port), __ATOMIC_SEQ_CST); }
void mask_port(u32 port) { __atomic_or_fetch(mask_word(port), bit(port), __ATOMIC_SEQ_CST); }
void clear_port_mask(u32 port) { __atomic_and_fetch(mask_word(port), ~bit(port), __ATOMIC_SEQ_CST); }

void acknowledge_upcall()
{
    vcpu_info().evtchn_upcall_pending = 0;
    __atomic_exchange_n(&vcpu_info().evtchn_pending_sel, 0ul, __ATOMIC_SEQ_CST);
}

long send(u32 port)
{
    pv_evtchn_port request = {.port = port};
    return event_op(PV_EVTCHNOP_SEND, &request);
}

long close_port(u32 port)
{
    pv_evtchn_port request = {.port = port};
    return event_op(PV_EVTCHNOP_CLOSE, &request);
}

u32 bind_ipi()
{
    pv_evtchn_bind_ipi request = {};
    require(event_op(PV_EVTCHNOP_BIND_IPI, &request), "bind_ipi");
    clear_port_mask(request.port);
    return request.port;
}

long bind_virq(u32 virq, u32 vcpu, u32* port)
{
    pv_evtchn_bind_virq request = {.virq = virq, .vcpu = vcpu, .port = 0};
    long rc = event_op(PV_EVTCHNOP_BIND_VIRQ, &request);
    *port = request.port;
    return rc;
}

long port_status(u32 port, pv_evtchn_status* status)
{
    *status = {};
    status->dom = PV_DOMID_SELF;
    status->port = port;
    return event_op(PV_EVTCHNOP_STATUS, status);
}

u64 rdtsc()
{
    u32 low, high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return low | static_cast<u64>(high) << 32;
}

u64 system_time()
{
    volatile pv_vcpu_time_info& time = vcpu_info().time;
    for (;;) {
        u32 version = time.version;
        asm volatile("lfence" ::: "memory");
        u64 delta = rdtsc() - time.tsc_timestamp;
        int shift = time.tsc_shift;
        delta = shift < 0 ? delta >> -shift : delta << shift;
        u64 ns =
            time.system_time + static_cast<u64>((static_cast<unsigned __int128>(delta) * time.tsc_to_system_mul) >> 32);
        asm volatile("lfence" ::: "memory");
        if ((version & 1) == 0 && version == time.version) {
            return ns;
        }
    }
}

void spin_ns(u64 ns)
{
    u64 end = system_time() + ns;
    while (system_time() < end) {
        asm volatile("pause");
    }
}

} // namespace guest
