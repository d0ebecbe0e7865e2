/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address families a Service gets of those the cluster has: ipFamilyPolicy and ipFamilies
 * from what its client says and what it had. Called by the registry before it validates, because
 * the cluster's families are no property of the object.
 */
#ifndef CUBE_API_SERVICE_FAMILY_H
#define CUBE_API_SERVICE_FAMILY_H

#include "api/strategy.h"

struct service_families {
	bool is_v6_first, is_dual;
};

/* What is found wrong here is all that is told of the object. */
void service_families_plan(struct edit *e, const struct service_families *cluster,
			   struct field_errors *errors);

#endif
