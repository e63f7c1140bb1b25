// SPDX-License-Identifier: MIT
//
// The flush clocks and the flushes that move them. A flush counts if it reaches all CPUs its clock stands for: a CPU
// that joins an owner's set later starts with an empty TLB.
#include "mm/tlb.hpp"
#include "arch/arch.hpp"

namespace hv::mm {

namespace {

Atomic<std::uint64_t> everybody{7}; // clock of flushes of all CPUs; frames start with a stamp long flushed

CpuId this_cpu() { return CpuId{arch::cpu_info().cpu}; }
void flush_here(void* /*unused*/) { arch::flush_tlb_local(); }
void flush_page_here(void* va) { arch::invalidate_page(*static_cast<const std::uint64_t*>(va)); }

/// Two flushes under way at once would leave a clock odd in the middle: the one that finds it even does its work
/// without being counted.
class Counted {
public:
    explicit Counted(Atomic<std::uint64_t>& clock) : clock_{clock}
    {
        std::uint64_t now = clock.load(Order::relaxed);
        counts_ = (now & 1) != 0 && clock.compare_exchange(now, now + 1, Order::seq_cst);
    }
    ~Counted()
    {
        if (counts_) clock_.fetch_add(1, Order::seq_cst);
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    Atomic<std::uint64_t>& clock_;
    bool counts_;
};

void flush(const CpuSet& cpus)
{
    if (cpus.has(this_cpu())) arch::flush_tlb_local();
    arch::call_on_cpus(cpus, flush_here, nullptr);
}

void flush_everybody()
{
    const Counted counted{everybody};
    flush(arch::online_cpus());
}

void flush_counted(MemoryOwner& owner)
{
    const Counted counted{owner.flush_clock};
    flush(owner.cpus.load(Order::seq_cst)); // read after the clock has moved
}

} // namespace

bool count_alone(MemoryOwner& owner)
{
    if (arch::online_cpu_count() != 1) return false;
    owner.flush_clock.fetch_add(2, Order::seq_cst);
    everybody.fetch_add(2, Order::seq_cst);
    return true;
}

FlushStamp merged_stamp(FlushStamp before, DomainId owner, const MemoryOwner& mapper)
{
    const std::uint64_t all = everybody.load(Order::acquire);
    const bool foreign = owner != mapper.id() || ((before & foreign_mark) != 0 && !is_complete(before & 0x7f, all));
    return foreign ? stamp_at(all) | foreign_mark : own_stamp(mapper);
}

bool is_flushed(FlushStamp stamp, const MemoryOwner& owner)
{
    const Atomic<std::uint64_t>& clock = (stamp & foreign_mark) != 0 ? everybody : owner.flush_clock;
    return is_complete(stamp & 0x7f, clock.load(Order::acquire));
}

void flush_for(FlushStamp stamp, MemoryOwner& owner)
{
    if (is_flushed(stamp, owner)) return;
    (stamp & foreign_mark) != 0 ? flush_everybody() : flush_counted(owner);
}

void flush_owner(MemoryOwner& owner) { count_alone(owner) ? arch::flush_tlb_local() : flush_counted(owner); }

void flush_cpus(const CpuSet& cpus, MemoryOwner& owner)
{
    if (arch::online_cpu_count() == 1 && cpus.has(this_cpu())) return flush_owner(owner);
    if (!cpus.contains(owner.cpus.load(Order::seq_cst))) return flush(cpus);
    const Counted counted{owner.flush_clock};
    if (cpus.contains(arch::online_cpus())) return flush_everybody();
    CpuSet both = owner.cpus.load(Order::seq_cst); // read after the clock has moved
    both |= cpus;
    flush(both);
}

void load_root(MemoryOwner& owner, Maddr root)
{
    if (count_alone(owner)) return arch::load_root(root);
    if (!owner.cpus.is_only(this_cpu(), Order::seq_cst)) return arch::load_root(root);
    const Counted counted{owner.flush_clock};
    arch::load_root(root);
    arch::call_on_cpus(owner.cpus.load(Order::seq_cst), flush_here, nullptr); // who joined before the clock moved
}

void TlbDebt::owe_page(GuestVa va, const CpuSet& cpus)
{
    if (one_page_ && !(page_ == va)) all_ = true;
    one_page_ = true;
    page_ = va;
    cpus_ |= cpus;
}

void TlbDebt::pay(MemoryOwner& owner)
{
    if (cpus_.empty()) return;
    if (all_) {
        flush_cpus(cpus_, owner);
    } else {
        std::uint64_t address = page_.raw();
        if (cpus_.has(this_cpu())) arch::invalidate_page(address);
        arch::call_on_cpus(cpus_, flush_page_here, &address);
    }
    *this = TlbDebt{};
}

} // namespace hv::mm
