/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applying without a server: order of merged lists, what goes and what stays, canonical text of
 * sets. Breaks when lists come out in another order than upstream's, when a prune takes what
 * another one owns, or when two texts of one set differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/apply.h"
#include "api/kind.h"
#include "api/limits.h"

#define ITEM(name) "{\"name\":\"" name "\"}"
#define LIST(items) "{\"spec\":{\"containers\":[" items "]}}"
#define OWNED(by, operation, fields)                         \
	"{\"manager\":\"" by "\",\"operation\":\"" operation \
	"\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" fields "}"
#define META(owned, rest) "{\"metadata\":{\"managedFields\":[" owned "]" rest "}"
#define FINALIZERS(items) "{\"metadata\":{\"finalizers\":[" items "]}}"

static const struct {
	const char *name, *live, *config, *want; /* '!' = the error */
} cases[] = {
	{ "appends what is new", LIST(ITEM("a") "," ITEM("b")), LIST(ITEM("c")),
	  LIST(ITEM("a") "," ITEM("b") "," ITEM("c")) },
	{ "puts shared items into the order applied", LIST(ITEM("a") "," ITEM("b") "," ITEM("c")),
	  LIST(ITEM("c") "," ITEM("a")), LIST(ITEM("b") "," ITEM("c") "," ITEM("a")) },
	{ "keeps a foreign item behind its neighbour", LIST(ITEM("a") "," ITEM("x") "," ITEM("b")),
	  LIST(ITEM("a") "," ITEM("b")), LIST(ITEM("a") "," ITEM("x") "," ITEM("b")) },
	{ "puts new items where they are applied", LIST(ITEM("a") "," ITEM("b")),
	  LIST(ITEM("a") "," ITEM("n") "," ITEM("b")),
	  LIST(ITEM("a") "," ITEM("n") "," ITEM("b")) },
	{ "merges sets", FINALIZERS("\"a\",\"b\""), FINALIZERS("\"c\",\"a\""),
	  FINALIZERS("\"c\",\"a\",\"b\"") },
	{ "replaces atomic lists", "{\"spec\":{\"tolerations\":[{\"key\":\"a\"}]}}",
	  "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}]}}",
	  "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}]}}" },
	{ "tells ports apart by number and protocol, which has a default",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80,"
	  "\"protocol\":\"TCP\"}]}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80,\"name\":"
	  "\"x\"}]}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80,"
	  "\"protocol\":"
	  "\"TCP\",\"name\":\"x\"}]}]}}" },
	{ "takes out what only the applier had",
	  META(OWNED("me", "Apply", "{\"f:metadata\":{\"f:labels\":{\"f:a\":{},\"f:b\":{}}}}"),
	       ",\"labels\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\"}}"),
	  "{\"metadata\":{\"labels\":{\"b\":\"1\"}}}",
	  "{\"metadata\":{\"labels\":{\"b\":\"1\",\"c\":\"1\"}}}" },
	{ "leaves what an updater owns too",
	  META(OWNED("me", "Apply", "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}}}") "," OWNED(
		       "u", "Update", "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}}}"),
	       ",\"labels\":{\"a\":\"1\"}}"),
	  "{\"metadata\":{}}", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}" },
	{ "takes an item away with all that nobody owns in it",
	  "{\"metadata\":{\"managedFields\":[" OWNED(
		  "me", "Apply",
		  "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:"
		  "name\":{}}}}}") "," OWNED("u", "Update",
					     "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":"
					     "\\\"a\\\"}\":{\".\":{},\"f:name\":{}}}}}") "]},"
											 "\"spec\":"
											 "{\"contai"
											 "ners\":[{"
											 "\"name\":"
											 "\"a\"},{"
											 "\"name\":"
											 "\"b\","
											 "\"imagePu"
											 "llPolicy"
											 "\":"
											 "\"Always"
											 "\"}]}}",
	  "{\"metadata\":{}}", "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"a\"}]}}" },
	{ "does not know a field", "{}", "{\"spec\":{\"foo\":1}}",
	  "!.spec.foo: field not declared in schema" },
	{ "wants a list", "{}", "{\"spec\":{\"containers\":{}}}",
	  "!.spec.containers: expected list, got &value.valueUnstructured{Value:{}}" },
	{ "refuses a damaged entry", META(OWNED("me", "Other", "{}"), "}"), "{}",
	  "!failed to decode managed fields: invalid operation in managed fields entry 0: "
	  "\"Other\"" },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_JSON live = json_parse(str_from(cases[i].live), SIZE_MAX, NULL);
		AUTO_JSON config = json_parse(str_from(cases[i].config), SIZE_MAX, NULL);
		struct err err = { 0 };
		struct apply a = { .arena = &arena,
				   .schema = kind_pod.schema,
				   .live = yyjson_doc_get_root(live),
				   .config = yyjson_doc_get_root(config),
				   .force = true,
				   .writer = { .name = STR("me"), .api_version = STR("v1") } };
		AUTO_JSON_MUT result = NULL;
		AUTO_BUF text = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&text, 1 << 20);
		result = apply_config(&a, &err);
		if (result)
			json_mut_write(yyjson_mut_doc_get_root(result), &text);
		else
			buf_printf(&text, "!%s", err.msg);
		if (!str_eq_c(buf_str(&text), cases[i].want))
			print_message("%s: %s\n", cases[i].name, text.ptr);
		assert_true(str_eq_c(buf_str(&text), cases[i].want));
	}
}

static const struct {
	const char *fields, *want; /* NULL = refused */
} sets[] = {
	{ "{\"f:b\":{},\"f:a\":{\"f:x\":{},\".\":{}}}",
	  "{\"f:a\":{\".\":{},\"f:x\":{}},\"f:b\":{}}" },
	{ "{\"k:{\\\"p\\\":443}\":{},\"k:{\\\"p\\\":80}\":{}}",
	  "{\"k:{\\\"p\\\":80}\":{},\"k:{\\\"p\\\":443}\":{}}" },
	{ "{\"k:{\\\"b\\\": 1, \\\"a\\\":\\\"x\\\"}\":{}}",
	  "{\"k:{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}\":{}}" },
	{ "{\"v:\\\"ab\\\"\":{},\"v:\\\"a\\\"\":{},\"f:z\":{}}",
	  "{\"f:z\":{},\"v:\\\"a\\\"\":{},\"v:\\\"ab\\\"\":{}}" },
	{ "{\"k:{\\\"n\\\":\\\"a\\\"}\":{\"f:x\":{}},\"k:{\\\"n\\\": \\\"a\\\"}\":{\"f:y\":{}}}",
	  "{\"k:{\\\"n\\\":\\\"a\\\"}\":{\"f:x\":{},\"f:y\":{}}}" },
	{ "{\"x:y\":{}}", NULL },
	{ "{\"k:{\":{}}", NULL },
	{ "{\"i:x\":{}}", NULL },
	{ "{\"f\":{}}", NULL },
	{ "[]", NULL },
};

static void test_sets(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_JSON fields = json_parse(str_from(sets[i].fields), SIZE_MAX, NULL);
		AUTO_BUF text = { 0 };
		struct field_set *set = NULL;
		struct err err = { 0 };
		int failed;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&text, 1 << 20);
		failed = field_set_read(&arena, yyjson_doc_get_root(fields), &set, &err);
		assert_int_equal(failed < 0, sets[i].want == NULL);
		if (failed < 0) {
			assert_int_equal(err.code, ERR_INVALID);
			continue;
		}
		field_set_write(set, &text);
		assert_string_equal(text.ptr, sets[i].want);
	}
}

/* One updater more than are kept: the two oldest become one. */
static void test_cap(void **state)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct field_owners owners;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, 1 << 20);
	field_owners_init(&owners, &arena);
	for (int i = 0; i <= FIELD_OWNERS_UPDATING_MAX; i++) {
		struct str object = str_printf_in(&arena, "{\"data\":{\"k%02d\":\"v\"}}", i);
		AUTO_JSON now = json_parse(object, object.len, NULL);
		struct field_writer writer = { .name = str_printf_in(&arena, "m%02d", i),
					       .api_version = STR("v1"),
					       .time = str_printf_in(&arena,
								     "2026-01-01T00:00:%02dZ", i) };

		assert_int_equal(field_owners_update(&owners, kind_configmap.schema, NULL,
						     yyjson_doc_get_root(now), &writer, NULL),
				 0);
		assert_int_equal(owners.count,
				 i < FIELD_OWNERS_UPDATING_MAX ? i + 1 : FIELD_OWNERS_UPDATING_MAX);
	}
	field_owners_write(&owners, &text);
	assert_non_null(strstr(text.ptr, "\"manager\":\"ancient-changes\",\"operation\":\"Update\","
					 "\"apiVersion\":\"v1\",\"time\":\"2026-01-01T00:00:01Z\","
					 "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:data\":{"
					 "\"f:k00\":{},\"f:k01\":{}}}}"));
	assert_null(strstr(text.ptr, "\"m00\""));
}

/* Two config maps of count members each, their keys beginning as told. */
static void many_init(struct apply *a, struct arena *arena, yyjson_doc *docs[2], int count,
		      const char *config_prefix)
{
	const char *const prefixes[] = { "k", config_prefix };

	arena_init(arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
		AUTO_BUF text = { 0 };

		buf_init(&text, 1 << 20);
		for (int k = 0; k < count; k++)
			buf_printf(&text, "%s\"%s%d\":\"%zu\"", k ? "," : "{\"data\":{",
				   prefixes[i], k, i);
		buf_put_c(&text, "}}");
		docs[i] = json_parse(buf_str(&text), SIZE_MAX, NULL);
		assert_non_null(docs[i]);
	}
	*a = (struct apply){ .arena = arena,
			     .schema = kind_configmap.schema,
			     .writer = { .name = STR("me"), .api_version = STR("v1") },
			     .live = yyjson_doc_get_root(docs[0]),
			     .config = yyjson_doc_get_root(docs[1]) };
}

/* Many conflicts are counted, but not all are named. */
static void test_many_conflicts(void **state)
{
	AUTO_ARENA arena = { 0 };
	yyjson_doc *docs[2];
	struct err err = { 0 };
	struct apply a;

	many_init(&a, &arena, docs, APPLY_CONFLICTS_MAX + 1, "k");
	assert_null(apply_config(&a, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_equal(a.conflict_count, APPLY_CONFLICTS_MAX);
	assert_true(str_has_prefix(a.conflicts[0].who, STR("\"before-first-apply\" using v1")));
	json_free(docs[0]);
	json_free(docs[1]);
}

/* As many members that are there as members that are new: the server once ended over nine of them.
 */
static void test_many_members(void **state)
{
	AUTO_ARENA arena = { 0 };
	AUTO_JSON_MUT result = NULL;
	yyjson_doc *docs[2];
	struct err err = { 0 };
	struct apply a;

	many_init(&a, &arena, docs, 201, "l");
	result = apply_config(&a, &err);
	assert_non_null(result);
	assert_int_equal(json_mut_get_count(yyjson_mut_doc_get_root(result), "data"), 402);
	json_free(docs[0]);
	json_free(docs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	     cmocka_unit_test(test_sets),
		cmocka_unit_test(test_cap),	     cmocka_unit_test(test_many_conflicts),
		cmocka_unit_test(test_many_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
