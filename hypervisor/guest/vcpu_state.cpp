// SPDX-License-Identifier: MIT
//
// See vcpu_state.hpp. What is in the hardware while the vCPU is loaded is changed in both places at once.
#include "guest/vcpu_state.hpp"
#include "base/options.hpp"

namespace hv::guest {

namespace {
constexpr std::uint64_t dr6_fixed = 0xffff0ff0, dr6_writable = 0xe00f;
constexpr std::uint64_t dr7_fixed = 0x400, dr7_writable = 0xffff03ff; // not RTM

/// Which register a base is in while the vCPU is loaded.
arch::Base place_of_base(std::uint32_t which, bool kernel_mode)
{
    static_assert(PV_SEGBASE_GS_USER == 1 && PV_SEGBASE_GS_KERNEL == 2 && arch::Base::inactive_gs == arch::Base{2});
    return static_cast<arch::Base>(kernel_mode && which != PV_SEGBASE_FS ? 3 - which : which);
}

/// Every enabled breakpoint must be one a guest may set: no I/O breakpoints (type 2).
bool breakpoints_ok(std::uint64_t dr7)
{
    for (unsigned i = 0; i < 4; ++i)
        if ((dr7 >> (2 * i) & 3) != 0 && (dr7 >> (16 + 4 * i) & 3) == 2) return false;
    return true;
}
} // namespace

Result<> VcpuState::allocate()
{
    memory_ = TRY(mm::make_box<VcpuMemory>());
    hot.traps = memory_->traps.data();
    hot.calls.fill(no_call);
    set_mode(1);
    cpu.fpu = memory_->fpu;
    arch::init_fpu_area(cpu.fpu);
    cpu.xcr0 = arch::cpu_features().xcr0_supported != 0 ? 1 : 0;
    cpu.debug[6] = dr6_fixed;
    cpu.debug[7] = dr7_fixed;
    cpu.kernel_mode_gs = 1;
    cpu.gdt_frames.fill(invalid_mfn);
    cpu.ldt_frames.fill(invalid_mfn);
    return Ok{};
}

void VcpuState::load(const VcpuState* before)
{
    arch::CpuInfo& info = arch::cpu_info();
    // Only this CPU takes itself out.
    if (before == nullptr || &before->owner_ != &owner_) owner_.cpus.add(CpuId{info.cpu}, Order::seq_cst);
    info.regs = saved_regs_;
    info.current = this;
    info.guest_info = hot.info;
    if (policy_.vm_assist.load(Order::relaxed) != assists_) choose_fast_paths(); // another vCPU changed it
    reload_root();
    cpu.kernel_mode_gs = hot.kernel_mode;
    arch::load_guest_cpu(cpu, before != nullptr ? &before->cpu : nullptr);
    arch::write_debug_register(6, cpu.debug[6]); // sticky: the next #DB adds to it
}

void VcpuState::choose_fast_paths()
{
    const pv_trap_info& fault = hot.traps[14];
    const Callback syscall = callback(CallbackKind::syscall);
    hot.fault_entry = fault.address;
    assists_ = policy_.vm_assist.load(Order::relaxed);
    hot.fast_calls = options.fastpath && !policy_.sees_iopl() ? arch::hypercall_numbers : 0;
    hot.fast_faults = fault.address != 0 && (fault.flags & PV_TI_IF) != 0 && hot.fast_calls != 0;
    hot.fast_syscalls = syscall.address != 0 && syscall.mask_events != 0 && hot.fast_calls != 0;
    set_mode(hot.kernel_mode);
}

void VcpuState::set_kernel_sp(std::uint64_t sp)
{
    constexpr std::uint64_t longest_frame = 64, unusable = 1ULL << 63;
    hot.kernel_sp = sp;
    hot.frame_top = is_guest_va((sp & ~15ULL) - longest_frame) ? sp & ~15ULL : unusable;
}

void VcpuState::unload()
{
    arch::CpuInfo& info = arch::cpu_info();
    ASSERT(info.current == this);
    cpu.kernel_mode_gs = hot.kernel_mode;
    arch::save_guest_cpu(cpu);
    saved_regs_ = info.regs;
    info.current = nullptr;
}

void VcpuState::reload_root() const { mm::load_root(owner_, hw_root()); }

void VcpuState::set_root(bool kernel, mm::RootRef root)
{
    std::uint64_t& place = kernel ? hot.kernel_root : hot.user_root;
    const std::uint64_t old = std::exchange(place, root ? maddr_of(root.release()).raw() : 0);
    if (loaded() && kernel == kernel_mode() && place != 0) reload_root();
    if (old != 0) mm::drop_type(mfn_of(Maddr{old}));
}

void VcpuState::drop_references()
{
    ASSERT(!loaded());
    set_root(true, {});
    set_root(false, {});
    const bool dropped = set_gdt({}, 0).ok() && set_ldt(GuestVa{0}, 0).ok();
    ASSERT(dropped);
}

void VcpuState::set_mode(std::uint8_t kernel)
{
    hot.kernel_mode = kernel;
    hot.call_limit = kernel != 0 ? hot.fast_calls : 0;
}

void VcpuState::change_mode(std::uint8_t kernel)
{
    if (hot.kernel_mode == kernel) return;
    set_mode(kernel);
    if (!loaded()) return;
    arch::swap_gs();
    arch::load_root(hw_root());
}

void VcpuState::set_base(std::uint32_t which, std::uint64_t value)
{
    ASSERT(which < cpu.bases.size());
    cpu.bases[which] = value;
    if (loaded()) arch::write_base(place_of_base(which, kernel_mode()), value);
}

std::uint64_t VcpuState::base(std::uint32_t which) const
{
    return loaded() ? arch::read_base(place_of_base(which, kernel_mode())) : cpu.bases[which];
}

Result<> VcpuState::set_debug_register(unsigned index, std::uint64_t value)
{
    constexpr std::uint64_t general_detect = 1 << 13;
    if (index > 7 || index == 4 || index == 5) return Error::enodev;
    if (index < 4 && (!is_guest_va(value) || !is_guest_va(value + 7))) return Error::eperm;
    if (index > 5 && value >> 32 != 0) return Error::einval;
    if (index == 7 && ((value & general_detect) != 0 || !breakpoints_ok(value))) return Error::eperm;
    if (index == 6) value = (value & dr6_writable) | dr6_fixed;
    if (index == 7) value = (value & dr7_writable) | dr7_fixed;
    cpu.debug[index] = value;
    if (!loaded()) return Ok{};
    for (unsigned i = 0; index == 7 && i < 4; ++i) // while none is in force a switch leaves them alone
        arch::write_debug_register(i, cpu.debug[i]);
    arch::write_debug_register(index, value);
    return Ok{};
}

void VcpuState::set_task_switched(arch::TaskSwitched ts)
{
    cpu.task_switched = ts;
    if (loaded()) arch::set_task_switched(ts);
}

void VcpuState::set_callback(CallbackKind k, Callback c)
{
    callbacks_[static_cast<unsigned>(k)] = c;
    hot.syscall_entry = callback(CallbackKind::syscall).address;
    hot.event_entry = callback(CallbackKind::event).address;
    choose_fast_paths();
}

} // namespace hv::guest
