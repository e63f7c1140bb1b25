// SPDX-License-Identifier: MIT
//
// The guest-visible state of one virtual CPU and the only place that decides which root is in CR3 for it. Base class
// of domain::Vcpu. Touched by the CPU the vCPU is loaded on; while it is not loaded, by whoever paused it.
#pragma once
#include "arch/arch.hpp"
#include "mm/fast.hpp"
#include "mm/heap.hpp"
#include "mm/tlb.hpp"
#include "pv-abi/hypercall.h"
#include "pv-abi/vcpu.h"
#include <array>
#include <utility>

namespace hv::guest {

/// The VM assists there are; all but runstate_update_flag and architectural_iopl describe what is always so.
inline constexpr std::uint64_t valid_assists =
    1ULL << PV_VMASST_TYPE_4GB_SEGMENTS | 1ULL << PV_VMASST_TYPE_WRITABLE_PAGETABLES |
    1ULL << PV_VMASST_TYPE_PAE_EXTENDED_CR3 | 1ULL << PV_VMASST_TYPE_ARCHITECTURAL_IOPL |
    1ULL << PV_VMASST_TYPE_RUNSTATE_UPDATE_FLAG | 1ULL << PV_VMASST_TYPE_M2P_STRICT;

/// What a domain's kernel believes about legacy devices that the hypervisor keeps; all vCPUs share it.
struct PortLatches {
    Atomic<std::uint8_t> pic_mask[2];
    Atomic<std::uint8_t> cmos_index;
    Atomic<std::uint32_t> pci_address; ///< Port cf8.
};

/// Per-domain facts the guest layer needs; owned by domain::Domain, outlives its vCPUs.
struct DomainPolicy {
    bool hardware_domain = false;
    Atomic<std::uint64_t> vm_assist; ///< Bit n = PV_VMASST_TYPE n enabled.
    [[nodiscard]] bool assists(unsigned type) const { return (vm_assist.load(Order::relaxed) >> type & 1) != 0; }
    [[nodiscard]] bool sees_iopl() const { return assists(PV_VMASST_TYPE_ARCHITECTURAL_IOPL); }
    PortLatches ports;
};

enum class CallbackKind : std::uint8_t { event, failsafe, syscall, nmi, sysenter, syscall32, count };
struct Callback {
    std::uint64_t address = 0; ///< 0 = not registered.
    std::uint8_t mask_events = 0;
};

/// FPU area and trap table: one heap object, so that a vCPU needs one allocation here.
struct VcpuMemory {
    alignas(64) std::byte fpu[4096];
    std::array<pv_trap_info, 256> traps;
};

class VcpuState {
public:
    arch::VcpuHot hot{}; ///< First: assembly takes a vCPU's address for that of this.

    VcpuState(VcpuId id, mm::MemoryOwner& owner, DomainPolicy& policy) : id_{id}, owner_{owner}, policy_{policy} {}
    VcpuState(const VcpuState&) = delete;
    ~VcpuState() { drop_references(); }
    VcpuState& operator=(const VcpuState&) = delete;

    /// Allocates trap table and FPU area and sets the reset state; before anything else is called.
    /// The caller then sets hot.info (never null while the vCPU can run).
    Result<> allocate();

    [[nodiscard]] VcpuId id() const { return id_; }
    [[nodiscard]] mm::MemoryOwner& owner() const { return owner_; }
    [[nodiscard]] DomainPolicy& policy() const { return policy_; }
    [[nodiscard]] bool kernel_mode() const { return hot.kernel_mode != 0; }

    /// Is this vCPU's state in the registers of the calling CPU?
    [[nodiscard]] bool loaded() const { return arch::cpu_info().current == this; }
    /// The registers the guest will resume with: the CPU's entry frame while loaded, else the saved copy.
    arch::GuestRegs& regs() { return loaded() ? arch::cpu_info().regs : saved_regs_; }
    /// Moves the state into / out of the calling CPU (registers, hardware state, root, cpu_info().current).
    /// @p before was unloaded just now, if not null.
    void load(const VcpuState* before = nullptr);
    void unload();
    /// Decides what the assembly paths may serve: nothing with `fastpath=off`, or when the kernel wants to see its IOPL
    /// in frames. At each load, and when the assist, the system-call callback or the page-fault handler changes.
    void choose_fast_paths();

    /// Takes over a validated root. A loaded vCPU that uses the replaced root switches at once, so that the old
    /// reference can be dropped.
    void set_root(bool kernel, mm::RootRef root); ///< Empty: none, for user mode.
    /// The same of a loaded vCPU in kernel mode that has such a root, and @p root is valid: else `no`, nothing is done.
    /// After `half`, reload_root() and dropping of @p left are still to come; after `moved` they are all that is.
    enum class Replaced : std::uint8_t { no, moved, half, yes };
    template <bool kernel> inline Replaced replace_root(Mfn root, Mfn& left);
    void reload_root() const;
    /// Drops roots, GDT and LDT (domain teardown; not loaded).
    void drop_references();
    [[nodiscard]] bool has_user_root() const { return hot.user_root != 0; }
    [[nodiscard]] Mfn kernel_root() const { return mfn_of(Maddr{hot.kernel_root}); } ///< Meaningful once set.
    [[nodiscard]] Mfn user_root() const { return mfn_of(Maddr{hot.user_root}); }
    /// The CR3 value this vCPU must run with in its current mode: the only source of it.
    [[nodiscard]] Maddr hw_root() const { return Maddr{kernel_mode() ? hot.kernel_root : hot.user_root}; }
    void set_mode(std::uint8_t kernel); ///< Of one that is not loaded; else enter_kernel_mode() or enter_user_mode().
    /// Between guest kernel and guest user: flag, GS base and root. No-ops when already there.
    void enter_kernel_mode() { change_mode(1); }
    void enter_user_mode() { change_mode(0); }

    /// set_gdt: @p frames must all be usable as descriptor pages of the owner; replaces the old table or fails whole.
    Result<> set_gdt(std::span<const Mfn> frames, std::uint32_t entries);
    /// MMUEXT_SET_LDT: @p base is page-aligned and mapped in the kernel root; entries 0 removes it.
    Result<> set_ldt(GuestVa base, std::uint32_t entries);
    [[nodiscard]] GuestVa ldt_base() const { return ldt_base_; }

    /// Segment bases of FS, kernel GS and user GS whether loaded or not.
    void set_base(std::uint32_t which, std::uint64_t value); ///< PV_SEGBASE_FS, _GS_USER or _GS_KERNEL; canonical.
    [[nodiscard]] std::uint64_t base(std::uint32_t which) const;
    /// set_debugreg semantics: einval for a bad register, a reserved bit or an address that is not the guest's.
    Result<> set_debug_register(unsigned index, std::uint64_t value);
    [[nodiscard]] std::uint64_t debug_register(unsigned index) const { return cpu.debug[index]; }
    void set_task_switched(arch::TaskSwitched ts);
    void set_kernel_sp(std::uint64_t sp); ///< Any value; where entries from guest user mode put their frame.

    [[nodiscard]] Callback callback(CallbackKind k) const { return callbacks_[static_cast<unsigned>(k)]; }
    void set_callback(CallbackKind k, Callback c);

    /// A preempted hypercall's arguments for its next run; the dispatcher stores them into the registers.
    template <typename... A> void set_continuation(A... args)
    {
        static_assert(sizeof...(A) <= 5);
        continuation_ = {static_cast<std::uint64_t>(args)...};
        continuation_count_ = sizeof...(A);
    }
    /// Empty when the call is to be repeated as it was. Holds until the next set_continuation().
    std::span<const std::uint64_t> take_continuation()
    {
        return {continuation_.data(), std::exchange(continuation_count_, 0)};
    }

    /// For crash reports: the last calls (no_call before the first), a number of more than a byte by its low one.
    void note_hypercall(std::uint64_t number) { hot.calls[++hot.last_call] = static_cast<std::uint8_t>(number); }
    static constexpr std::uint8_t no_call = 255;
    [[nodiscard]] std::uint8_t recent_call(unsigned ago) const
    {
        return hot.calls[static_cast<std::uint8_t>(hot.last_call - ago)];
    }
    /// A hypercall that reads or writes other registers than its arguments asks first: during a fast one regs() holds
    /// no more. It is then run again.
    enum class Frame : std::uint8_t { arguments, wanted, whole } frame{};
    Result<> want_whole_frame()
    {
        if (frame == Frame::whole) return Ok{};
        frame = Frame::wanted;
        return Error::restart;
    }

    arch::GuestCpu cpu{};
    /// For `vmctl top`; only its own CPU writes it, so that no locked instruction is needed.
    Atomic<std::uint64_t> table_updates;
    void count_updates(std::uint64_t n) { table_updates.store(table_updates.load(Order::relaxed) + n, Order::relaxed); }
    std::uint64_t kernel_ss = 0; ///< As given to stack_switch; frames always carry the flat selector.
    std::uint64_t virtual_cr4 = 0;
    std::uint8_t iopl = 0; ///< PHYSDEVOP_set_iopl.
    GuestVa port_bitmap{}; ///< PHYSDEVOP_set_iobitmap: bit set = refused; read at each use.
    std::uint32_t port_bitmap_ports = 0;

private:
    void change_mode(std::uint8_t kernel);

    VcpuId id_;
    mm::MemoryOwner& owner_;
    DomainPolicy& policy_;
    arch::GuestRegs saved_regs_{};
    std::array<mm::SegDescRef, 14> gdt_;
    std::array<mm::SegDescRef, 16> ldt_;
    GuestVa ldt_base_{};
    std::uint64_t assists_ = 0; ///< As choose_fast_paths() saw them.
    std::array<Callback, static_cast<unsigned>(CallbackKind::count)> callbacks_{};
    mm::Box<VcpuMemory> memory_{};
    std::array<std::uint64_t, 5> continuation_{};
    std::size_t continuation_count_ = 0;
};

// That the owner is dying need not be asked: its vCPUs are stopped before anything is given back (Domain::destroy).
template <bool kernel> [[gnu::always_inline]] inline VcpuState::Replaced VcpuState::replace_root(Mfn root, Mfn& left)
{
    std::uint64_t& place = kernel ? hot.kernel_root : hot.user_root;
    const DomainId id = owner_.id();
    if (root >= mm::frame_table_end() || (!kernel && place == 0)) return Replaced::no;
    mm::Frame& f = mm::frame(left = root);
    if (mm::owner_of(f) != id || !mm::fast::take_validated(f, mm::PageType::l4_table)) return Replaced::no;
    if (mm::owner_of(f) != id) return Replaced::moved; // before it was taken
    left = mfn_of(Maddr{std::exchange(place, maddr_of(root).raw())});
    if (kernel && !mm::count_alone(owner_)) return Replaced::half;
    if (kernel) arch::load_root(hw_root());
    return mm::fast::drop_type(mm::frame(left)) ? Replaced::yes : Replaced::half;
}

/// Checks and applies the ABI's whole-vCPU context (VCPUOP_initialise, domctl, the domain builder), of which nothing is
/// trusted. May return restart (root validation); nothing but references taken has changed then. vm_assist is applied
/// to the domain. Selectors, flags and bases are forced to values a guest may run with.
Result<> set_context(VcpuState& v, const pv_vcpu_guest_context& c);
void get_context(VcpuState& v, pv_vcpu_guest_context& out); ///< Of one that is not loaded.

} // namespace hv::guest
