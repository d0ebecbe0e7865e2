/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: "METHOD path?query". Whatever comes, a target is read or refused, and what it
 * names lies in the path. */
#include <stdlib.h>
#include "apiserver/target.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str method, rest, path, query;
	struct target target;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	(void)str_cut(str_sub((const char *)bytes, len), ' ', &method, &rest);
	(void)str_cut(rest, '?', &path, &query);
	if (target_parse(&arena, method, path, query, &target, &err) < 0) {
		ASSERT(err.code);
		return 0;
	}
	ASSERT(!target.is_resource || target.resource.len);
	ASSERT(!target.subresource.len || target.name.len);
	(void)params_bool(&target.query, "watch");
	return 0;
}
