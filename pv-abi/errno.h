// SPDX-License-Identifier: MIT
//
// Error numbers of the ABI, positive here, negated in a hypercall's result.
#pragma once

#define PV_EPERM 1
#define PV_ESRCH 3
#define PV_EACCES 13
#define PV_EFAULT 14
#define PV_ENODEV 19
#define PV_EINVAL 22
#define PV_ENOSYS 38
