/* SPDX-License-Identifier: Apache-2.0 */
/* A CustomResourceDefinition in the first line, an object of its first version behind it: whatever
 * definition is accepted must do with whatever object comes, made or applied, by two owners. */
#include <stdlib.h>
#include "api/apply.h"
#include "api/custom.h"
#include "api/object.h"
#include "api/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

#define INPUT_BYTES_MAX 16384

/* NULL: it is refused. */
static yyjson_mut_doc *accept(const struct kind *kind, struct str text, struct arena *arena)
{
	struct field_errors errors;
	struct notices notices;
	struct decode_options options = { .kind = kind, .check = FIELDS_WARN, .notices = &notices };
	struct object_birth birth = { .namespace_ = STR_INIT("x"), .uid = STR_INIT("u") };
	struct edit e = { .kind = kind, .arena = arena };

	notices_init(&notices, arena);
	field_errors_init(&errors, arena);
	e.doc = object_decode(text, &options, NULL);
	if (!e.doc)
		return NULL;
	e.root = yyjson_mut_doc_get_root(e.doc);
	object_default(&e);
	if (object_prepare_create(&e, &birth, NULL) == 0)
		object_validate_create(&e, &errors);
	else
		errors.count = 1;
	if (!errors.count)
		return e.doc;
	json_mut_free(e.doc);
	return NULL;
}

static void show(const struct kind *kind, yyjson_mut_doc *doc)
{
	struct blob *blob = object_encode(yyjson_mut_doc_get_root(doc), 1);
	struct table_options options = { .kind = kind };
	struct table table;
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 20);
	table_start(&table, &options, &text);
	table_row(&table, obj_get(blob));
	table_end(&table);
	blob_unref(blob);
}

/* Over nothing, then once more by somebody else over what came of it. */
static void apply_twice(const struct kind *kind, struct str text, struct arena *arena)
{
	AUTO_JSON config = json_parse(text, INPUT_BYTES_MAX, NULL);
	AUTO_JSON live = NULL;
	struct apply a = { .arena = arena,
			   .schema = kind->schema,
			   .config = yyjson_doc_get_root(config),
			   .writer = { .name = STR("a"), .time = STR("2026-01-01T00:00:00Z") } };

	if (!yyjson_is_obj(a.config))
		return;
	for (int i = 0; i < 2; i++) {
		AUTO_JSON_MUT result = apply_config(&a, NULL);

		if (!result || !yyjson_mut_is_obj(yyjson_mut_doc_get_root(result)))
			return;
		json_free(live);
		live = json_freeze(yyjson_mut_doc_get_root(result));
		a = (struct apply){ .arena = arena,
				    .schema = kind->schema,
				    .live = yyjson_doc_get_root(live),
				    .config = yyjson_doc_get_root(config),
				    .writer = { .name = STR("b"), .time = a.writer.time } };
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes), first, second;
	struct custom_resource *custom;
	AUTO_JSON_MUT definition = NULL;
	AUTO_JSON_MUT object = NULL;
	struct blob *blob;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	(void)str_cut(text, '\n', &first, &second);
	if (size_bytes > INPUT_BYTES_MAX)
		return 0;
	definition = accept(&kind_customresourcedefinition, first, &arena);
	if (!definition)
		return 0;
	blob = object_encode(yyjson_mut_doc_get_root(definition), 1);
	custom = custom_resource_new(obj_get(blob), NULL);
	if (!custom)
		abort(); /* validation makes sure that one version is stored */
	object = accept(&custom->versions[0].kind, second, &arena);
	if (object)
		show(&custom->versions[0].kind, object);
	apply_twice(&custom->versions[0].kind, second, &arena);
	custom_resource_unref(custom);
	blob_unref(blob);
	return 0;
}
