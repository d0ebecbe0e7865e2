/* SPDX-License-Identifier: Apache-2.0 */
/* A path, a line break and what it is followed in: it ends, and finds something or nothing. */
#include <stdint.h>
#include <stdlib.h>
#include "codec/json_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes), name, rest;
	AUTO_ARENA arena = { 0 };
	AUTO_JSON doc = NULL;
	AUTO_BUF found = { 0 };
	const struct json_path *path;
	yyjson_val *v;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&found, SIZE_MAX / 2);
	if (!str_cut(text, '\n', &name, &rest))
		return 0;
	path = json_path_parse(&arena, name);
	doc = json_parse(rest, 1 << 16, NULL);
	if (!path || !doc)
		return 0;
	v = json_path_first(path, yyjson_doc_get_root(doc), &arena);
	if (v)
		json_write(v, &found);
	return 0;
}
