/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about APIServices: whether one is available, which ones this server keeps for its own
 * groups, and in which order groups and versions are preferred. Pure.
 */
#ifndef CUBE_APISERVER_API_SERVICE_PLAN_H
#define CUBE_APISERVER_API_SERVICE_PLAN_H

#include "api/obj.h"
#include "base/arena.h"

/* --- available? --- */

struct api_service_view {
	struct str namespace_, name; /* of the Service */
	int64_t port;
	const struct obj *service;	 /* NULL: there is none */
	const struct obj *const *slices; /* the Service's EndpointSlices */
	size_t slice_count;
};

/* The condition Available, in upstream's words. */
struct api_service_verdict {
	const char *status; /* "True", "False" */
	const char *reason;
	struct str message;
	bool needs_discovery; /* nothing speaks against it: the server itself is to be asked */
};

extern const struct api_service_verdict api_service_is_local, api_service_passed;

void api_service_judge(const struct api_service_view *view, struct arena *arena,
		       struct api_service_verdict *ret);
/* The condition as it is; empty when there is none. */
struct str api_service_condition(const struct obj *api_service, const char *key);
bool api_service_is_available(const struct obj *api_service);

/* --- kept by this server --- */

#define API_SERVICE_MANAGED "kube-aggregator.kubernetes.io/automanaged"

enum api_service_care {
	API_SERVICE_UNWANTED,
	API_SERVICE_ON_START, /* brought into line once; then it is the administrator's */
	API_SERVICE_ALWAYS,
};

struct api_service_wish {
	enum api_service_care care;
	int group_priority, version_priority;
};

struct api_service_state {
	const struct obj *object; /* NULL: there is none */
	bool was_there;		  /* when this server started */
	bool was_synced;	  /* by this server, since then */
};

enum api_service_action {
	API_SERVICE_LEAVE,
	API_SERVICE_CREATE,
	API_SERVICE_UPDATE,
	API_SERVICE_DELETE,
};

enum api_service_action api_service_plan(const struct api_service_wish *wish,
					 const struct api_service_state *state);

/* --- order --- */

struct api_group_version {
	struct str group, version;
	int64_t group_priority, version_priority;
	const void *remote; /* the caller's */
};

/* By their group's priority, then by its name; inside of a group by the version's priority, then as
 * versions go
 * ("v2" before "v1" before "v1beta1"). */
void api_group_versions_sort(struct api_group_version *list, size_t count);

#endif
