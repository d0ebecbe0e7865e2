/* SPDX-License-Identifier: Apache-2.0 */
/* YAML in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/limits.h"
#include "codec/yaml.h"

static void test_read(void **state)
{
	/* Would break: manifests mean something else here than to kubectl. */
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}" },
		{ "a: yes\nb: \"yes\"\nc: off\nd: ~\ne:\n",
		  "{\"a\":true,\"b\":\"yes\",\"c\":false,\"d\":null,\"e\":null}" },
		{ "a: 0755\nb: 0x1F\nc: 1_000\nd: -5\ne: 1e3\nf: .5\n",
		  "{\"a\":493,\"b\":31,\"c\":1000,\"d\":-5,\"e\":1000.0,\"f\":0.5}" },
		{ "t: 2024-01-02T03:04:05Z\nd: 2024-01-02\nv: 1.2.3\n",
		  "{\"t\":\"2024-01-02T03:04:05Z\",\"d\":\"2024-01-02\",\"v\":\"1.2.3\"}" },
		{ "1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}" },
		{ "a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3\n",
		  "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":1,\"q\":2},\"c\":{\"q\":3,\"p\":1}}" },
		{ "a: |\n  one\n  two\nb: >-\n  three\n  four\n",
		  "{\"a\":\"one\\ntwo\\n\",\"b\":\"three four\"}" },
		{ "a: !!str 5\nb: !!binary aGVsbG8=\n", "{\"a\":\"5\",\"b\":\"hello\"}" },
		{ "u: 18446744073709551615\nm: -9223372036854775808\n",
		  "{\"u\":18446744073709551615,\"m\":-9223372036854775808}" },
		{ "---\n# only a comment\n---\nx: 1\n", "{\"x\":1}" },
		{ "{\"json\": [true, null, 1.5]}", "{\"json\":[true,null,1.5]}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };
		AUTO_JSON_MUT doc = yaml_parse(str_from(cases[i].yaml), 10000, &err);
		AUTO_BUF text = { 0 };

		buf_init(&text, 10000);
		if (!doc)
			fail_msg("%s: %s", cases[i].yaml, err.msg);
		json_mut_write(yyjson_mut_doc_get_root(doc), &text);
		assert_string_equal(text.ptr, cases[i].json);
	}
}

static void test_refuse(void **state)
{
	/* Would break: a broken or hostile manifest is accepted, or the error lacks the line. */
	static const struct {
		const char *yaml, *part;
	} cases[] = {
		{ "a: 1\na: 2\n", "line 2: key \"a\" already set in map" },
		{ "\nm:\n  b: 1\n  a: 1\n  a:\n    x: 2\n",
		  "line 6: key \"a\" already set in map" },
		{ "a: b: c\n", "line 1" },
		{ "a:\n\t- x\n", "line 2" },
		{ "a: *nope\n", "unknown anchor" },
		{ "a: .inf\n", "infinity" },
		{ "? [x]\n: y\n", "map keys must be" },
		{ "a: 1\n---\nb: 2\n", "more than one document" },
		{ "a: [1, 2\n", "line" },
		{ "<<: 5\n", "map merge requires" },
		{ "a: &x [*x]\n", "unknown anchor" },
		{ "", "no document" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(yaml_parse(str_from(cases[i].yaml), 10000, &err));
		assert_int_equal(err.code, ERR_PARSE);
		if (!strstr(err.msg, cases[i].part))
			fail_msg("%s: %s", cases[i].yaml, err.msg);
	}
}

static void put_nested(struct buf *to, const char *name, const char *inside)
{
	buf_put_c(to, name);
	for (int i = 0; i < JSON_DEPTH_MAX - 10; i++)
		buf_put_char(to, '[');
	buf_put_c(to, inside);
	for (int i = 0; i < JSON_DEPTH_MAX - 10; i++)
		buf_put_char(to, ']');
	buf_put_char(to, '\n');
}

static void test_expansion(void **state)
{
	/* Would break: a few lines of aliases of aliases eat all memory, or overflow the stack. */
	AUTO_BUF text = { 0 };
	struct err err = { 0 };

	buf_init(&text, 1 << 20);
	buf_put_c(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			buf_printf(&text, "%s*a%d", j ? "," : "", i - 1);
		buf_put_c(&text, "]\n");
	}
	assert_null(yaml_parse(buf_str(&text), 1 << 20, &err));
	assert_non_null(strstr(err.msg, "excessive aliasing"));
	buf_reset(&text);
	/* each of them is fine, but not one in the other */
	put_nested(&text, "a0: &a0 ", "x");
	put_nested(&text, "a1: ", "*a0");
	assert_null(yaml_parse(buf_str(&text), 1 << 20, &err));
	assert_non_null(strstr(err.msg, "max depth"));
}

static void test_documents(void **state)
{
	/* Would break: kubectl apply -f of several documents loses some. */
	AUTO_YAML reader = yaml_open(STR("a: 1\n---\n---\nb: 2\n---\n- c\n"), 100, NULL);
	int64_t seen = 0;
	yyjson_mut_doc *doc;

	while (yaml_next(reader, &doc, NULL) > 0) {
		seen++;
		json_mut_free(doc);
	}
	assert_int_equal(seen, 3);
}

static void test_write(void **state)
{
	/* Would break: -o yaml prints text that reads back as another type. */
	AUTO_JSON doc = json_parse(STR("{\"b\":{\"z\":\"true\",\"x\":\"plain\"},\"a\":[1,\"2\",{"
				       "\"k\":[]},null,{}],\"c\":\"l1\\nl2\\n\","
				       "\"d\":\"\",\"e\":\"a: b\",\"f\":1.5}"),
				   1000, NULL);
	AUTO_JSON_MUT back = NULL;
	AUTO_BUF text = { 0 };

	buf_init(&text, 10000);
	yaml_write(yyjson_doc_get_root(doc), &text);
	assert_string_equal(text.ptr, "a:\n- 1\n- \"2\"\n- k: []\n- null\n- {}\nb:\n  x: plain\n  "
				      "z: \"true\"\nc: |\n  l1\n  l2\nd: \"\"\n"
				      "e: 'a: b'\nf: 1.5\n");
	back = yaml_parse(buf_str(&text), 10000, NULL);
	assert_true(json_mixed_equal(yyjson_mut_doc_get_root(back), yyjson_doc_get_root(doc)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),	  cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_expansion), cmocka_unit_test(test_documents),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
