/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strategic merge patch: lists merged by the schema's merge keys, with the directives $patch,
 * $setElementOrder, $retainKeys and $deleteFromPrimitiveList; results and errors as apimachinery's.
 */
#ifndef CUBE_API_STRATEGIC_H
#define CUBE_API_STRATEGIC_H

#include "api/schema.h"
#include "codec/json.h"

/* A new document; target and patch are left alone. NULL: ERR_BAD_REQUEST or ERR_INVALID. at is the
 * target's type; without one (custom kinds) ERR_UNSUPPORTED_MEDIA. */
yyjson_mut_doc *strategic_merge(struct schema_at at, yyjson_val *target, yyjson_val *patch,
				struct err *err) MUST_CHECK;

#endif
