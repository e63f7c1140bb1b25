// SPDX-License-Identifier: MIT
//
// The words for each ImageError, shared by the hypervisor's boot messages and the tools. No state.
#include "base/image/parsed.hpp"

namespace hv::image {

const char* describe(ImageError error)
{
    switch (error) {
    case ImageError::none: return "sound";
    case ImageError::empty: return "the file is empty";
    case ImageError::unknown_format: return "neither a Linux bzImage nor an ELF file";
    case ImageError::truncated: return "the file is truncated";
    case ImageError::old_protocol: return "boot protocol older than 2.08 (no payload to find)";
    case ImageError::payload_outside: return "the bzImage has no payload";
    case ImageError::unknown_compression: return "the payload's compression is unknown";
    case ImageError::not_64bit: return "a 32-bit kernel (only 64-bit PV kernels run here)";
    case ImageError::wrong_machine: return "not for x86-64";
    case ImageError::not_executable: return "an ELF file, but not an executable";
    case ImageError::bad_header: return "an ELF header table has a wrong entry size";
    case ImageError::no_segments: return "no loadable segments";
    case ImageError::too_many_segments: return "too many loadable segments";
    case ImageError::segment_outside_file: return "a segment lies outside of the file";
    case ImageError::segment_too_big: return "a segment has more bytes in the file than in memory";
    case ImageError::address_overflow: return "a segment's address wraps around";
    case ImageError::segments_overlap: return "two segments overlap";
    case ImageError::too_large: return "absurdly large";
    case ImageError::bad_note: return "a malformed ELF note";
    case ImageError::no_xen_notes: return "no Xen ELF notes (not a Xen PV kernel)";
    case ImageError::wrong_version: return "its notes ask for another interface than xen-3.0, generic";
    case ImageError::missing_feature: return "it requires a feature that is not offered";
    case ImageError::bad_virt_base: return "the VIRT_BASE note puts it outside of what a guest may map";
    case ImageError::entry_outside: return "the entry point lies outside of its segments";
    case ImageError::hypercall_page_outside: return "the hypercall page lies outside of its segments";
    case ImageError::bad_init_p2m: return "the INIT_P2M address cannot be used";
    }
    return "unknown reason";
}

} // namespace hv::image
