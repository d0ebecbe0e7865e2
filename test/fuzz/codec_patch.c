/* SPDX-License-Identifier: Apache-2.0 */
/* {"target": ..., "patch": ...}: JSON Patch when patch is an array, JSON Merge Patch when it is an
 * object. */
#include <stdlib.h>
#include "codec/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct err err = { 0 };
	AUTO_JSON doc = json_parse(str_sub((const char *)bytes, size_bytes), 1 << 16, &err);
	yyjson_val *target = json_get(yyjson_doc_get_root(doc), "target");
	yyjson_val *patch = json_get(yyjson_doc_get_root(doc), "patch");
	AUTO_JSON_MUT result = NULL;

	if (!target || !patch)
		return 0;
	result = yyjson_is_arr(patch) ? patch_json(target, patch, &err)
				      : patch_merge(target, patch, &err);
	if (result && json_mut_depth(yyjson_mut_doc_get_root(result)) > 2 * JSON_DEPTH_MAX)
		abort();
	return 0;
}
