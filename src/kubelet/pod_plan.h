/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do next for one pod, from its spec and what is known of it. Pure: pod.c acts, and asks
 * again when anything has changed. A plan never asks twice for what is going on already (phases say
 * so), so acting on it is idempotent.
 */
#ifndef CUBE_KUBELET_POD_PLAN_H
#define CUBE_KUBELET_POD_PLAN_H

#include "kubelet/limits.h"
#include "kubelet/pod_state.h"

enum pod_step_kind {
	STEP_SETUP_VOLUMES,
	STEP_CREATE_SANDBOX,
	STEP_START, /* container */
	STEP_KILL,  /* container, reason */
	STEP_REMOVE_SANDBOX,
	STEP_REMOVE_VOLUMES, /* unmount; with deleting: the pod's folders too */
	STEP_FORGET,	     /* deleted, and nothing is left: tell the API so */
};

struct pod_step {
	enum pod_step_kind kind;
	size_t container;
	enum kill_reason reason;
};

struct pod_plan {
	struct pod_step steps[KUBELET_CONTAINERS_MAX + 2];
	size_t count;
	int64_t wake_ns;  /* ask again then at the latest; INT64_MAX = when something changes */
	bool initialized; /* to be kept in the state */
	bool finished;
	bool deadline_exceeded;
};

/* now is monotonic, wall likewise now. */
void pod_plan(const struct pod_spec *spec, const struct pod_state *state, int64_t now_ns,
	      int64_t wall_ns, struct pod_plan *ret);

#endif
