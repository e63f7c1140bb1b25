// SPDX-License-Identifier: MIT
//
// What a new domain finds through rsi at its first instruction, and what dom0 is told about the screen.
#pragma once
#include "pv-abi/types.h"

#define PV_SIF_PRIVILEGED 0x1
#define PV_SIF_INITDOMAIN 0x2
#define PV_SIF_MOD_START_PFN 0x8

#define PV_VGATYPE_TEXT_MODE_3 0x03
#define PV_VGATYPE_VESA_LFB 0x23

#ifndef __ASSEMBLER__

struct pv_start_info {
    char magic[32];
    uint64_t nr_pages;
    uint64_t shared_info;
    uint32_t flags;
    uint32_t hole0;
    uint64_t store_mfn;
    uint32_t store_evtchn;
    uint32_t hole1;
    union {
        struct {
            uint64_t mfn;
            uint32_t evtchn;
            uint32_t hole0;
        } domU;
        struct {
            uint32_t info_off;
            uint32_t info_size;
            uint64_t hole0;
        } dom0;
    } console;
    uint64_t pt_base;
    uint64_t nr_pt_frames;
    uint64_t mfn_list;
    uint64_t mod_start;
    uint64_t mod_len;
    char cmd_line[1024];
    uint64_t first_p2m_pfn;
    uint64_t nr_p2m_frames;
};
PV_CHECK_SIZE(pv_start_info, 1168);

struct pv_vga_text_mode_3 {
    uint16_t font_height;
    uint16_t cursor_x, cursor_y;
    uint16_t rows, columns;
};
PV_CHECK_SIZE(pv_vga_text_mode_3, 10);

struct pv_vga_vesa_lfb {
    uint16_t width, height;
    uint16_t bytes_per_line;
    uint16_t bits_per_pixel;
    uint32_t lfb_base;
    uint32_t lfb_size;
    uint8_t red_pos, red_size;
    uint8_t green_pos, green_size;
    uint8_t blue_pos, blue_size;
    uint8_t rsvd_pos, rsvd_size;
    uint32_t gbl_caps;
    uint16_t mode_attrs;
    uint16_t pad;
    uint32_t ext_lfb_base;
};
PV_CHECK_SIZE(pv_vga_vesa_lfb, 36);

struct pv_dom0_vga_console_info {
    uint8_t video_type;
    uint8_t hole0[3];
    union {
        struct pv_vga_vesa_lfb vesa_lfb;
        PV_ARM(struct pv_vga_text_mode_3, text_mode_3, 36);
    } u;
};
PV_CHECK_SIZE(pv_dom0_vga_console_info, 40);

#endif
