// SPDX-License-Identifier: MIT
//
// Network device rings. A packet is a chain of requests; an extra_info takes the slot of one of them.
#pragma once
#include "pv-abi/ring.h"
#include "pv-abi/types.h"

#define PV_NETIF_NR_SLOTS_MIN 18
#define PV_NETIF_MAX_TX_SIZE 0xffff
#define PV_NETIF_RING_ENTRIES 256 // of either ring in one page

#define PV_NETTXF_CSUM_BLANK 0x1
#define PV_NETTXF_DATA_VALIDATED 0x2
#define PV_NETTXF_MORE_DATA 0x4
#define PV_NETTXF_EXTRA_INFO 0x8

#define PV_NETRXF_DATA_VALIDATED 0x1
#define PV_NETRXF_CSUM_BLANK 0x2
#define PV_NETRXF_MORE_DATA 0x4
#define PV_NETRXF_EXTRA_INFO 0x8
#define PV_NETRXF_GSO_PREFIX 0x10

#define PV_NETIF_EXTRA_TYPE_NONE 0
#define PV_NETIF_EXTRA_TYPE_GSO 1
#define PV_NETIF_EXTRA_TYPE_MCAST_ADD 2
#define PV_NETIF_EXTRA_TYPE_MCAST_DEL 3
#define PV_NETIF_EXTRA_TYPE_HASH 4
#define PV_NETIF_EXTRA_TYPE_MAX 5
#define PV_NETIF_EXTRA_FLAG_MORE 0x1

#define PV_NETIF_GSO_TYPE_NONE 0
#define PV_NETIF_GSO_TYPE_TCPV4 1
#define PV_NETIF_GSO_TYPE_TCPV6 2

#define PV_NETIF_RSP_DROPPED (-2)
#define PV_NETIF_RSP_ERROR (-1)
#define PV_NETIF_RSP_OKAY 0
#define PV_NETIF_RSP_NULL 1

#ifndef __ASSEMBLER__

struct pv_netif_tx_request {
    uint32_t gref;
    uint16_t offset;
    uint16_t flags;
    uint16_t id;
    uint16_t size;
};
PV_CHECK_SIZE(pv_netif_tx_request, 12);

struct pv_netif_extra_info {
    uint8_t type;
    uint8_t flags;
    union {
        struct {
            uint16_t size;
            uint8_t type;
            uint8_t pad;
            uint16_t features;
        } gso;
        struct {
            uint8_t addr[6];
        } mcast;
        struct {
            uint8_t type;
            uint8_t algorithm;
            uint8_t value[4];
        } hash;
        uint16_t pad[3];
    } u;
};
PV_CHECK_SIZE(pv_netif_extra_info, 8);

struct pv_netif_tx_response {
    uint16_t id;
    int16_t status;
};
PV_CHECK_SIZE(pv_netif_tx_response, 4);

struct pv_netif_rx_request {
    uint16_t id;
    uint16_t pad;
    uint32_t gref;
};
PV_CHECK_SIZE(pv_netif_rx_request, 8);

struct pv_netif_rx_response {
    uint16_t id;
    uint16_t offset;
    uint16_t flags;
    int16_t status;
};
PV_CHECK_SIZE(pv_netif_rx_response, 8);

#endif
