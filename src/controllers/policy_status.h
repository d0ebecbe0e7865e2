/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of policy_status.c: what is found when a policy's expressions are checked. */
#ifndef CUBE_CONTROLLERS_POLICY_STATUS_H
#define CUBE_CONTROLLERS_POLICY_STATUS_H

#include "api/obj.h"
#include "base/arena.h"
#include "codec/json.h"

struct policy_definitions {
	const struct obj *const *items; /* CustomResourceDefinitions */
	size_t count;
};

/* The status to be merged; NULL when this generation was checked already. */
yyjson_mut_doc *policy_status_plan(const struct obj *policy,
				   const struct policy_definitions *definitions) MUST_CHECK;

#endif
