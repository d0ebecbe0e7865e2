/* SPDX-License-Identifier: Apache-2.0 */
/* The plans of service_cidr.c: what a ServiceCIDR's condition is, and when one that goes may go. */
#ifndef CUBE_CONTROLLERS_SERVICE_CIDR_H
#define CUBE_CONTROLLERS_SERVICE_CIDR_H

#include "api/obj.h"
#include "codec/json.h"

struct service_cidrs {
	const struct obj *const *items; /* ServiceCIDRs */
	size_t count;
};

/* Each of its networks lies in one of another. */
bool service_cidr_is_covered(const struct obj *cidr, const struct service_cidrs *all);
/* An IPAddress of a Service that no other one has. */
bool service_cidr_alone_has(const struct obj *cidr, const struct obj *address,
			    const struct service_cidrs *all);
/* The status to be merged; NULL when that is what it says. */
yyjson_mut_doc *service_cidr_status_plan(const struct obj *cidr, bool is_blocked,
					 int64_t now_ns) MUST_CHECK;

#endif
