/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in for libyyjson in static programs. That it reads what libyyjson reads is shown by
 * fuzz/codec_json_small; here are its messages and its writing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include <cmocka.h>

static const struct {
	const char *text, *wrong;
	size_t at;
} refused[] = {
	{ "", "input data is empty", 0 },
	{ "{} x", "unexpected content after document", 3 },
	{ "[1,]", "unexpected character", 3 },
	{ "{\"a\"}", "unexpected character", 4 },
	{ "{\"a\":", "unexpected end of data", 5 },
	{ "[01]", "number with leading zero is not allowed", 1 },
	{ "[tru]", "invalid literal", 1 },
	{ "[\"a", "unclosed string", 3 },
	{ "[\"\xff\"]", "invalid UTF-8 encoding in string", 2 },
	{ "[\"\\ud800\"]", "no low surrogate in string", 8 },
	{ "[1e999]", "number is infinity when parsed as double", 1 },
};

/* A message that leads nowhere near the mistake would send its reader through 4 MB of config.json.
 */
static void says_where_it_is_wrong(void **unused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		yyjson_read_err err = { 0 };
		yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)refused[i].text,
						   strlen(refused[i].text), 0, NULL, &err);

		assert_null(doc);
		assert_string_equal(err.msg, refused[i].wrong);
		assert_int_equal(err.pos, refused[i].at);
	}
}

static yyjson_mut_doc *sample(void)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *list;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "text", "a\"\\\n\x01\xc3\xa9");
	yyjson_mut_obj_add_int(doc, root, "less", INT64_MIN);
	yyjson_mut_obj_add_uint(doc, root, "more", UINT64_MAX);
	list = yyjson_mut_obj_add_arr(doc, root, "list");
	yyjson_mut_arr_add_real(doc, list, 0.1);
	yyjson_mut_arr_add_real(doc, list, 3);
	yyjson_mut_arr_add_bool(doc, list, true);
	yyjson_mut_arr_add_null(doc, list);
	yyjson_mut_obj_add_obj(doc, root, "none");
	return doc;
}

/* Engines compare the state of containers as text. */
static void writes_compact_and_pretty(void **unused)
{
	yyjson_mut_doc *doc = sample();
	size_t len;
	char *text = yyjson_mut_write(doc, 0, &len);

	assert_string_equal(
		text, "{\"text\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",\"less\":-9223372036854775808,"
		      "\"more\":18446744073709551615,\"list\":[0.1,3.0,true,null],\"none\":{}}");
	assert_int_equal(len, strlen(text));
	free(text);
	text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END,
				NULL);
	assert_string_equal(
		text,
		"{\n  \"text\": \"a\\\"\\\\\\n\\u0001\xc3\xa9\",\n  \"less\": "
		"-9223372036854775808,\n"
		"  \"more\": 18446744073709551615,\n  \"list\": [\n    0.1,\n    3.0,\n    true,\n"
		"    null\n  ],\n  \"none\": {}\n}\n");
	free(text);
	yyjson_mut_doc_free(doc);
	yyjson_mut_doc_free(NULL);
}

/* Documents grow chunk by chunk; none of their values may move or be lost on the way. */
static void grows_beyond_a_chunk(void **unused)
{
	static const char digits[] = "0123456789";
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_arr(doc);
	char *large = malloc(100000), *text;
	yyjson_doc *read;
	size_t len;

	memset(large, 'x', 99999);
	large[99999] = '\0';
	yyjson_mut_doc_set_root(doc, root);
	for (int i = 0; i < 5000; i++)
		yyjson_mut_arr_add_strcpy(doc, root, digits + i % 10);
	yyjson_mut_arr_add_strcpy(doc, root, large);
	text = yyjson_mut_write(doc, 0, &len);
	yyjson_mut_doc_free(doc);
	read = yyjson_read(text, len, 0);
	assert_non_null(read);
	assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(read)), 5001);
	for (size_t i = 0; i < 5000; i += 999)
		assert_string_equal(yyjson_get_str(yyjson_arr_get(yyjson_doc_get_root(read), i)),
				    digits + i % 10);
	assert_string_equal(yyjson_get_str(yyjson_arr_get_last(yyjson_doc_get_root(read))), large);
	yyjson_doc_free(read);
	free(text);
	free(large);
}

/* Members may be removed and added in a copied tree: it is linked as one that was built. */
static void copies_can_be_changed(void **unused)
{
	static const char from[] = "{\"a\":[1,{\"x\":2},3],\"b\":{},\"c\":\"d\"}";
	yyjson_doc *read = yyjson_read(from, strlen(from), 0);
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_val_mut_copy(doc, yyjson_doc_get_root(read));
	char *text;

	yyjson_doc_free(read);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_remove_key(root, "b");
	yyjson_mut_arr_remove(yyjson_mut_obj_get(root, "a"), 0);
	yyjson_mut_arr_add_int(doc, yyjson_mut_obj_get(root, "a"), 4);
	yyjson_mut_obj_add_bool(doc, root, "e", false);
	text = yyjson_mut_write(doc, 0, NULL);
	assert_string_equal(text, "{\"a\":[{\"x\":2},3,4],\"c\":\"d\",\"e\":false}");
	free(text);
	yyjson_mut_doc_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_it_is_wrong),
		cmocka_unit_test(writes_compact_and_pretty),
		cmocka_unit_test(grows_beyond_a_chunk),
		cmocka_unit_test(copies_can_be_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
