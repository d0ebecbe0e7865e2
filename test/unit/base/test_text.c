/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, numbers, paths, errors and log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"

#define assert_str(s, expected) \
	do { \
		struct str got_ = (s), want_ = str_from(expected); \
		if (!str_eq(got_, want_)) \
			fail_msg("'" STR_FMT "' is not '%s'", STR_ARG(got_), expected); \
	} while (0)

static void test_cutting(void **state)
{
	/* Cutting and searching must treat empty parts, missing separators and ends as documented. */
	struct str s = STR("a,,b,"), part, head, tail;
	static const char *const want[] = { "a", "", "b", "" };

	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		assert_true(str_next_part(&s, ',', &part));
		assert_str(part, want[i]);
	}
	assert_false(str_next_part(&s, ',', &part));
	s = STR("");
	assert_true(str_next_part(&s, ',', &part));
	assert_int_equal(part.len, 0);
	assert_false(str_next_part(&s, ',', &part));
	assert_true(str_cut(STR("k=v=w"), '=', &head, &tail));
	assert_str(head, "k");
	assert_str(tail, "v=w");
	assert_false(str_cut(STR("k"), '=', &head, &tail));
	assert_str(head, "k");
	assert_str(tail, "");
	assert_str(str_trim(STR(" \t\r\n x y \n")), "x y");
	assert_str(str_trim(STR(" ")), "");
	assert_str(str_slice(STR("abc"), 1, 99), "bc");
	assert_str(str_slice(STR("abc"), 5, 2), "");
	assert_int_equal(str_find(STR("abcabc"), STR("ca"), 0), 2);
	assert_true(str_find(STR("abc"), STR("d"), 0) == SIZE_MAX);
	assert_int_equal(str_find(STR("abc"), STR(""), 3), 3);
	assert_true(str_find(STR("abc"), STR(""), 4) == SIZE_MAX);
	assert_int_equal(str_find_char(STR("a.b.c"), '.', 2), 3);
	assert_int_equal(str_rfind_char(STR("a.b.c"), '.'), 3);
	assert_true(str_rfind_char(STR_NONE, '.') == SIZE_MAX);
	s = STR("prefix-x");
	assert_true(str_strip_prefix(&s, STR("prefix-")));
	assert_false(str_strip_prefix(&s, STR("prefix-")));
	assert_str(s, "x");
	assert_true(str_strip_suffix(&s, STR("x")));
	assert_str(s, "");
}

static void test_comparing(void **state)
{
	/* Order must be bytewise with the shorter first; equality must not stop at NUL. */
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_true(str_eq_nocase(STR("Content-TYPE"), STR("cONTENT-type")));
	assert_false(str_eq_nocase(STR("a["), STR("a{")));
	assert_true(str_hash(STR("a")) != str_hash(STR("b")));
	assert_true(str_hash(STR("a")) != str_hash(STR("a\0")));
}

static const struct {
	struct str s;
	bool ok;
} utf8[] = {
	{ STR_INIT(""), true }, { STR_INIT("plain text longer than a word"), true },
	{ STR_INIT("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"), true }, { STR_INIT("\xf4\x8f\xbf\xbf"), true },
	{ STR_INIT("\x80"), false }, { STR_INIT("\xc3"), false }, { STR_INIT("\xc0\x80"), false },
	{ STR_INIT("\xc1\xbf"), false }, { STR_INIT("\xe0\x9f\xbf"), false }, { STR_INIT("\xed\xa0\x80"), false },
	{ STR_INIT("\xf0\x8f\xbf\xbf"), false }, { STR_INIT("\xf4\x90\x80\x80"), false },
	{ STR_INIT("\xf5\x80\x80\x80"), false }, { STR_INIT("12345678\xff"), false },
	{ STR_INIT("1234567\xe2\x82"), false }, { STR_INIT("\xe2\x82\x41"), false },
};

static void test_utf8(void **state)
{
	/* Only well-formed UTF-8 may pass: overlong forms and surrogates are how filters are evaded. */
	for (size_t i = 0; i < ARRAY_COUNT(utf8); i++)
		assert_int_equal(str_is_utf8(utf8[i].s), utf8[i].ok);
}

static void test_copying(void **state)
{
	/* Copies must be complete and terminated; a fixed array that is too small must be left alone. */
	AUTO_ARENA arena = { 0 };
	char to[4] = "old";
	const struct str parts[] = { STR_INIT("a"), STR_INIT(""), STR_INIT("c") };

	arena_init(&arena, 4096);
	assert_int_equal(str_copy_to(STR("abcd"), to, sizeof(to)), -1);
	assert_string_equal(to, "old");
	assert_int_equal(str_copy_to(STR("a\0b"), to, sizeof(to)), -1);
	assert_int_equal(str_copy_to(STR("abc"), to, sizeof(to)), 0);
	assert_string_equal(to, "abc");
	assert_str(str_join_in(&arena, parts, 3, STR(", ")), "a, , c");
	assert_str(str_join_in(&arena, parts, 0, STR(", ")), "");
	assert_str(str_printf_in(&arena, "%d-%s", 7, "x"), "7-x");
	assert_string_equal(str_c_in(&arena, STR_NONE), "");
}

static void test_numbers(void **state)
{
	/* Only whole, in-range numbers may pass; the message must quote what was given. */
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1x", "0x10", "1.0", "18446744073709551616x" };
	struct err err;
	uint64_t u = 42;
	int64_t i = 42;
	uint32_t o = 42;

	assert_int_equal(num_parse_u64(STR("18446744073709551615"), UINT64_MAX, "n", &u, &err), 0);
	assert_true(u == UINT64_MAX);
	u = 42;
	assert_int_equal(num_parse_u64(STR("18446744073709551616"), UINT64_MAX, "n", &u, &err), -1);
	assert_string_equal(err.msg, "n: 18446744073709551616 is more than 18446744073709551615");
	assert_int_equal(num_parse_u64(STR("65536"), 65535, "port", &u, &err), -1);
	assert_string_equal(err.msg, "port: 65536 is more than 65535");
	assert_int_equal(num_parse_u64(STR("-1"), 10, "port", &u, &err), -1);
	assert_string_equal(err.msg, "port: '-1' is not a number");
	for (size_t k = 0; k < ARRAY_COUNT(bad); k++) {
		assert_int_equal(num_parse_u64(str_from(bad[k]), UINT64_MAX, "n", &u, &err), -1);
		assert_int_equal(num_parse_i64(str_from(bad[k]), INT64_MIN, INT64_MAX, "n", &i, &err), -1);
	}
	assert_int_equal(u, 42);
	assert_int_equal(num_parse_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, "n", &i, &err), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(num_parse_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, "n", &i, &err), -1);
	assert_int_equal(num_parse_i64(STR("-5"), -4, 4, "n", &i, &err), -1);
	assert_string_equal(err.msg, "n: -5 is not within -4 and 4");
	assert_int_equal(num_parse_octal(STR("0755"), 07777, "mode", &o, &err), 0);
	assert_int_equal(o, 0755);
	assert_int_equal(num_parse_octal(STR("8"), 07777, "mode", &o, &err), -1);
}

static void test_doubles(void **state)
{
	/* Decimal notation only: no hexadecimal, no infinity, no white space. */
	static const char *const bad[] = { "", "-", ".5", "5.", "1e", "1e+", "0x1p3", "inf", "nan", " 1", "1e999",
					   "1,5" };
	struct err err;
	double d = 0;

	assert_int_equal(num_parse_double(STR("-12.5e-1"), "n", &d, &err), 0);
	assert_true(d == -1.25);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(num_parse_double(str_from(bad[i]), "n", &d, &err), -1);
}

static const struct {
	const char *path, *clean, *base, *dir;
} paths[] = {
	{ "/a/b/c", "/a/b/c", "c", "/a/b" }, { "/a/b/c/", "/a/b/c", "c", "/a/b" }, { "a", "a", "a", "." },
	{ "/", "/", "/", "/" }, { "//", "/", "/", "/" }, { "/a", "/a", "a", "/" }, { "a/../..", "..", "..", "a/.." },
	{ "/../../a", "/a", "a", "/../.." }, { "../../a/..", "../..", "..", "../../a" }, { "", ".", "", "." },
	{ "./a//./b/.", "a/b", ".", "./a//./b" }, { "a/b/../../../c", "../c", "c", "a/b/../../.." },
	{ "/a/../b", "/b", "b", "/a/.." }, { "...", "...", "...", "." },
};

static void test_paths(void **state)
{
	/* Cleaning must never climb above the root, which is what checks of user paths rest on. */
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, 1 << 16);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		assert_str(path_clean(&arena, str_from(paths[i].path)), paths[i].clean);
		assert_str(path_base(str_from(paths[i].path)), paths[i].base);
		assert_str(path_dir(str_from(paths[i].path)), paths[i].dir);
	}
	assert_str(path_join(&arena, STR("/a/"), STR("/b")), "/a/b");
	assert_str(path_join(&arena, STR("/"), STR("b")), "/b");
	assert_str(path_join(&arena, STR(""), STR("b")), "b");
	assert_true(path_is_below(STR("/a/b"), STR("/a")));
	assert_true(path_is_below(STR("/a"), STR("/a")));
	assert_true(path_is_below(STR("/a"), STR("/")));
	assert_false(path_is_below(STR("/ab"), STR("/a")));
	assert_true(path_is_name(STR("a.b")));
	assert_false(path_is_name(STR("")));
	assert_false(path_is_name(STR("..")));
	assert_false(path_is_name(STR("a/b")));
	assert_false(path_is_name(STR("a\0b")));
}

static void test_errors(void **state)
{
	/* Wrapping must keep the inner text, cut at a character, and each code must have an HTTP status. */
	struct err err;
	char long_text[600];

	err_set(&err, ERR_NOT_FOUND, "pods \"%s\" not found", "web");
	err_wrap(&err, "get %s", err.msg);
	assert_string_equal(err.msg, "get pods \"web\" not found: pods \"web\" not found");
	assert_int_equal(err.code, ERR_NOT_FOUND);
	errno = ENOSPC;
	assert_int_equal(err_os(&err, "write '%s'", "f"), -1);
	assert_int_equal(err.code, ERR_NO_SPACE);
	assert_int_equal(err.os_errno, ENOSPC);
	assert_string_equal(err.msg, "write 'f': No space left on device");
	err_neg(&err, -ENOENT, "open");
	assert_int_equal(err.code, ERR_OS);
	assert_string_equal(err.msg, "open: No such file or directory");
	for (size_t i = 0; i < sizeof(long_text) - 1; i++)
		long_text[i] = (char)(i % 2 ? 0xa4 : 0xc3);
	long_text[sizeof(long_text) - 1] = '\0';
	err_set(&err, ERR_INVALID, "%s", long_text);
	assert_true(str_is_utf8(str_from(err.msg)));
	assert_true(strlen(err.msg) >= ERR_MSG_BYTES - 3);
	err_wrap(&err, "field");
	assert_true(str_is_utf8(str_from(err.msg)));
	assert_true(str_has_prefix(str_from(err.msg), STR("field: ")));
	assert_int_equal(err_set(NULL, ERR_INVALID, "nobody listens"), -1);
	assert_int_equal(err_wrap(NULL, "nobody listens"), -1);
	for (int code = 0; code < ERR_CODE_COUNT; code++)
		assert_in_range(err_http_status((enum err_code)code), 200, 599);
	assert_int_equal(err_http_status(ERR_GONE), 410);
	assert_string_equal(err_reason(ERR_GONE), "Expired");
}

static struct str logged(enum log_format format, const char *message, char *to, size_t to_bytes)
{
	AUTO_FD fd = memfd_create("log", MFD_CLOEXEC);
	ssize_t len;

	log_set(LOG_INFO, format, fd);
	log_info("part", "%s", message);
	log_debug("part", "not written");
	log_set(LOG_INFO, LOG_TEXT, STDERR_FILENO);
	len = pread(fd, to, to_bytes, 0);
	return str_sub(to, len < 0 ? 0 : (size_t)len);
}

static void test_log(void **state)
{
	/* One message must be one line, whatever is in it: a forged second line would mislead whoever reads the log. */
	char line[8192], huge[8000];
	struct str text = logged(LOG_TEXT, "a\nb \"c\"", line, sizeof(line));

	assert_true(str_has_suffix(text, STR(" INFO part: a\\x0ab \"c\"\n")));
	assert_int_equal(str_find_char(text, '\n', 0), text.len - 1);
	text = logged(LOG_JSON, "a\nb \"c\" \xff", line, sizeof(line));
	assert_true(str_has_prefix(text, STR("{\"ts\":\"2")));
	assert_true(str_has_suffix(text, STR("\"level\":\"info\",\"part\":\"part\","
					     "\"msg\":\"a\\u000ab \\\"c\\\" ?\"}\n")));
	memset(huge, '\n', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	text = logged(LOG_JSON, huge, line, sizeof(line));
	assert_true(text.len <= 4096);
	assert_true(str_has_suffix(text, STR("\"}\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cutting), cmocka_unit_test(test_comparing), cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_copying), cmocka_unit_test(test_numbers), cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_paths), cmocka_unit_test(test_errors), cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
