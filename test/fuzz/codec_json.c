/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of anybody: what parses is written and read back to the same tree, in every form, and nobody
 * finds anything wrong with it. */
#include <stdlib.h>
#include "codec/json.h"
#include "codec/json_syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void require(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct err err = { 0 };
	AUTO_JSON doc = json_parse(str_sub((const char *)bytes, size_bytes), 1 << 20, &err);
	AUTO_JSON again = NULL;
	AUTO_JSON_MUT mut = NULL;
	AUTO_BUF text = { 0 };
	AUTO_BUF pretty = { 0 };

	AUTO_BUF problem = { 0 };

	buf_init(&problem, 256);
	require(!json_syntax_problem(str_sub((const char *)bytes, size_bytes), &problem) ||
		(!doc && problem.len));
	if (!doc)
		return 0;
	json_free(json_parse_unique(str_sub((const char *)bytes, size_bytes), 1 << 20, &err));
	mut = json_thaw(yyjson_doc_get_root(doc));
	require(json_mixed_equal(yyjson_mut_doc_get_root(mut), yyjson_doc_get_root(doc)) ==
		json_equal(yyjson_doc_get_root(doc), yyjson_doc_get_root(doc)));
	buf_init(&text, 16 << 20);
	buf_init(&pretty, 64 << 20);
	json_mut_write(yyjson_mut_doc_get_root(mut), &text);
	json_write_pretty(yyjson_doc_get_root(doc), &pretty);
	again = json_parse(buf_str(&text), 16 << 20, &err);
	require(again != NULL);
	(void)json_get_str(yyjson_doc_get_root(again), "a.b.0.c");
	return 0;
}
