/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of anybody: what is read is written as YAML and read back to an equal tree. */
#include <stdlib.h>
#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct err err = { 0 };
	AUTO_YAML reader = yaml_open(str_sub((const char *)bytes, size_bytes), 1 << 16, &err);
	yyjson_mut_doc *doc;

	while (reader && yaml_next(reader, &doc, &err) > 0) {
		AUTO_BUF text = { 0 };

		buf_init(&text, 16 << 20);
		yaml_mut_write(yyjson_mut_doc_get_root(doc), &text);
		json_mut_free(doc);
		if (!buf_failed(&text))
			json_mut_free(yaml_parse(buf_str(&text), 16 << 20, &err));
	}
	return 0;
}
