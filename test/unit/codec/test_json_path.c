/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a printer column's path finds something else than client-go's JSONPath does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "codec/json_path.h"
#include "codec/limits.h"

static const char tree[] = "{\"s\":\"str\",\"l\":[3,\"b\",true,null],\"i\":5,\"n\":null,\"o\":["
			   "{\"a\":\"x\",\"b\":\"y\",\"n\":1,\"t\":true},"
			   "{\"a\":\"z\",\"n\":2,\"t\":false,\"b\":\"]\",\"m\":{\"k\":\"v\"}},"
			   "{\"a\":\"x)\",\"b\":\"q\",\"n\":1.5}],"
			   "\"m\":{\"a.b\":\"c\",\"a\":{\"b\":\"ab\"}},\"ll\":[[1,2],[3,4]],\"d\":{"
			   "\"deep\":{\"x\":7}}}";

static const struct {
	const char *path, *want; /* JSON; NULL: nothing; "!": no path */
} cases[] = {
	{ ".s", "\"str\"" },
	{ ".n", "null" },
	{ ".l[0]", "3" },
	{ ".l[-1]", "null" },
	{ ".l[4]", NULL },
	{ ".l[1:]", "\"b\"" },
	{ ".l[:1]", "3" },
	{ ".l[::2]", "3" },
	{ ".l[::0]", NULL },
	{ ".l[2:1]", NULL },
	{ ".l[0:0]", NULL },
	{ ".l[]", "3" },
	{ ".l[*]", "3" },
	{ ".o[0,1].a", "\"x\"" },
	{ ".o[1, 0].a", "\"z\"" },
	{ ".o[?(@.a==\"z\")].b", "\"]\"" },
	{ ".o[?(@.b==\"]\")].a", "\"z\"" },
	{ ".o[?(@.a==\"x)\")].b", "\"q\"" },
	{ ".o[?(@.n>=2)].a", NULL },	  /* the third is no whole number: not comparable */
	{ ".o[0:2][?(@.n>=2)].a", NULL }, /* items are no lists */
	{ ".o[?(@.m)].a", "\"z\"" },
	{ ".o[?(@.m.k!=\"w\")].a", "\"z\"" },
	{ ".o[?(@.t>false)].a", NULL },
	{ ".o[?(@.t==true)].a", "\"x\"" },
	{ ".o[?(@.a=~\"x\")].b", "!" },
	{ ".ll[1][0]", "3" },
	{ ".ll[?(@[0]==3)][1]", "4" },
	{ "..deep.x", "7" },
	{ ".d..x", "7" },
	{ ".m['a.b']", "\"ab\"" },
	{ ".m['a\\.b']", "\"c\"" },
	{ ".m.a\\.b", "\"c\"" },
	{ "$.s", "\"str\"" },
	{ ".s 5", "5" },
	{ ".s 1.5", "1.5" },
	{ ".s true", "true" },
	{ ".s 'it\\'s'", "\"it's\"" },
	{ ".s[0]", NULL },
	{ ".s.*", "115" },
	{ ".s foo", NULL },
	{ ".none.x", NULL },
	{ ".n.x", NULL },
	{ ".s..", "\"str\"" },
	{ ".s....a", "!" },
	{ ".l[", "!" },
	{ ".l[a]", "!" },
	{ ".l[\"a\"]", "!" },
	{ ".l[1-2]", "!" },
	{ ".l[1:2:3:4]", "!" },
	{ ".s 1.2.3", "!" },
	{ ".o[?(@.a==1]", "!" },
	{ ".o[?(@.a==1)", "!" },
	{ ".s (a)", "!" },
	{ ".s\n", "!" },
};

static void test_cases(void **state)
{
	AUTO_JSON doc = json_parse(str_from(tree), sizeof(tree), NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_BUF text = { 0 };
		const struct json_path *path;
		yyjson_val *found;

		arena_init(&arena, 1 << 20);
		buf_init(&text, 1 << 16);
		path = json_path_parse(&arena, str_from(cases[i].path));
		found = path ? json_path_first(path, yyjson_doc_get_root(doc), &arena) : NULL;
		if (found)
			json_write(found, &text);
		else if (!path)
			buf_put_c(&text, "!");
		if (!str_eq_c(buf_str(&text), cases[i].want ? cases[i].want : ""))
			fail_msg("%s finds " STR_FMT, cases[i].path, STR_ARG(buf_str(&text)));
	}
}

/* Brackets within brackets, so deep as text may have them. */
static void test_depth(void **state)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };

	(void)state;
	arena_init(&arena, 1 << 20);
	buf_init(&text, 1 << 16);
	for (int depth = 1; depth <= JSON_PATH_DEPTH_MAX + 1; depth++) {
		buf_reset(&text);
		for (int i = 0; i < depth; i++)
			buf_put_c(&text, ".a[?(@");
		for (int i = 0; i < depth; i++)
			buf_put_c(&text, ")]");
		/* the first ')' ends the filter: what is within has none, and is no path */
		assert_int_equal(json_path_parse(&arena, buf_str(&text)) != NULL, depth == 1);
	}
}

/* Each descent finds all that is below what the one before it found. */
static void test_many_values(void **state)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_JSON doc = NULL;
	const struct json_path *path;

	(void)state;
	arena_init(&arena, 64u << 20);
	buf_init(&text, 1 << 16);
	for (int i = 0; i < 100; i++)
		buf_put_c(&text, "{\"a\":");
	buf_put_c(&text, "1");
	for (int i = 0; i < 100; i++)
		buf_put_c(&text, "}");
	doc = json_parse(buf_str(&text), text.len, NULL);
	path = json_path_parse(&arena, STR("..a..a"));
	assert_non_null(json_path_first(path, yyjson_doc_get_root(doc), &arena));
	path = json_path_parse(&arena, STR("..a..a..a..a..a..a"));
	assert_null(json_path_first(path, yyjson_doc_get_root(doc), &arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_many_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
