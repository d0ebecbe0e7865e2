/* SPDX-License-Identifier: Apache-2.0 */
/* autoscaling/v1 Scale as a view of the kinds that have replicas. Pure. */
#ifndef CUBE_APISERVER_SCALE_H
#define CUBE_APISERVER_SCALE_H

#include "api/kind.h"
#include "base/arena.h"
#include "codec/json.h"

/* The Scale of an object, as a document of the caller's. */
yyjson_mut_doc *scale_of(const struct kind *kind, yyjson_val *object,
			 struct arena *arena) MUST_CHECK;

#endif
