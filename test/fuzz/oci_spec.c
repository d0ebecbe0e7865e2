/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json: whatever the bytes, decoding ends in a struct that can be planned with or in an
 * error that says something; cgroup plans of what was accepted stay within their bounds.
 */
#include <stdint.h>
#include "base/assert.h"
#include "runtime/cgroup_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct err err = { 0 };
	struct cgroup_plan plan;
	struct oci_spec spec;
	const char *path;
	AUTO_ARENA arena = { 0 };
	yyjson_doc *doc;

	if (len > 65536 || oci_json_parse(str_sub((const char *)bytes, len), "config.json", &doc, &err) < 0)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (oci_spec_decode(yyjson_doc_get_root(doc), &arena, &spec, &err) < 0) {
		ASSERT(err.msg[0] != '\0' && err.code != ERR_NONE);
	} else {
		for (int v2 = 0; v2 < 2; v2++) {
			if (cgroup_plan(spec.linux_part->resources, v2, &arena, &plan, &err) == 0)
				ASSERT(plan.count < CGROUP_CHANGES_MAX);
		}
		if (cgroup_plan_path(spec.linux_part->cgroups_path, "id", &arena, &path, &err) == 0)
			ASSERT(path[0] == '/' && path[1] != '\0');
	}
	yyjson_doc_free(doc);
	return 0;
}
