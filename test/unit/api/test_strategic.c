/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge patches: what kubectl apply, edit, set and label send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/kind.h"
#include "api/strategic.h"

static const struct {
	const char *target, *patch, *want; /* '!' = part of the error */
} cases[] = {
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\","
	  "\"image\":\"1\"}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"b\",\"image\":\"2\"},{\"name\":\"c\","
	  "\"image\":\"3\"}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\","
	  "\"image\":\"2\"},"
	  "{\"name\":\"c\",\"image\":\"3\"}]}}" },
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
	  "{\"spec\":{\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}" },
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
	  "{\"spec\":{\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"z\"}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"z\"}]}}" },
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
	  "{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}],"
	  "\"containers\":[{\"name\":\"a\",\"image\":\"2\"}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\",\"image\":\"2\"}]}"
	  "}" },
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
	  "{\"spec\":{\"$setElementOrder/"
	  "containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}" },
	{ "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
	  "{\"metadata\":{\"$deleteFromPrimitiveList/"
	  "finalizers\":[\"a\"],\"finalizers\":[\"c\",\"b\"]}}",
	  "{\"metadata\":{\"finalizers\":[\"c\",\"b\"]}}" },
	{ "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}",
	  "{\"metadata\":{\"labels\":{\"a\":null,\"c\":\"3\"}}}",
	  "{\"metadata\":{\"labels\":{\"b\":\"2\",\"c\":\"3\"}}}" },
	{ "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}",
	  "{\"spec\":{\"volumes\":[{\"$retainKeys\":[\"name\",\"configMap\"],\"name\":"
	  "\"v\","
	  "\"configMap\":{\"name\":\"c\"}}]}}",
	  "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]}}" },
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"x\",\"y\"]}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"z\"]}]}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"z\"]}]}}" },
	{ "{\"spec\":{\"nodeSelector\":{\"a\":\"b\"}}}",
	  "{\"spec\":{\"nodeSelector\":{\"$patch\":\"replace\",\"c\":\"d\"}}}",
	  "{\"spec\":{\"nodeSelector\":{\"c\":\"d\"}}}" },
	{ "{}", "{\"spec\":{\"containers\":[{\"image\":\"x\"}]}}", "!" },
	{ "{\"spec\":{\"containers\":[{\"name\":\"a\"}]}}",
	  "{\"spec\":{\"containers\":[{\"image\":\"x\"}]}}",
	  "!does not contain declared merge key: name" },
	{ "{\"spec\":{}}", "{\"spec\":{\"$patch\":\"explode\"}}", "!unknown patch type" },
};

static void test_merge(void **state)
{
	/* Would break: kubectl apply loses containers, keeps deleted ones or reorders them. */
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };
		AUTO_JSON target = json_parse(str_from(cases[i].target), 10000, NULL);
		AUTO_JSON patch = json_parse(str_from(cases[i].patch), 10000, NULL);
		AUTO_JSON_MUT result = strategic_merge(kind_pod.schema, yyjson_doc_get_root(target),
						       yyjson_doc_get_root(patch), &err);
		AUTO_BUF text = { 0 };

		buf_init(&text, 10000);
		if (cases[i].want[0] == '!') {
			if (cases[i].want[1]) {
				assert_null(result);
				assert_non_null(strstr(err.msg, cases[i].want + 1));
			}
			continue;
		}
		if (!result)
			fail_msg("%s: %s", cases[i].patch, err.msg);
		json_mut_write(yyjson_mut_doc_get_root(result), &text);
		assert_string_equal(text.ptr, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_merge) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
