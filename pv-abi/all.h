// SPDX-License-Identifier: MIT
//
// The whole ABI: guest calls, toolstack control, shared rings.
#pragma once
#include "pv-abi/console.h"
#include "pv-abi/domctl.h"
#include "pv-abi/event.h"
#include "pv-abi/grant.h"
#include "pv-abi/hypercall.h"
#include "pv-abi/memory.h"
#include "pv-abi/mmu.h"
#include "pv-abi/physdev.h"
#include "pv-abi/platform.h"
#include "pv-abi/sched.h"
#include "pv-abi/start_info.h"
#include "pv-abi/sysctl.h"
#include "pv-abi/types.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/version.h"
