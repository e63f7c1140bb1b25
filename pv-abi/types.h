// SPDX-License-Identifier: MIT
//
// Common ground of the guest ABI: domain ids, bitmaps, CPUID and MSR records, the macros that keep layouts
// honest. Like every header here it is clean as C11, C++ and preprocessed assembly, and holds no code.
// A guest pointer is a uint64_t, an implicit hole is a field named hole<N>: no byte of a type goes unnamed.
#pragma once

#define PV_DOMID_FIRST_RESERVED 0x7ff0
#define PV_DOMID_SELF 0x7ff0
#define PV_DOMID_IO 0x7ff1
#define PV_DOMID_XEN 0x7ff2
#define PV_DOMID_INVALID 0x7ff4
#define PV_DOMID_MASK 0x7fff

#define PV_CPUID_NO_SUBLEAF 0xffffffff

#ifndef __ASSEMBLER__
#include <stdint.h>

// Stands under each struct: its size, and in C++ also that no byte of it is padding.
#ifdef __cplusplus
#define PV_CHECK_SIZE(type, bytes)                                                                           \
    static_assert(sizeof(struct type) == (bytes) && __has_unique_object_representations(struct type), #type)
#else
#define PV_CHECK_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#endif

// One arm of a union, filled up to the size of the union so that no arm leaves bytes unnamed.
#define PV_ARM(type, name, bytes)                                                                            \
    __extension__ struct {                                                                                   \
        type name;                                                                                           \
        uint8_t name##_fill[(bytes) - sizeof(type)];                                                         \
    }

struct pv_xenctl_bitmap {
    uint64_t bitmap;
    uint32_t nr_bits;
    uint32_t hole0;
};
PV_CHECK_SIZE(pv_xenctl_bitmap, 16);

struct pv_cpuid_leaf {
    uint32_t leaf, subleaf;
    uint32_t a, b, c, d;
};
PV_CHECK_SIZE(pv_cpuid_leaf, 24);

#endif
