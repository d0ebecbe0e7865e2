/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pod.status from spec and state, field for field, reason for reason as upstream's kubelet writes
 * it. Pure.
 */
#ifndef CUBE_KUBELET_POD_STATUS_H
#define CUBE_KUBELET_POD_STATUS_H

#include "codec/json.h"
#include "kubelet/pod_state.h"

enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED };

/* The conditions that are the kubelet's, in the order in which they are written. */
enum pod_condition {
	CONDITION_READY_TO_START,
	CONDITION_INITIALIZED,
	CONDITION_READY,
	CONDITION_CONTAINERS_READY,
	CONDITION_SCHEDULED,
	CONDITION_COUNT,
};

/* Since when each has had its status: kept from one status to the next. since_ns 0 = not known yet.
 */
struct condition_memory {
	bool is_true[CONDITION_COUNT];
	int64_t since_ns[CONDITION_COUNT];
};

struct status_input {
	const struct pod_spec *spec;
	const struct pod_state *state;
	const struct str *host_addresses; /* of the node */
	size_t host_address_count;
	int64_t now_ns; /* monotonic */
	int64_t wall_ns;
};

enum pod_phase pod_phase_of(const struct pod_spec *spec, const struct pod_state *state) PURE;
const char *pod_phase_text(enum pod_phase phase) PURE;

/* Reads memory from an object that was reported before. */
void condition_memory_load(struct condition_memory *memory, const struct obj *pod);

/* The status as a merge patch: {"metadata":{"uid":...},"status":{...}}; conditions of others are
 * kept as the object has them. memory is updated. */
yyjson_mut_doc *pod_status_patch(const struct status_input *in,
				 struct condition_memory *memory) MUST_CHECK;
/* Adds nulls for what the object's present status has and the new one has not: a merge patch
 * removes only what it names. */
void pod_status_add_nulls(yyjson_mut_doc *patch, const struct obj *pod);

/* status_container.c: containerStatuses and its two sisters, added to status. */
void status_add_containers(yyjson_mut_doc *doc, yyjson_mut_val *status,
			   const struct status_input *in);

#endif
