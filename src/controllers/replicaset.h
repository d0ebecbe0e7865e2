/* SPDX-License-Identifier: Apache-2.0 */
/* What a ReplicaSet (and a ReplicationController) decides: how many pods to make, which to delete,
 * what status to show. */
#ifndef CUBE_CONTROLLERS_REPLICASET_H
#define CUBE_CONTROLLERS_REPLICASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"
#include "controllers/limits.h"

enum rs_phase { RS_PENDING, RS_UNKNOWN, RS_RUNNING }; /* in the order of deletion */

struct rs_pod {
	struct str name, uid;
	bool active;   /* neither terminal nor being deleted */
	bool assigned; /* to a node */
	enum rs_phase phase;
	bool ready;
	bool fully_labeled; /* has all labels of the template */
	int64_t ready_since_ns;
	int64_t created_ns;
	int64_t restarts;
	int64_t deletion_cost;
	int64_t related_on_node; /* active pods of sibling sets on its node */
	size_t index;		 /* the caller's */
};

struct rs_status {
	int64_t replicas, fully_labeled, ready, available, observed_generation;
};

struct rs_view {
	int64_t replicas; /* wanted */
	int64_t min_ready_seconds;
	int64_t generation;
	bool deleting;
	int64_t now_ns;
	const struct rs_pod *pods;
	size_t pod_count;
	int64_t burst; /* 0 = REPLICAS_BURST_MAX; 1 after failures, so that a refusal costs one
			  request */
};

struct rs_plan {
	int64_t create_count;
	const struct rs_pod **deletes;
	size_t delete_count;
	struct rs_status status;
	int64_t requeue_after_ms; /* when a ready pod becomes available; 0 = no need */
};

/* Pure. Results live in the arena and point into the view. */
void replicaset_plan(const struct rs_view *view, struct arena *arena, struct rs_plan *ret_plan);

#endif
