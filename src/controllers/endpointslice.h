/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How endpoints are divided among EndpointSlices: each slice has one set of ports and at most a
 * hundred endpoints; those that are there keep their slice, so that a change of one pod changes one
 * slice. Pure.
 */
#ifndef CUBE_CONTROLLERS_ENDPOINTSLICE_H
#define CUBE_CONTROLLERS_ENDPOINTSLICE_H

#include "controllers/endpoints.h"

#define SLICE_MANAGED_BY "endpointslice.kubernetes.io/managed-by" /* a label */

struct controller;

struct slice_view {
	const struct obj *obj;		 /* an existing slice; NULL: one to be made */
	const struct endpoint **members; /* plan */
	size_t member_count;
	const struct endpoint *ports_of; /* plan: an endpoint with the slice's ports; NULL: nothing
					    is left in it */
};

struct slices_plan {
	struct slice_view *slices; /* existing ones first */
	size_t count;
};

/* A slice of that manager came, changed or went: its service is looked at. */
void slice_changed_of(struct controller *controller, const struct obj *slice, const char *manager);

void slices_plan(const struct endpoints_view *view, const struct obj *const *existing,
		 size_t existing_count, size_t endpoints_max, struct arena *arena,
		 struct slices_plan *ret_plan);

#endif
