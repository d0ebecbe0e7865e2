/* SPDX-License-Identifier: Apache-2.0 */
/* What a DaemonSet decides: on which nodes a pod is missing, which pods go, what status to show.
 * Pure. */
#ifndef CUBE_CONTROLLERS_DAEMONSET_H
#define CUBE_CONTROLLERS_DAEMONSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

struct daemon_pod {
	struct str name;
	bool ended; /* Failed or Succeeded */
	bool deleting;
	bool ready, available;
	bool updated; /* made from the template as it is */
	int64_t created_ns;
	size_t index; /* the caller's */
	bool remove;  /* plan */
};

struct daemon_node {
	struct str name;
	bool should_run; /* a new pod belongs here */
	bool may_stay;	 /* one that is here may go on */
	struct daemon_pod *pods;
	size_t pod_count;
	bool create; /* plan */
};

struct daemon_status {
	int64_t desired, current, misscheduled, ready, updated, available, unavailable,
		observed_generation;
};

struct daemon_view {
	struct daemon_node *nodes; /* the plan changes them */
	size_t node_count;
	int64_t max_unavailable; /* resolved, at least 1 */
	bool on_delete;
	bool deleting;
	int64_t generation;
};

void daemonset_plan(struct daemon_view *view, struct daemon_status *ret_status);

#endif
