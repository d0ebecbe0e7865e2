/* SPDX-License-Identifier: Apache-2.0 */
/* Trees: limits, duplicates, getters, building, equality in every combination. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>

#include "base/mem.h"
#include "codec/json.h"
#include "codec/json_index.h"
#include "codec/json_syntax.h"

#define MENDED "\xef\xbf\xbd"

static void test_parse_refuses(void **state)
{
	/* Would break: a hostile body is taken for JSON, or its error does not say where it is. */
	static const struct {
		const char *text;
		enum err_code code;
		const char *part;
	} cases[] = {
		{ "", ERR_PARSE, "unexpected end" },
		{ "{\"a\":1,\n \"b\":}", ERR_PARSE, "line 2" },
		{ "{} x", ERR_PARSE, "line 1" },
		{ "{\"a\":\"\xff\"}", ERR_PARSE, "invalid JSON" },
		{ "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", ERR_TOO_LARGE, "limit of 40" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(json_parse(str_from(cases[i].text), 40, &err));
		assert_int_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.msg, cases[i].part));
	}
}

/* Would break: clients that match on the words of other servers. */
static void test_syntax(void **state)
{
	static const struct {
		const char *text, *problem; /* NULL: none */
	} rows[] = {
		{ " {\"a\" : [1, -2.5e+3, true, null, \"\\u00e9\"] }\n", NULL },
		{ "[]", NULL },
		{ "0", NULL },
		{ "", "unexpected end of JSON input" },
		{ "{", "unexpected end of JSON input" },
		{ "[1,", "unexpected end of JSON input" },
		{ "\"a", "unexpected end of JSON input" },
		{ "tru", "unexpected end of JSON input" },
		{ "{} x", "invalid character 'x' after top-level value" },
		{ "i", "invalid character 'i' looking for beginning of value" },
		{ "[1,]", "invalid character ']' looking for beginning of value" },
		{ "{1", "invalid character '1' looking for beginning of object key string" },
		{ "{\"a\":1,}",
		  "invalid character '}' looking for beginning of object key string" },
		{ "{\"a\" 1", "invalid character '1' after object key" },
		{ "{\"a\":1 2", "invalid character '2' after object key:value pair" },
		{ "[1 2", "invalid character '2' after array element" },
		{ "\"\n\"", "invalid character '\\n' in string literal" },
		{ "\"\\x\"", "invalid character 'x' in string escape code" },
		{ "\"\\u00g", "invalid character 'g' in \\u hexadecimal character escape" },
		{ "trux", "invalid character 'x' in literal true (expecting 'e')" },
		{ "-x", "invalid character 'x' in numeric literal" },
		{ "01", "invalid character '1' after top-level value" },
		{ "1.x", "invalid character 'x' after decimal point in numeric literal" },
		{ "1ex", "invalid character 'x' in exponent of numeric literal" },
		{ "'", "invalid character '\\'' looking for beginning of value" },
		{ "\xff", "invalid character '\xc3\xbf' looking for beginning of value" },
		{ "\x01", "invalid character '\\x01' looking for beginning of value" },
	};

	(void)state; /* nothing is shared */
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		AUTO_BUF problem = { 0 };

		buf_init(&problem, 256);
		assert_int_equal(json_syntax_problem(str_from(rows[i].text), &problem),
				 rows[i].problem != NULL);
		if (rows[i].problem)
			assert_string_equal(problem.ptr, rows[i].problem);
	}
}

static void test_depth(void **state)
{
	/* Would break: nesting at the limit is refused, or one level more overflows a recursive
	 * walker later. */
	char text[2 * JSON_DEPTH_MAX + 3];
	struct err err = { 0 };
	yyjson_doc *doc;

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	doc = json_parse(str_sub(text, 2 * JSON_DEPTH_MAX), sizeof(text), &err);
	assert_non_null(doc);
	json_free(doc);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse(str_sub(text, 2 * JSON_DEPTH_MAX + 2), sizeof(text), &err));
	assert_non_null(strstr(err.msg, "max depth"));
}

static void test_trim(void **state)
{
	/* Would break: a kept object's tree reads outside its memory, or takes as much as before.
	 */
	static const char *const texts[] = {
		("{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"y\"}},\"list\":[1,[2.5,null],"
		 "\"\\u00e9\"]}"),
		"7",
		"\"text\"",
		"[]",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		AUTO_JSON want = json_parse(str_from(texts[i]), 1000, NULL);
		AUTO_JSON got = json_parse(str_from(texts[i]), 1000, NULL);

		got = json_trim(got);
		assert_true(yyjson_equals(yyjson_doc_get_root(want), yyjson_doc_get_root(got)));
		assert_true(malloc_usable_size(got) <=
			    sizeof(yyjson_doc) + (got->val_read + 2) * sizeof(yyjson_val));
	}
}

static void test_trim_onto(void **state)
{
	/* Would break: a kept object's tree holds its text a second time, or shows escapes as they
	 * were written. */
	static const char *const texts[] = {
		"{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"\"}},\"list\":[1,[2.5,null],"
		"\"\u00e9\"]}",
		"{\"a\\n\":\"\\\"\",\"b\":\"\\\\\",\"c\":\"x\\\\\\\"y\",\"d\":\"\\u00e9\","
		"\"plain\":\"z\"}",
		" 7",
		"\"text\"",
		"\"\\t\"",
		"[]",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		AUTO_FREE char *text = mem_strdup(texts[i]);
		AUTO_JSON want = json_parse(str_from(text), 1000, NULL);
		AUTO_JSON got = json_trim_onto(json_parse(str_from(text), 1000, NULL),
					       str_from(text));

		assert_true(yyjson_equals(yyjson_doc_get_root(want), yyjson_doc_get_root(got)));
		assert_true((got->str_pool != NULL) == (strchr(text, '\\') != NULL));
		assert_true(malloc_usable_size(got->str_pool) < strlen(text) + 16);
	}
}

static void test_duplicates(void **state)
{
	/* Would break: kubectl's strict mode does not name the field that was given twice. */
	struct err err = { 0 };
	yyjson_doc *doc;

	assert_null(json_parse_unique(
		STR("{\"a\":{\"x\":1,\"x\":2},\"l\":[{\"y\":1},{\"y\":1,\"y\":2}]}"), 1000, &err));
	assert_string_equal(err.msg, "duplicate field \"a.x\", duplicate field \"l[1].y\"");
	doc = json_parse_unique(STR("{\"a\":{\"x\":1},\"x\":2}"), 1000, &err);
	assert_non_null(doc);
	json_free(doc);
}

static void test_get(void **state)
{
	/* Would break: everybody who reads a field by path. */
	AUTO_JSON doc = json_parse(
		STR("{\"a\":{\"b\":[{\"n\":\"x\"},{\"n\":7}],\"t\":true,\"f\":3.0,\"g\":3.5}}"),
		1000, NULL);
	yyjson_val *root = yyjson_doc_get_root(doc);
	size_t count = 0;

	assert_true(str_eq_c(json_get_str(root, "a.b.0.n"), "x"));
	assert_int_equal(json_get_int(root, "a.b.1.n", -1), 7);
	assert_int_equal(json_get_int(root, "a.b.2.n", -1), -1);
	assert_int_equal(json_get_int(root, "a.f", -1), 3);
	assert_int_equal(json_get_int(root, "a.g", -1), -1);
	assert_true(json_get_bool(root, "a.t", false));
	assert_null(json_get(root, "a.b.x"));
	assert_null(json_get(root, "a.t.x"));
	assert_int_equal(json_get_count(root, "a.b"), 2);
	JSON_EACH (item, json_get(root, "a.b"))
		count += yyjson_is_obj(item);
	assert_int_equal(count, 2);
	JSON_EACH (item, json_get(root, "a.t"))
		fail();
	JSON_MEMBERS (key, value, NULL)
		fail();
}

static void test_build(void **state)
{
	/* Would break: setting a member twice gives it twice, or loses its neighbours. */
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF text = { 0 };

	json_set_int(doc, root, "a", 1);
	json_set_int(doc, root, "a", 2);
	json_set_str(doc, root, "b", STR("x"));
	json_set_int(doc, root, "c", 3);
	json_set_int(doc, root, "b", 4);
	json_set_int(doc, root, "c", 5);
	json_set_path_int(doc, root, "m.n.o", -6);
	json_set_path_int(doc, root, "m.n.p", 7);
	json_append_str(doc, json_ensure_array(doc, root, "l"), STR("\"\n\001"));
	assert_true(json_remove_path(root, "m.n.p") != NULL);
	assert_null(json_remove_path(root, "m.q.p"));
	buf_init(&text, 1000);
	json_mut_write(root, &text);
	assert_string_equal(
		text.ptr,
		"{\"a\":2,\"b\":4,\"c\":5,\"m\":{\"n\":{\"o\":-6}},\"l\":[\"\\\"\\n\\u0001\"]}");
	buf_reset(&text);
	json_write_quoted(STR("\"\n\001z"), &text);
	assert_string_equal(text.ptr, "\"\\\"\\n\\u0001z\"");
	/* Would break: what came from an address or a header makes an answer no client can read. */
	buf_reset(&text);
	json_write_quoted(STR("a\xff\"\xed\xa0\x80\xe2\x82"), &text);
	assert_string_equal(text.ptr, "\"a" MENDED "\\\"" MENDED MENDED MENDED MENDED MENDED "\"");
	buf_reset(&text);
	json_set_str(doc, root, "l", STR("\xc3\xa9\xe0\"\\"));
	json_mut_write(root, &text);
	assert_string_equal(text.ptr, "{\"a\":2,\"b\":4,\"c\":5,\"m\":{\"n\":{\"o\":-6}},\"l\":\""
				      "\xc3\xa9" MENDED "\\\"\\\\\"}");
}

static void test_sort_keys(void **state)
{
	AUTO_JSON doc = json_parse(
		STR("{\"b\":[{\"z\":1,\"$a\":{}}],\"a\":null,\"ab\":{\"y\":2,\"x\":[]}}"), 1000,
		NULL);
	AUTO_JSON_MUT sorted = json_thaw(yyjson_doc_get_root(doc));
	AUTO_BLOB text = NULL;

	json_sort_keys(yyjson_mut_doc_get_root(sorted));
	text = json_mut_to_blob(yyjson_mut_doc_get_root(sorted));
	assert_true(str_eq_c(blob_str(text),
			     "{\"a\":null,\"ab\":{\"x\":[],\"y\":2},\"b\":[{\"$a\":{},\"z\":1}]}"));
}

static void test_equal(void **state)
{
	/* Would break: an update that changes nothing is written, or one that changes something is
	 * not. */
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}", true },
		{ "{\"a\":1}", "{\"a\":1.0}", true },
		{ "[1,2]", "[2,1]", false },
		{ "[]", "{}", false },
		{ "[]", "[]", true },
		{ "{\"a\":1}", "{\"b\":1}", false },
		{ "{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"b\":2,\"a\":4}", false },
		{ "-1", "18446744073709551615", false },
		{ "{\"a\":null}", "{}", false },
		{ "[[[\"x\"]],{\"y\":{}}]", "[[[\"x\"]],{\"y\":{}}]", true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_JSON a = json_parse(str_from(cases[i].a), 1000, NULL);
		AUTO_JSON b = json_parse(str_from(cases[i].b), 1000, NULL);
		AUTO_JSON_MUT ma = json_thaw(yyjson_doc_get_root(a));
		AUTO_JSON_MUT mb = json_thaw(yyjson_doc_get_root(b));

		assert_int_equal(json_equal(yyjson_doc_get_root(a), yyjson_doc_get_root(b)),
				 cases[i].equal);
		assert_int_equal(
			json_mut_equal(yyjson_mut_doc_get_root(ma), yyjson_mut_doc_get_root(mb)),
			cases[i].equal);
		assert_int_equal(
			json_mixed_equal(yyjson_mut_doc_get_root(ma), yyjson_doc_get_root(b)),
			cases[i].equal);
		assert_int_equal(
			json_mixed_equal(yyjson_mut_doc_get_root(mb), yyjson_doc_get_root(a)),
			cases[i].equal);
	}
	assert_true(json_equal(NULL, NULL));
	assert_false(json_mut_equal(NULL, yyjson_mut_doc_get_root(NULL)) == false);
}

static void test_large_objects(void **state)
{
	/* Would break: comparing large objects in different order takes quadratic time (this test
	 * would not end). */
	AUTO_JSON_MUT a = json_new_object();
	AUTO_JSON_MUT b = json_new_object();
	enum { COUNT = 100000 };

	for (int i = 0; i < COUNT; i++) {
		AUTO_FREE char *key = mem_printf("key-%d", i);
		AUTO_FREE char *reverse = mem_printf("key-%d", COUNT - 1 - i);

		yyjson_mut_obj_add(yyjson_mut_doc_get_root(a), json_new_str(a, str_from(key)),
				   yyjson_mut_int(a, i));
		yyjson_mut_obj_add(yyjson_mut_doc_get_root(b), json_new_str(b, str_from(reverse)),
				   yyjson_mut_int(b, COUNT - 1 - i));
	}
	assert_true(json_mut_equal(yyjson_mut_doc_get_root(a), yyjson_mut_doc_get_root(b)));
}

static void test_index_grows(void **state)
{
	/* Would break: a count that is too low ends the process. */
	AUTO_JSON_INDEX index = { .slots = NULL };
	char names[500][4];
	size_t values[500];

	json_index_init(&index, 0);
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		snprintf(names[i], sizeof(names[i]), "%zu", i);
		assert_null(json_index_add(&index, str_from(names[i]), &values[i]));
	}
	for (size_t i = 0; i < ARRAY_COUNT(values); i++)
		assert_ptr_equal(json_index_get(&index, str_from(names[i])), &values[i]);
	assert_null(json_index_get(&index, STR("x")));
	assert_ptr_equal(json_index_add(&index, STR("7"), &values[0]), &values[7]);
}

/* Would break: what was given is overwritten by what is only filled in, or what stands behind a
 * value that is replaced goes with it. */
static void test_fill_and_become(void **state)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *source = yyjson_mut_obj(doc), *list;
	AUTO_BUF text = { 0 };

	(void)state; /* no fixture */
	json_set_int(doc, root, "a", 1);
	json_set_int(doc, root, "b", 2);
	json_set_int(doc, source, "b", 9);
	json_set_int(doc, source, "c", 3);
	json_fill(doc, root, source);
	list = yyjson_mut_arr(doc);
	json_append_str(doc, list, STR("x"));
	json_become(json_mut_get(root, "a"), list);
	buf_init(&text, 100);
	json_mut_write(root, &text);
	assert_string_equal(text.ptr, "{\"a\":[\"x\"],\"b\":2,\"c\":3}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_sort_keys),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_large_objects),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_trim_onto),
		cmocka_unit_test(test_index_grows),
		cmocka_unit_test(test_fill_and_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
