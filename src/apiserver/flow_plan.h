/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be put right at flow schemas and priority levels. Pure. */
#ifndef CUBE_APISERVER_FLOW_PLAN_H
#define CUBE_APISERVER_FLOW_PLAN_H

#include "api/kind.h"
#include "api/obj.h"
#include "codec/json.h"

/*
 * The object as it has to be; NULL: it is. wanted has its defaults. A mandatory one is always as
 * wanted; another one as long as its annotation says so, or, without that, nobody changed it. The
 * level exempt only has to be exempt: how many seats it lends is the administrator's.
 */
yyjson_mut_doc *flow_plan_default(const struct obj *have, yyjson_mut_val *wanted,
				  bool is_mandatory) MUST_CHECK;
/* An object that this server once made, and would not make today, may go. */
bool flow_plan_is_outdated(const struct obj *have) PURE;
/* The schema with its condition Dangling as it has to be; NULL: it is. */
yyjson_mut_doc *flow_plan_status(const struct obj *schema, bool level_exists,
				 int64_t now_ns) MUST_CHECK;

#endif
