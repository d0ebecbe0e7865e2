/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when objects that Go clients send as protobuf would be read differently from their JSON,
 * or hostile bytes do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/limits.h"
#include "api/protobuf.h"

/* Bytes as Go clients send them; each ends up as the JSON beside it. */
#define BYTES(s)                 \
	{                        \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct str bytes;
	const char *want; /* NULL: refused */
} cases[] = {
	{ "a namespace as kubectl create writes it: zero values are left out",
	  BYTES("k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x1b"
		"\n\x13\n\x03"
		"foo\x12\0\x1a\0\"\0*\0002\x00"
		"8\0B\0\x12\0\x1a\x02\n\0\x1a\0\"\0"),
	  "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"foo\"},\"spec\":{"
	  "},\"status\":{}}" },
	{ "maps, bytes",
	  BYTES("k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x11"
		"\n\x03\n\x01x\x12\x06\n\x01k\x12\x01v\x1a\x02\n\0"),
	  "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},\"data\":{"
	  "\"k\":\"v\"},"
	  "\"binaryData\":{\"\":\"\"}}" },
	{ "a volume's source, which JSON embeds, is nested on the wire; int-or-string; quantities",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x12"
		"\x12\x10\n\x0e\n\x01v\x12\t\x12\x07\n\x00\x12\x03\n\x01"
		"1"),
	  "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"volumes\":[{\"name\":\"v\","
	  "\"emptyDir\":{\"sizeLimit\":\"1\"}}]}}" },
	{ "time",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x08\n\x06"
		"B\x04\x08\x80\xa3\x05"),
	  "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":\"1970-01-"
	  "02T00:00:00Z\"}}" },
	{ "no envelope", BYTES("{\"kind\":\"Pod\"}"), NULL },
	{ "unknown kind", BYTES("k8s\0\n\t\n\x02v9\x12\x03Pod\x12\x00"), NULL },
	{ "a length beyond the end", BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x02\n\x7f"), NULL },
	{ "a varint without an end",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	  NULL },
	{ "a string that is not UTF-8",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x05\n\x03\n\x01\xff"), NULL },
	{ "a number where a message must be", BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x02\x08\x01"),
	  NULL },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		const struct kind *kind = NULL;
		yyjson_mut_doc *doc = protobuf_decode(cases[i].bytes, OBJECT_BYTES_MAX, &kind,
						      &err);
		struct buf text;

		print_message("%s\n", cases[i].name);
		if (!cases[i].want) {
			assert_null(doc);
			assert_int_equal(err.code, ERR_BAD_REQUEST);
			continue;
		}
		if (!doc)
			print_message("%s\n", err.msg);
		assert_non_null(doc);
		assert_non_null(kind);
		buf_init(&text, 1 << 20);
		json_mut_write(yyjson_mut_doc_get_root(doc), &text);
		assert_string_equal(text.ptr, cases[i].want);
		buf_deinit(&text);
		json_mut_free(doc);
	}
}

static void test_limit(void **state)
{
	struct err err = { 0 };

	assert_null(protobuf_decode(STR("k8s"), 2, NULL, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_decode),
					    cmocka_unit_test(test_limit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
