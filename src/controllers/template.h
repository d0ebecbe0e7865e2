/* SPDX-License-Identifier: Apache-2.0 */
/* Pod templates: equal or not apart from their hash label, and the hash that names a revision's
 * objects. Pure. */
#ifndef CUBE_CONTROLLERS_TEMPLATE_H
#define CUBE_CONTROLLERS_TEMPLATE_H

#include "codec/json.h"

#define TEMPLATE_HASH_BYTES 16
#define TEMPLATE_HASH_LABEL "pod-template-hash"

/* Equal, not looking at the pod-template-hash label. */
bool template_equal(yyjson_val *a, yyjson_val *b);
/* Depends on values only, never on the order of members; stable for all time, because objects in
 * stores are named by it. */
const char *template_hash(yyjson_val *template, int64_t collision_count,
			  char to[TEMPLATE_HASH_BYTES]);

#endif
