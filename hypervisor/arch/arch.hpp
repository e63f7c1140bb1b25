// SPDX-License-Identifier: MIT
//
// The whole machine interface: what the core asks of a machine (implemented by arch/x86 and by arch/host, the fake
// machine of the host tests), and the upcalls a machine makes into the core. The hypervisor runs with interrupts
// off (ADR 0003); they are served on the way back to a guest and while idle. "This CPU" is the calling one.
#pragma once
#include "arch/guest_state.hpp"
#include "base/cpu_set.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include <span>

namespace hv::cpu {
struct PerCpu;
}
namespace hv::guest {
class VcpuState;
}

namespace hv::arch {

// ---- per-CPU anchor -------------------------------------------------------------------------------------------
/// Sits at the top of every CPU's stack; entry code and C++ reach it from the stack pointer alone.
struct CpuInfo {
    GuestRegs regs;            ///< Registers of the vCPU that runs here, as entered; restored on the way out.
    guest::VcpuState* current; ///< The vCPU loaded on this CPU, which begins with its VcpuHot; null while idle.
    cpu::PerCpu* percpu;       ///< Begins with a byte that is 0 while upcall_before_guest() has no work of its own.
    std::uint32_t cpu;         ///< CpuId.
    std::uint32_t spec_ctrl;   ///< Machine-private, as is the rest: 0 unless entries must isolate.
    std::uint64_t full_root, isolated_root;
    pv_vcpu_info* guest_info; ///< VcpuHot::info of the current vCPU.
};
[[gnu::const]] CpuInfo& cpu_info(); ///< The same object for as long as a function runs: code never migrates.
/// Upcall: where CPU number @p cpu keeps its per-CPU data; the machine stores it in cpu_info() when the CPU comes up.
cpu::PerCpu& upcall_percpu(std::uint32_t cpu);

// ---- machine memory -------------------------------------------------------------------------------------------
/// Hypervisor address of a RAM frame (direct map; host: fake RAM). Only mm::FrameWindow and the heap call these.
std::byte* frame_address(Mfn frame);
/// Inverse of frame_address for any address inside a frame.
Mfn frame_of_address(const void* address);
/// Backs the frame table and the machine-to-physical table, zero-filled, at boot. Host: plain allocations.
/// The M2P is readable by guests at PV_MACH2PHYS_VIRT_START; the pointer is the hypervisor's writable view of it.
std::uint64_t* machine_to_phys_table();
std::byte* frame_table_memory();
/// Root slots 256..271 that every guest root must contain; entry i belongs in slot 256 + i.
std::span<const std::uint64_t, 16> hypervisor_root_entries();

// ---- page tables in use ----------------------------------------------------------------------------------------
/// Loads @p root_pa (kernel or user root of a vCPU); drops every non-global translation of this CPU.
void load_root(Maddr root_pa);
/// Loads the hypervisor's own root (idle, or while the current domain dies).
void load_idle_root();
void invalidate_page(std::uint64_t va);
void flush_tlb_local();
/// CPUs that run, this one included; fixed before the first guest.
const CpuSet& online_cpus();
/// How many they are: numbers 0..count-1.
unsigned online_cpu_count();
/// What the firmware calls a CPU that runs: its APIC id and its ACPI processor id.
struct CpuName {
    std::uint32_t apic_id, acpi_id;
};
CpuName cpu_name(CpuId cpu);
/// Runs @p fn(arg) on every CPU in @p cpus other than this one and waits. A waiting CPU, and one that spins in relax(),
/// serves the calls of others meanwhile: @p fn takes no lock, touches no guest memory and makes no calls. Online CPUs.
void call_on_cpus(const CpuSet& cpus, void (*fn)(void*), void* arg);
/// Makes @p cpu, another one, pass upcall_before_guest() soon.
void kick_cpu(CpuId cpu);

// ---- guest memory, under the current root -----------------------------------------------------------------------
/// Return the number of bytes NOT copied (0 = all). Addresses are checked by the caller (guest/copy).
std::size_t copy_from_guest(void* dst, GuestVa src, std::size_t bytes);
std::size_t copy_to_guest(GuestVa dst, const void* src, std::size_t bytes);
/// Whole words, on paths that are counted in instructions: false for a fault.
bool load_words(void* dst, GuestVa src, std::size_t words);
bool load_word(std::uint64_t& v, GuestVa src);
bool load_word(std::uint32_t& v, GuestVa src);
bool store_words(GuestVa dst, const void* src, std::size_t words);
bool store_word(GuestVa dst, std::uint64_t v);
bool store_word(GuestVa dst, std::uint32_t v);
/// Write-only zero fill of a guest range; same contract.
std::size_t clear_guest(GuestVa dst, std::size_t bytes);

// ---- guest CPU state that lives in hardware ---------------------------------------------------------------------
/// Size of a GuestCpu's extended-state area in bytes (at most one page), 64-aligned.
std::size_t fpu_area_bytes();
/// Resets @p fpu (fpu_area_bytes()) to the architectural initial state: control word and MXCSR.
inline void init_fpu_area(std::byte* fpu)
{
    constexpr std::uint16_t control = 0x37f;
    constexpr std::uint32_t mxcsr = 0x1f80;
    __builtin_memset(fpu, 0, fpu_area_bytes());
    __builtin_memcpy(fpu, &control, sizeof control);
    __builtin_memcpy(fpu + 24, &mxcsr, sizeof mxcsr);
}
/// Saves / loads segment selectors and bases, debug registers, FPU, XCR0, TS, GDT and LDT windows.
void save_guest_cpu(GuestCpu& state);
/// @p before: what has been saved just now, and need not be loaded again where it is the same; null: nothing was.
void load_guest_cpu(const GuestCpu& state, const GuestCpu* before);
/// Exchanges the active and the inactive GS base (the step between guest kernel and guest user).
void swap_gs();
/// Immediate effect on the running vCPU (state is also kept in GuestCpu by the caller).
enum class Base : std::uint8_t { fs, active_gs, inactive_gs };
void write_base(Base which, std::uint64_t v);
std::uint64_t read_base(Base which);
/// Loads a user GS selector: inactive base becomes the descriptor's (0 for a null or unusable selector).
void load_user_gs_selector(std::uint16_t selector);
void load_gdt_window(const GuestCpu& state);
void load_ldt_window(const GuestCpu& state);
void write_debug_register(unsigned index, std::uint64_t v); // 0-3, 6, 7; value already validated
std::uint64_t read_debug_status();                          // 6
void set_task_switched(TaskSwitched ts);
void write_xcr0(std::uint64_t v); // already validated

// ---- identification ---------------------------------------------------------------------------------------------
struct CpuidLeaf {
    std::uint32_t eax, ebx, ecx, edx;
};
CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf);
struct CpuFeatures {
    std::uint64_t xcr0_supported; ///< What a guest may put into XCR0; 0 = no XSAVE.
    unsigned physical_bits;
    bool invariant_tsc;
};
const CpuFeatures& cpu_features();
inline constexpr std::uint64_t pat_layout = 0x0000050100070406; ///< WB WT UC- UC WC WP UC UC: every CPU's PAT MSR.
/// Does the CPU speculate with the frame that an absent page-table entry names (L1TF, CVE-2018-3620)?
bool follows_absent_entries();
/// MSRs the policy lets through to hardware reads; einval when the CPU faults on it.
Result<std::uint64_t> read_msr(std::uint32_t index);

// ---- port I/O for the hardware domain -----------------------------------------------------------------------------
enum class IoWidth : std::uint8_t { byte = 1, word = 2, dword = 4 };
constexpr std::uint32_t all_ones(IoWidth w)
{
    return w == IoWidth::dword ? ~0U : (1U << 8 * static_cast<unsigned>(w)) - 1;
}
std::uint32_t port_in(std::uint16_t port, IoWidth width);
void port_out(std::uint16_t port, IoWidth width, std::uint32_t value);

// ---- time -------------------------------------------------------------------------------------------------------
std::uint64_t read_tsc();
/// TSC ticks to nanoseconds as pvclock wants it: ns = ((ticks << shift or >> -shift) * mul) >> 32.
struct TscScale {
    std::uint32_t mul;
    std::int8_t shift;
    std::uint32_t khz;

    [[nodiscard]] std::uint64_t nanoseconds(std::uint64_t ticks) const
    {
        const std::uint64_t shifted = shift < 0 ? ticks >> -shift : ticks << shift;
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(shifted) * mul) >> 32);
    }
};
TscScale tsc_scale();
/// One-shot: upcall_timer() happens no earlier than @p ns from now. Replaces an earlier deadline.
void arm_timer(std::uint64_t ns_from_now);
void disarm_timer();
/// Do all CPUs' TSCs agree and go on at one rate? As measured at boot, or as `tsc=` says.
bool tsc_is_stable();
/// Seconds since 1970 from the CMOS clock, read once at boot.
std::uint64_t boot_wallclock_seconds();

// ---- interrupts of devices ---------------------------------------------------------------------------------------
enum class Trigger : std::uint8_t { edge = 0, level = 1 };
enum class Polarity : std::uint8_t { high = 0, low = 1 };
/// Lines 0..lines-1 are the IOAPICs' global system interrupts.
unsigned gsi_count();
bool gsi_is_ours(unsigned gsi); ///< Timer or console line the hypervisor keeps.
Result<> gsi_configure(unsigned gsi, Trigger trigger, Polarity polarity); ///< Leaves the line masked.
Result<> gsi_unmask(unsigned gsi);
void gsi_mask(unsigned gsi);
/// Level lines stay blocked from delivery to upcall_gsi until this call. Edge lines need none.
void gsi_end(unsigned gsi);
Result<std::uint32_t> ioapic_read(std::uint64_t base, std::uint32_t reg);
/// MSI: hands out a vector bound to @p cookie (upcall_msi gets it back); address/data for the device.
struct MsiMessage {
    std::uint64_t address;
    std::uint32_t data;
};
Result<MsiMessage> msi_allocate(unsigned cookie);
void msi_free(unsigned cookie);
/// PCI configuration space of segment 0 by ports cf8/cfc, whose latch the guest's view does not share.
std::uint32_t pci_read(std::uint32_t sbdf, unsigned offset, IoWidth width);
void pci_write(std::uint32_t sbdf, unsigned offset, IoWidth width, std::uint32_t value);
/// Maps @p bytes of device memory at @p pa uncached into the hypervisor; a few pages per device, never unmapped.
Result<volatile std::uint32_t*> map_device(std::uint64_t pa, std::size_t bytes);
/// Is this machine frame device memory the hypervisor keeps to itself (LAPIC, IOAPIC, MSI range)?
bool is_private_device_frame(Mfn frame);

// ---- console, power -----------------------------------------------------------------------------------------------
/// Next character typed on the console if there is one.
struct ConsoleInput {
    bool present;
    char character;
};
ConsoleInput console_read();
/// ACPI S5, by what the hardware domain read in the tables for PM1a and PM1b control; eio when it returns.
Result<> acpi_soft_off(std::uint16_t a, std::uint16_t b);
[[noreturn]] void reset();
[[noreturn]] void halt_forever();

// ---- waiting --------------------------------------------------------------------------------------------------------
/// Opens interrupts, sleeps until one arrives, and returns with them off again.
void wait_for_interrupt();
/// Makes @p cpu, another one, log where it is, whatever it does.
void report_cpu(CpuId cpu);
/// For every loop that waits for another CPU: serves its calls.
void relax();

// ---- upcalls: defined by the core, made by the machine with interrupts off
// -------------------------------------------
/// A trap, fault or software interrupt from a guest. cpu_info().regs is complete; entry_vector and error_code hold
/// vector and hardware error code; @p fault_address is CR2 for vector 14.
void upcall_guest_trap(GuestRegs& regs, std::uint64_t fault_address);
/// `syscall` from guest kernel mode: a hypercall. From guest user mode when the fast path declined: a system call.
void upcall_syscall(GuestRegs& regs);
/// A hypercall that fast.S made through extern "C" hypercall_table returned restart.
void upcall_hypercall_preempted(GuestRegs& regs);
/// `sysenter` or 32-bit `syscall` from guest user mode.
enum class CompatEntry : std::uint8_t { sysenter, syscall32 };
void upcall_compat_syscall(GuestRegs& regs, CompatEntry how);
/// Last stop before a guest resumes: serves due work, delivers events, switches vCPUs. Returns with cpu_info().regs,
/// root, GS and hot state ready. May be entered with any vCPU, returns with a runnable one (idles inside).
void upcall_before_guest();
void upcall_timer(); ///< The deadline of arm_timer passed.
void upcall_gsi(unsigned gsi);
void upcall_msi(unsigned cookie);
void upcall_console_input(); ///< console_read() has something.
/// The fault address of an iret or selector load that failed on the way back into the guest: regs are the guest's.
void upcall_return_fault(GuestRegs& regs, unsigned vector, std::uint32_t error_code);
/// Resets the stack, runs upcall_before_guest() and restores what it left in cpu_info(). The way into the first guest.
[[noreturn]] void enter_guest();

} // namespace hv::arch
