/* SPDX-License-Identifier: Apache-2.0 */
/* One way into other versions, whoever knows it: what comes of it fits its schema. */
#include "api/versioned.h"

int versioned_as(struct typed_walk *walk, const struct version_converter *converter,
		 struct versioned from, struct str api_version, struct versioned *ret,
		 struct err *err)
{
	int checked = 0;

	if (!converter || !from.object || str_eq(from.api_version, api_version)) {
		*ret = from;
		return 0;
	}
	if (converter->convert(converter->arg, from, api_version, ret, err) < 0)
		return -1;
	if (ret->object) {
		/* what lies in the store may have items twice */
		walk->allows_duplicates = true;
		checked = typed_check(walk, typed_root(ret->at), ret->object);
		walk->allows_duplicates = false;
	}
	return checked;
}
