/* SPDX-License-Identifier: Apache-2.0 */
/* Another server's OpenAPI put into ours: whatever it says, ours stays a document, and what was
 * there stays as it was. */
#include "api/openapi.h"
#include "base/assert.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

#define INPUT_BYTES_MAX 16384

static const char own[] = "{\"swagger\":\"2.0\",\"paths\":{\"/apis/g/v1/"
			  "a\":{\"get\":{}}},\"definitions\":{\"A\":{\"type\":"
			  "\"string\"},\"A_v2\":{\"type\":\"integer\"}}}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	AUTO_JSON part = json_parse(str_sub((const char *)bytes, size_bytes), INPUT_BYTES_MAX,
				    NULL);
	AUTO_JSON before = json_parse(str_from(own), sizeof(own), NULL);
	AUTO_JSON_MUT whole = json_thaw(yyjson_doc_get_root(before));
	AUTO_JSON after = NULL;
	AUTO_BUF text = { 0 };

	if (!part)
		return 0;
	openapi_v2_merge(whole, yyjson_doc_get_root(part), STR("/apis/g/v1"));
	openapi_v3_merge(whole, yyjson_doc_get_root(part), STR("apis/g/v1"));
	buf_init(&text, SIZE_MAX);
	json_mut_write(yyjson_mut_doc_get_root(whole), &text);
	after = json_parse(buf_str(&text), SIZE_MAX, NULL);
	ASSERT(after);
	JSON_MEMBERS (key, value, json_get(yyjson_doc_get_root(before), "definitions"))
		ASSERT(json_equal(json_key(json_get(yyjson_doc_get_root(after), "definitions"),
					   json_str(key)),
				  value));
	return 0;
}
