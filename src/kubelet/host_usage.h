/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine as a whole has used so far, from the kernel's own texts. Pure. */
#ifndef CUBE_KUBELET_HOST_USAGE_H
#define CUBE_KUBELET_HOST_USAGE_H

#include "kubelet/pod_runtime.h"

/* stat and meminfo: of /proc. False, and nothing set, when they are not what they should be.
 * wall_ns is left alone. */
bool host_usage_parse(struct str stat, struct str meminfo, long ticks_per_second,
		      struct runtime_stats *ret);

#endif
