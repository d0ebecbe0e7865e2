/* SPDX-License-Identifier: Apache-2.0 */
/* What several controllers read of pods and conditions, as upstream's pod utilities define it.
 * Pure. */
#ifndef CUBE_CONTROLLERS_POD_H
#define CUBE_CONTROLLERS_POD_H

#include "api/condition.h"
#include "api/obj.h"
#include "codec/json.h"

struct str pod_phase(const struct obj *pod);
bool pod_is_terminal(const struct obj *pod); /* Succeeded or Failed */
bool pod_is_active(const struct obj *pod);   /* neither terminal nor being deleted */
bool pod_is_ready(const struct obj *pod);
int64_t pod_ready_since_ns(const struct obj *pod); /* 0 when not ready or unknown */
int64_t pod_restarts(const struct obj *pod);	   /* of the container that restarted most */
int64_t pod_deletion_cost(const struct obj *pod);
struct str pod_node_name(const struct obj *pod);
int64_t obj_created_ns(const struct obj *obj); /* 0 when unknown */
int64_t time_of(struct str text);	       /* wall ns; 0 when empty or bad */
/* {"apiVersion", "kind", "name", "uid", "controller": true, "blockOwnerDeletion": true} appended to
 * metadata. */
struct kind;
void owner_reference_add(yyjson_mut_doc *doc, yyjson_mut_val *metadata, const struct kind *kind,
			 const struct obj *owner);
/* "25%" of total or a number; what is left over is rounded up or down. */
int64_t scaled_value(yyjson_val *int_or_percent, int64_t total, bool round_up, int64_t fallback);

#endif
