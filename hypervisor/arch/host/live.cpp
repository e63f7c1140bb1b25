// SPDX-License-Identifier: MIT
//
// The fake machine with a thread for each CPU. A CPU takes the calls of others where the real one takes interrupts:
// while it waits, and when it serves them on the way back to a guest.
#include "arch/host/machine.hpp"
#include <atomic>
#include <chrono>

namespace hv::arch::host {
namespace {

struct CrossCall {
    void (*fn)(void*);
    void* arg;
    std::atomic<unsigned> left;
};
std::array<std::atomic<CrossCall*>, max_live_cpus> mailboxes; // by CPU

} // namespace

void go_live(unsigned cpus)
{
    set_online(cpus);
    state().recording = false;
    state().live = true;
}

std::uint64_t live_time()
{
    static const auto start = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds since = std::chrono::steady_clock::now() - start;
    return state().now + static_cast<std::uint64_t>(since.count());
}

void call_live_cpus(const CpuSet& cpus, void (*fn)(void*), void* arg)
{
    CpuSet others = cpus;
    others.remove(CpuId{cpu_info().cpu});
    CrossCall call{fn, arg, others.count()};
    others.for_each([&](CpuId cpu) {
        CrossCall* none = nullptr;
        for (; !mailboxes.at(cpu.raw()).compare_exchange_strong(none, &call); none = nullptr)
            relax();
    });
    while (call.left != 0)
        relax();
}

void serve_calls()
{
    CrossCall* const call = mailboxes.at(cpu_info().cpu).exchange(nullptr);
    if (call == nullptr) return;
    call->fn(call->arg);
    --call->left;
}

} // namespace hv::arch::host
