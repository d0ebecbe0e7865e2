/* SPDX-License-Identifier: Apache-2.0 */
/* LimitRange: the defaults it gives containers and the bounds it sets. Pure. */
#ifndef CUBE_API_LIMIT_RANGE_H
#define CUBE_API_LIMIT_RANGE_H

#include "api/kind.h"
#include "base/arena.h"
#include "codec/json.h"

/* Fills in requests and limits that containers of the pod (a tree that may change) leave out, and
 * says so in the annotation kubernetes.io/limit-ranger. */
void limit_range_default(yyjson_val *limit_range, yyjson_mut_doc *doc, yyjson_mut_val *pod,
			 struct arena *arena);
/* What a Pod or PersistentVolumeClaim breaks of it, as upstream writes one or several errors;
 * empty when nothing. */
struct str limit_range_violations(yyjson_val *limit_range, const struct kind *kind,
				  yyjson_val *object, struct arena *arena);

#endif
