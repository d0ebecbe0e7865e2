/* SPDX-License-Identifier: Apache-2.0 */
/* The Node and Lease objects as the kubelet writes them. Pure but for the options. */
#ifndef CUBE_KUBELET_NODE_STATUS_H
#define CUBE_KUBELET_NODE_STATUS_H

#include "codec/json.h"
#include "kubelet/kubelet_internal.h"

enum node_condition {
	NODE_MEMORY_PRESSURE,
	NODE_DISK_PRESSURE,
	NODE_PID_PRESSURE,
	NODE_READY,
	NODE_CONDITION_COUNT,
};

struct node_conditions {
	bool is_true[NODE_CONDITION_COUNT];
	int64_t since_ns[NODE_CONDITION_COUNT]; /* 0 = never said */
	int64_t heartbeat_ns;
};

void node_conditions_load(struct node_conditions *c, const struct obj *node);
void node_conditions_update(struct kubelet *k, struct node_conditions *c, int64_t wall_ns);
yyjson_mut_doc *node_object(struct kubelet *k, struct node_conditions *c) MUST_CHECK;
/* {"metadata":{"labels"},"status":{...}} as a merge patch; conditions and resources of others are as
 * node (may be NULL) has them. */
yyjson_mut_doc *node_status_patch(struct kubelet *k, const struct node_conditions *c,
				  const struct obj *node) MUST_CHECK;
/* Everything but the heartbeat, to see whether anything has changed. */
void node_status_fingerprint(struct kubelet *k, const struct node_conditions *c,
			     const struct obj *node, struct buf *to);
yyjson_mut_doc *node_lease(struct kubelet *k, const struct obj *node, bool whole) MUST_CHECK;

#endif
