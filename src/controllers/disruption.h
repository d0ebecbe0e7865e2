/* SPDX-License-Identifier: Apache-2.0 */
/* How many pods of a PodDisruptionBudget may be taken away. The rules are pure. */
#ifndef CUBE_CONTROLLERS_DISRUPTION_H
#define CUBE_CONTROLLERS_DISRUPTION_H

#include "api/obj.h"
#include "codec/json.h"

struct disruption_view {
	yyjson_val *spec; /* of the budget */
	int64_t pod_count, healthy;
	struct str_list awaited; /* pods that evictions took and that are still to go */
	int64_t wanted;	    /* replicas that the pods' controllers are to have */
	struct str problem; /* wanted is not known: why; empty: it is */
};

struct disruption_numbers {
	int64_t expected, desired, healthy, allowed;
};

/* Whether the view's wanted matters. */
bool disruption_asks_wanted(yyjson_val *spec);
struct disruption_numbers disruption_plan(const struct disruption_view *view);
/* Until when a pod that an eviction took from the budget is expected to go, and so does not count
 * though it is there; 0: it counts. */
int64_t disruption_awaited_until_ns(const struct obj *budget, struct str pod, int64_t now_ns);
/* A merge patch for the status as it is at that version; NULL: it says so already. */
yyjson_mut_doc *disruption_status_plan(const struct obj *budget, const struct disruption_view *view,
				       int64_t now_ns);

#endif
