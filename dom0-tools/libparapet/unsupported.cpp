// SPDX-License-Identifier: MIT
//
// See unsupported.hpp.
#include "libparapet/unsupported.hpp"
#include <string_view>

namespace parapet {
namespace {

struct Group {
    const char* why;
    std::string_view keys; ///< Each between blanks.
};

constexpr Group groups[] = {
    {"it belongs to guests with a virtual chipset or firmware (HVM, PVH); only PV guests run here",
     " acpi acpi_firmware acpi_laptop_slate acpi_s3 acpi_s4 altp2m altp2mhvm apic bios bios_path_override "
     "boot firmware firmware_override hap hdtype hpet hvm mca_caps mmio_hole ms_vm_genid nestedhvm nx oos "
     "pae paging_mempool_mb passthrough pvh pvshim pvshim_cmdline pvshim_extra pvshim_path shadow_memory "
     "smbios smbios_firmware timer_mode vendor_device viridian vpt_align xen_platform_pci "},
    {"there is no device model (QEMU) here, hence no such virtual hardware",
     " device_model_args device_model_args_hvm device_model_args_pv device_model_override "
     "device_model_stubdomain_override device_model_user device_model_version dm_restrict gfx_passthru "
     "nographic opengl sdl soundhw spice spiceagent_mouse spice_clipboard_sharing spicedisable_ticketing "
     "spicehost spice_image_compression spicepasswd spiceport spice_streaming_video spicetls_port "
     "spiceusbredirection spicevdagent stdvga stubdomain_cmdline stubdomain_kernel stubdomain_memory "
     "stubdomain_ramdisk usb usbdevice usbversion vga videoram vkb_device vnc vncdisplay vnclisten "
     "vncpasswd vncunused "},
    {"a guest cannot be given a device of the machine yet",
     " dtdev e820_host iomem ioports irqs pci pci_msitranslate pci_permissive pci_power_mgmt pci_seize rdm "
     "rdm_mem_boundary usbctrl usbdev "},
    {"such virtual devices do not exist yet", " argo channel nvdimm p9 pvcalls vdispl virtio vkb vscsi vsnd vtpm "},
    {"a guest sees the CPU's features as they are for all guests", " cpuid cpuid_policy msr_relaxed vpmu "},
    {"NUMA nodes are not told apart here; 'cpus' names CPUs", " nodes vnuma "},
    {"the hypervisor has no such facility",
     " init_seclabel max_altp2m suppress_spurious_page_faults vm_trace vmtrace_buf_kb "
     "xend_suspend_evtchn_compat "},
    {"it is for machines with ARM processors", " arm_sci gic_version nr_spis sve tee vuart "},
};

} // namespace

const char* why_unsupported(const std::string& key)
{
    for (const Group& group : groups)
        if (group.keys.find(" " + key + " ") != std::string_view::npos) return group.why;
    return nullptr;
}

} // namespace parapet
