/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CUBE_CONTROLLERS_ROLE_AGGREGATION_H
#define CUBE_CONTROLLERS_ROLE_AGGREGATION_H

#include "api/obj.h"
#include "base/arena.h"
#include "codec/json.h"

/* The role with the rules of all that it gathers (all: by name); NULL when it has them already. */
yyjson_mut_doc *role_aggregation_plan(const struct obj *role, const struct obj *const *all,
				      size_t count, struct arena *arena);

#endif
