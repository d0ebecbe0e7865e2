/* SPDX-License-Identifier: Apache-2.0 */
/* Objects sent as protobuf: read or refused; what was read can be written as JSON, and as protobuf
 * that is read again. */
#include "api/limits.h"
#include "api/protobuf.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct err err = { 0 };
	const struct kind *kind = NULL;
	AUTO_JSON_MUT doc = protobuf_decode(str_sub((const char *)bytes, len), OBJECT_BYTES_MAX,
					    &kind, &err);
	AUTO_JSON_MUT back = NULL;
	AUTO_JSON tree = NULL;
	AUTO_BUF text = { 0 }, again = { 0 };

	if (!doc) {
		ASSERT(err.code);
		return 0;
	}
	buf_init(&text, (size_t)256 << 20);
	json_mut_write(yyjson_mut_doc_get_root(doc), &text);
	tree = json_freeze(yyjson_mut_doc_get_root(doc));
	buf_init(&again, (size_t)256 << 20);
	if (protobuf_encode(yyjson_doc_get_root(tree), kind, &again, NULL) == 0) {
		back = protobuf_decode(buf_str(&again), SIZE_MAX, NULL, &err);
		ASSERT(back);
	}
	return 0;
}
