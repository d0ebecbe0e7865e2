/* SPDX-License-Identifier: Apache-2.0 */
/* Objects sent as protobuf: read or refused; what was read can be written as JSON and read again.
 */
#include "api/limits.h"
#include "api/protobuf.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct err err = { 0 };
	AUTO_JSON_MUT doc = protobuf_decode(str_sub((const char *)bytes, len), OBJECT_BYTES_MAX,
					    NULL, &err);
	AUTO_BUF text = { 0 };

	if (!doc) {
		ASSERT(err.code);
		return 0;
	}
	buf_init(&text, (size_t)256 << 20);
	json_mut_write(yyjson_mut_doc_get_root(doc), &text);
	return 0;
}
