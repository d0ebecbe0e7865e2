/* SPDX-License-Identifier: Apache-2.0 */
/* {"target": ..., "patch": ...}: a strategic merge patch of a Deployment. */
#include "api/kind.h"
#include "api/strategic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct err err = { 0 };
	AUTO_JSON doc = json_parse(str_sub((const char *)bytes, size_bytes), 1 << 16, &err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	AUTO_JSON_MUT result = NULL;

	if (json_get(root, "target") && json_get(root, "patch"))
		result = strategic_merge(kind_deployment.schema, json_get(root, "target"),
					 json_get(root, "patch"), &err);
	return 0;
}
