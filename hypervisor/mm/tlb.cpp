// SPDX-License-Identifier: MIT
//
// The flush clock and the flushes that move it. A flush of every online CPU counts; a shorter one does not.
#include "mm/tlb.hpp"
#include "arch/arch.hpp"

namespace hv::mm {

namespace {
Atomic<std::uint64_t> flush_clock{4}; // frames start with stamp 0: long flushed
Atomic<std::uint64_t> online{1};

std::uint64_t this_cpu_bit() { return 1ULL << arch::cpu_info().cpu; }
void flush_here(void* /*unused*/) { arch::flush_tlb_local(); }
void flush_page_here(void* va) { arch::invalidate_page(*static_cast<const std::uint64_t*>(va)); }
} // namespace

std::uint8_t flush_epoch() { return static_cast<std::uint8_t>(flush_clock.load(Order::acquire)); }
bool is_flushed(std::uint8_t stamp) { return is_flushed(stamp, flush_epoch()); }
void set_online_cpus(std::uint64_t cpus) { online.store(cpus, Order::release); }
std::uint64_t online_cpus() { return online.load(Order::acquire); }

void flush_tlb(std::uint64_t cpus)
{
    const std::uint64_t all = online_cpus();
    cpus &= all;
    // Two full flushes under way at once would leave the clock even in the middle: the one that finds it odd does
    // its work without being counted.
    std::uint64_t now = flush_clock.load(Order::relaxed);
    const bool counted = cpus == all && (now & 1) == 0 && flush_clock.compare_exchange(now, now + 1, Order::seq_cst);
    if ((cpus & this_cpu_bit()) != 0) arch::flush_tlb_local();
    if ((cpus & ~this_cpu_bit()) != 0) arch::call_on_cpus(cpus & ~this_cpu_bit(), flush_here, nullptr);
    if (counted) flush_clock.fetch_add(1, Order::seq_cst);
}

void flush_page(GuestVa va, std::uint64_t cpus)
{
    cpus &= online_cpus();
    std::uint64_t address = va.raw();
    if ((cpus & this_cpu_bit()) != 0) arch::invalidate_page(address);
    if ((cpus & ~this_cpu_bit()) != 0) arch::call_on_cpus(cpus & ~this_cpu_bit(), flush_page_here, &address);
}

void note_root_loaded()
{
    if (online_cpus() == this_cpu_bit()) flush_clock.fetch_add(2, Order::seq_cst);
}

void TlbDebt::owe_page(GuestVa va, std::uint64_t cpus)
{
    if (one_page_ && !(page_ == va)) all_ = true;
    one_page_ = true;
    page_ = va;
    cpus_ |= cpus;
}

void TlbDebt::settle()
{
    if (cpus_ == 0) return;
    if (all_)
        flush_tlb(cpus_);
    else
        flush_page(page_, cpus_);
    *this = TlbDebt{};
}

} // namespace hv::mm
