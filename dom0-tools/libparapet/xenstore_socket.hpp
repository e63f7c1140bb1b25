// SPDX-License-Identifier: MIT
//
// Whether an xenstored listens in this domain. A Store that finds none asks the kernel's device, behind which a daemon
// of another domain may be, and waits for it: a daemon that serves others meanwhile asks here first.
#pragma once

namespace parapet {

bool xenstored_listens();

} // namespace parapet
