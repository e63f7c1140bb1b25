// SPDX-License-Identifier: MIT
//
// The wire of xenstore: message types and header, the ring of a domU, and the states of a device.
#pragma once
#include "pv-abi/types.h"

#define PV_XS_CONTROL 0
#define PV_XS_DIRECTORY 1
#define PV_XS_READ 2
#define PV_XS_GET_PERMS 3
#define PV_XS_WATCH 4
#define PV_XS_UNWATCH 5
#define PV_XS_TRANSACTION_START 6
#define PV_XS_TRANSACTION_END 7
#define PV_XS_INTRODUCE 8
#define PV_XS_RELEASE 9
#define PV_XS_GET_DOMAIN_PATH 10
#define PV_XS_WRITE 11
#define PV_XS_MKDIR 12
#define PV_XS_RM 13
#define PV_XS_SET_PERMS 14
#define PV_XS_WATCH_EVENT 15
#define PV_XS_ERROR 16
#define PV_XS_IS_DOMAIN_INTRODUCED 17
#define PV_XS_RESUME 18
#define PV_XS_SET_TARGET 19
#define PV_XS_RESET_WATCHES 21
#define PV_XS_DIRECTORY_PART 22
#define PV_XS_TYPE_COUNT 23
#define PV_XS_INVALID 0xffff

#define PV_XS_WATCH_PATH 0
#define PV_XS_WATCH_TOKEN 1

#define PV_XENSTORE_RING_SIZE 1024
#define PV_XENSTORE_PAYLOAD_MAX 4096
#define PV_XENSTORE_ABS_PATH_MAX 3072
#define PV_XENSTORE_REL_PATH_MAX 2048
#define PV_XENSTORE_SERVER_FEATURE_RECONNECTION 0x1
#define PV_XENSTORE_SERVER_FEATURE_ERROR 0x2
#define PV_XENSTORE_CONNECTED 0
#define PV_XENSTORE_RECONNECT 1
#define PV_XENSTORE_ERROR_NONE 0
#define PV_XENSTORE_ERROR_COMM 1
#define PV_XENSTORE_ERROR_RINGIDX 2
#define PV_XENSTORE_ERROR_PROTO 3

#define PV_XENBUS_STATE_UNKNOWN 0
#define PV_XENBUS_STATE_INITIALISING 1
#define PV_XENBUS_STATE_INIT_WAIT 2
#define PV_XENBUS_STATE_INITIALISED 3
#define PV_XENBUS_STATE_CONNECTED 4
#define PV_XENBUS_STATE_CLOSING 5
#define PV_XENBUS_STATE_CLOSED 6
#define PV_XENBUS_STATE_RECONFIGURING 7
#define PV_XENBUS_STATE_RECONFIGURED 8

#ifndef __ASSEMBLER__

struct pv_xsd_sockmsg {
    uint32_t type;
    uint32_t req_id;
    uint32_t tx_id;
    uint32_t len;
};
PV_CHECK_SIZE(pv_xsd_sockmsg, 16);

struct pv_xenstore_domain_interface {
    char req[PV_XENSTORE_RING_SIZE];
    char rsp[PV_XENSTORE_RING_SIZE];
    uint32_t req_cons, req_prod;
    uint32_t rsp_cons, rsp_prod;
    uint32_t server_features;
    uint32_t connection;
    uint32_t error;
};
PV_CHECK_SIZE(pv_xenstore_domain_interface, 2076);

#endif
