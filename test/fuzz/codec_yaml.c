/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of anybody: what is read is written as YAML and read back; where keys given twice are
 * kept, the last one is there once. */
#include <stdlib.h>
#include "base/assert.h"
#include "codec/yaml.h"

#define DUPLICATES_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void read_all(struct str text, struct buf *duplicates)
{
	struct err err = { 0 };
	AUTO_YAML reader = yaml_open(text, 1 << 16, &err);
	yyjson_mut_doc *doc;

	if (reader && duplicates)
		yaml_keep_duplicates(reader, duplicates);
	while (reader && yaml_next(reader, &doc, &err) > 0) {
		AUTO_JSON_MUT again = NULL;
		AUTO_BUF written = { 0 };

		buf_init(&written, 16 << 20);
		yaml_mut_write(yyjson_mut_doc_get_root(doc), &written);
		json_mut_free(doc);
		if (buf_failed(&written))
			continue;
		err = (struct err){ 0 };
		again = yaml_parse(buf_str(&written), 16 << 20, &err);
		ASSERT(!str_contains(str_from(err.msg), STR("already set in map")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes);
	AUTO_BUF duplicates = { 0 };

	buf_init(&duplicates, DUPLICATES_BYTES_MAX);
	read_all(text, NULL);
	read_all(text, &duplicates);
	return 0;
}
