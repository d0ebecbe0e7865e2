/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Patch and JSON Merge Patch, with the examples of their RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "codec/patch.h"

struct patch_case {
	const char *target, *patch, *want; /* want starts with '!': part of the error */
};

static void check(const struct patch_case *c,
		  yyjson_mut_doc *(*apply)(yyjson_val *, yyjson_val *, struct err *))
{
	struct err err = { 0 };
	AUTO_JSON target = json_parse(str_from(c->target), 10000, NULL);
	AUTO_JSON patch = json_parse(str_from(c->patch), 10000, NULL);
	AUTO_JSON_MUT result = apply(yyjson_doc_get_root(target), yyjson_doc_get_root(patch), &err);
	AUTO_BUF text = { 0 };

	buf_init(&text, 10000);
	if (c->want[0] == '!') {
		assert_null(result);
		if (!strstr(err.msg, c->want + 1))
			fail_msg("%s: %s", c->patch, err.msg);
		return;
	}
	if (!result)
		fail_msg("%s: %s", c->patch, err.msg);
	json_mut_write(yyjson_mut_doc_get_root(result), &text);
	assert_string_equal(text.ptr, c->want);
}

static void test_json_patch(void **state)
{
	/* Would break: kubectl patch --type=json. */
	static const struct patch_case cases[] = {
		{ "{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"q\"}]",
		  "{\"foo\":\"bar\",\"baz\":\"q\"}" },
		{ "{\"foo\":[\"a\",\"b\"]}",
		  "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"c\"}]",
		  "{\"foo\":[\"a\",\"c\",\"b\"]}" },
		{ "{\"foo\":[\"a\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[1]}]",
		  "{\"foo\":[\"a\",[1]]}" },
		{ "{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{\"b\":2}" },
		{ "{\"a\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", "{\"a\":[1,3]}" },
		{ "{\"a\":[1,2,3]}", "[{\"op\":\"replace\",\"path\":\"/a/2\",\"value\":{}}]",
		  "{\"a\":[1,2,{}]}" },
		{ "{\"a\":{\"x\":1},\"b\":{}}",
		  "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b/y\"}]",
		  "{\"a\":{},\"b\":{\"y\":1}}" },
		{ "{\"a\":{\"x\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]",
		  "{\"a\":{\"x\":1},\"b\":{\"x\":1}}" },
		{ "{\"a/b\":{\"m~n\":1}}",
		  "[{\"op\":\"replace\",\"path\":\"/a~1b/m~0n\",\"value\":2}]",
		  "{\"a/b\":{\"m~n\":2}}" },
		{ "{\"a\":1}",
		  "[{\"op\":\"test\",\"path\":\"/"
		  "a\",\"value\":1},{\"op\":\"add\",\"path\":\"\",\"value\":[]}]",
		  "[]" },
		{ "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
		  "!testing value /a failed: test failed" },
		{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]",
		  "!Unable to remove nonexistent key: b" },
		{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]",
		  "{\"a\":1,\"b\":1}" },
		{ "{\"a\":[1]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":1}]",
		  "!doc is missing key: /a/1" },
		{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":1}]",
		  "!doc is missing path: \"/b/c\"" },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":1}]",
		  "!invalid index" },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":1}]",
		  "!invalid index" },
		{ "{}", "[{\"op\":\"jump\",\"path\":\"/a\"}]", "!Unexpected kind: jump" },
		{ "{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", "!needs a value" },
		{ "{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]",
		  "!inside" },
		{ "{}", "{}", "!not an array" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		check(&cases[i], patch_json);
}

static void test_merge_patch(void **state)
{
	/* Would break: kubectl patch --type=merge; the rows are RFC 7386's. */
	static const struct patch_case cases[] = {
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
		{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
		{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
		  "{\"a\":{\"b\":\"d\"}}" },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
		{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
		{ "{}", "[]", "!must be an object" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		check(&cases[i], patch_merge);
}

static void test_limits(void **state)
{
	/* Would break: a small patch makes the server build gigabytes. */
	AUTO_JSON target = json_parse(STR("{\"a\":[\"0123456789\"]}"), 1000, NULL);
	AUTO_JSON patch = NULL;
	struct err err = { 0 };
	AUTO_BUF text = { 0 };

	buf_init(&text, 1 << 20);
	buf_put_char(&text, '[');
	for (int i = 0; i < 40; i++)
		buf_printf(&text, "%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}",
			   i ? "," : "");
	buf_put_char(&text, ']');
	patch = json_parse(buf_str(&text), 1 << 20, NULL);
	assert_null(patch_json(yyjson_doc_get_root(target), yyjson_doc_get_root(patch), &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
	json_free(TAKE(patch));
	buf_reset(&text);
	buf_put_char(&text, '[');
	for (int i = 0; i <= PATCH_OPERATIONS_MAX; i++)
		buf_put_c(&text, i ? ",0" : "0");
	buf_put_char(&text, ']');
	patch = json_parse(buf_str(&text), 1 << 20, NULL);
	assert_null(patch_json(yyjson_doc_get_root(target), yyjson_doc_get_root(patch), &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_patch),
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
