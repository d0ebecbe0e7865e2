/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64: tests of RFC 4648 §10, both alphabets, and text that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "codec/base64.h"

static const struct {
	struct str bytes, text, url;
} good[] = {
	{ STR_INIT(""), STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg=="), STR_INIT("Zg") },
	{ STR_INIT("fo"), STR_INIT("Zm8="), STR_INIT("Zm8") },
	{ STR_INIT("foo"), STR_INIT("Zm9v"), STR_INIT("Zm9v") },
	{ STR_INIT("foob"), STR_INIT("Zm9vYg=="), STR_INIT("Zm9vYg") },
	{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy"), STR_INIT("Zm9vYmFy") },
};

static const char *const bad[] = { "Z",	       "Zg",	"Zg=",	 "Zg===", "=",	  "====",
				   "Zg==Zg==", "Zm 9v", "Zm9v!", "Z=g=",  "Zm9v=" };

/* Would break: Secrets and certificates would not survive a round trip. */
static void test_round_trip(void **state)
{
	struct buf out;

	buf_init(&out, 1024);
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		base64_encode(good[i].bytes, &out);
		assert_true(str_eq(buf_str(&out), good[i].text));
		buf_reset(&out);
		assert_int_equal(base64_decode(good[i].text, &out, NULL), 0);
		assert_true(str_eq(buf_str(&out), good[i].bytes));
		buf_reset(&out);
		base64_url_encode(good[i].bytes, &out);
		assert_true(str_eq(buf_str(&out), good[i].url));
		buf_reset(&out);
		assert_int_equal(base64_url_decode(good[i].url, &out, NULL), 0);
		assert_true(str_eq(buf_str(&out), good[i].bytes));
		buf_reset(&out);
	}
	base64_encode(STR("\xfb\xff"), &out);
	assert_true(str_eq(buf_str(&out), STR("+/8=")));
	buf_reset(&out);
	base64_url_encode(STR("\xfb\xff"), &out);
	assert_true(str_eq(buf_str(&out), STR("-_8")));
	buf_reset(&out);
	assert_int_equal(base64_decode(STR("Zm9v\nYmFy\n"), &out, NULL), 0);
	assert_true(str_eq(buf_str(&out), STR("foobar")));
	buf_deinit(&out);
}

/* Would break: damaged data would be taken for good, or leave half of it behind. */
static void test_refused(void **state)
{
	struct buf out;

	buf_init(&out, 1024);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct err err = { 0 };

		if (base64_decode(str_from(bad[i]), &out, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err.code, ERR_PARSE);
		buf_reset(&out);
	}
	buf_deinit(&out);
	buf_init(&out, 2);
	assert_true(base64_decode(STR("Zm9v"), &out, NULL) < 0);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip),
					    cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
