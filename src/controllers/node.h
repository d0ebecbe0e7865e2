/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's conditions and silence mean: its taints, and which conditions become Unknown. Pure.
 */
#ifndef CUBE_CONTROLLERS_NODE_H
#define CUBE_CONTROLLERS_NODE_H

#include "api/obj.h"
#include "base/arena.h"
#include "codec/json.h"

#define NODE_TAINTS_MAX 12

struct node_taint {
	const char *key;
	const char *effect;
};

struct node_plan {
	bool silent; /* conditions are to become Unknown */
	bool ready;
	struct node_taint
		taints[NODE_TAINTS_MAX]; /* those it should have of the ones managed here */
	size_t taint_count;
	bool taints_differ;
};

/* silent: no heartbeat for the grace period. */
void node_plan(const struct obj *node, bool silent, struct node_plan *ret_plan);
bool node_taint_is_managed(struct str key);

/* Taint eviction: when a pod must leave. INT64_MAX: stays; 0: at once; else so many seconds after
 * the taint was added. */
int64_t taint_eviction_seconds(yyjson_val *tolerations, yyjson_val *taints);

#endif
