/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body for any kind (the first byte chooses which): decoded, defaulted, prepared, checked,
 * encoded; then the bytes are decoded again, which must work and give the same object, and printed
 * as a table row.
 */
#include <stdlib.h>
#include "api/object.h"
#include "api/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void print_row(const struct kind *kind, struct blob *blob)
{
	struct table_options options = { .kind = kind,
					 .include = TABLE_INCLUDE_OBJECT,
					 .now_ns = 1 };
	struct table table;
	AUTO_BUF text = { 0 };
	AUTO_JSON doc = NULL;

	buf_init(&text, 64 << 20);
	table_start(&table, &options, &text);
	table_row(&table, obj_get(blob));
	table_end(&table);
	doc = json_parse(buf_str(&text), 64 << 20, NULL);
	if (!doc)
		abort();
}

static void check_again(const struct kind *kind, struct blob *blob, struct edit *edit)
{
	struct decode_options options = { .kind = kind, .check = FIELDS_STRICT };
	struct err err = { 0 };
	AUTO_JSON_MUT again = object_decode(blob_str(blob), &options, &err);
	struct edit second = *edit;

	if (!again)
		abort();
	second.doc = again;
	second.root = yyjson_mut_doc_get_root(again);
	object_default(&second);
	(void)json_remove_path(second.root, "metadata.resourceVersion");
	if (!json_mut_equal(second.root, edit->root))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct object_birth birth = { STR("default"), STR("00000000-0000-0000-0000-000000000000"),
				      STR("abcde") };
	struct decode_options options = { .check = FIELDS_WARN };
	AUTO_ARENA arena = { 0 };
	AUTO_JSON_MUT doc = NULL;
	AUTO_BLOB blob = NULL;
	struct field_errors errors;
	struct notices notices;
	struct err err = { 0 };
	struct edit edit;

	if (size_bytes < 1 || size_bytes > 1 << 16)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	notices_init(&notices, &arena);
	options.kind = kind_table[bytes[0] % kind_count];
	options.notices = &notices;
	options.format = size_bytes > 1 && bytes[1] == '{' ? OBJECT_JSON : OBJECT_YAML;
	doc = object_decode(str_sub((const char *)bytes + 1, size_bytes - 1), &options, &err);
	if (!doc || (options.kind->flags & KIND_UNSERVED))
		return 0;
	edit = (struct edit){ .kind = options.kind,
			      .doc = doc,
			      .root = yyjson_mut_doc_get_root(doc),
			      .arena = &arena,
			      .now_ns = 1 };
	object_default(&edit);
	if (object_prepare_create(&edit, &birth, &err) < 0)
		return 0;
	object_default(&edit);
	field_errors_init(&errors, &arena);
	object_validate_create(&edit, &errors);
	blob = object_encode(edit.root, 1);
	print_row(edit.kind, blob);
	if (!errors.count)
		check_again(edit.kind, blob, &edit);
	return 0;
}
