/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions: what matches, where, messages, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "codec/regex.h"

static const struct {
	const char *pattern, *text,
		*want; /* the leftmost match; NULL: none; "!x": compiling fails with x */
} cases[] = {
	{ "", "", "" },
	{ "a", "xay", "a" },
	{ "a|ab", "ab", "a" },
	{ "ab|a", "ab", "ab" },
	{ "a*", "aaa", "aaa" },
	{ "a*?", "aaa", "" },
	{ "a+?", "aaa", "a" },
	{ "a??b", "ab", "ab" },
	{ "^abc$", "abc", "abc" },
	{ "^abc$", "abc\n", NULL },
	{ "(?m)^b$", "a\nb\nc", "b" },
	{ "a.c", "a\nc", NULL },
	{ "(?s)a.c", "a\nc", "a\nc" },
	{ "(?i)ABC", "xaBc", "aBc" },
	{ "(?i)[a-c]+", "xAbC", "AbC" },
	{ "a(?i)b|c", "aB", "aB" },
	{ "(?:ab)+", "ababa", "abab" },
	{ "(?P<n>a)b", "ab", "ab" },
	{ "(?<n>a)b", "ab", "ab" },
	{ "[^a-c]+", "abcxyz", "xyz" },
	{ "[]a]+", "]a]", "]a]" },
	{ "[a\\]]+", "]a]", "]a]" },
	{ "[a-]+", "a-a", "a-a" },
	{ "[\\d-]+", "1-2", "1-2" },
	{ "[[:alpha:]]+", "12ab3", "ab" },
	{ "[[:^alpha:]]+", "ab12", "12" },
	{ "[^[:space:]]+", " ab ", "ab" },
	{ "\\d{3}", "12345", "123" },
	{ "a{2,}", "aaaa", "aaaa" },
	{ "a{2,3}?", "aaaa", "aa" },
	{ "a{,2}", "a{,2}", "a{,2}" },
	{ "a{0}b", "ab", "b" },
	{ "\\bfoo\\b", "a foo b", "foo" },
	{ "\\Boo", "foo", "oo" },
	{ "\\Aab\\z", "ab", "ab" },
	{ "\\x41\\x{42}\\103", "ABC", "ABC" },
	{ "\\Q.*\\E", "a.*b", ".*" },
	{ "\\.\\-\\/", ".-/", ".-/" },
	{ "\xc3\xa9+", "a\xc3\xa9\xc3\xa9", "\xc3\xa9\xc3\xa9" },
	{ ".", "\xc3\xa9", "\xc3\xa9" },
	{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", "\xc3\xa9" },
	{ "\\W", "a\xc3\xa9", "\xc3\xa9" },
	{ "(a*)*b", "aaab", "aaab" },
	{ "(a|b)*c|(a|ab)*c", "abc", "abc" },
	{ "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "my-name-1", "my-name-1" },
	{ "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "my-name-", NULL },
	{ "(", "", "!error parsing regexp: missing closing ): `(`" },
	{ ")", "", "!error parsing regexp: unexpected ): `)`" },
	{ "[", "", "!error parsing regexp: missing closing ]: `[`" },
	{ "[a", "", "!error parsing regexp: missing closing ]: `[a`" },
	{ "*a", "", "!error parsing regexp: missing argument to repetition operator: `*`" },
	{ "a**", "", "!error parsing regexp: invalid nested repetition operator: `**`" },
	{ "[z-a]", "", "!error parsing regexp: invalid character class range: `z-a`" },
	{ "a{1001}", "", "!error parsing regexp: invalid repeat count: `{1001}`" },
	{ "a{2,1}", "", "!error parsing regexp: invalid repeat count: `{2,1}`" },
	{ "\\y", "", "!error parsing regexp: invalid escape sequence: `\\y`" },
	{ "\\1", "", "!error parsing regexp: invalid escape sequence: `\\1`" },
	{ "\\", "", "!error parsing regexp: trailing backslash at end of expression: ``" },
	{ "(?=a)", "", "!error parsing regexp: invalid or unsupported Perl syntax: `(?=`" },
	{ "(?i", "", "!error parsing regexp: invalid or unsupported Perl syntax: `(?i`" },
	{ "\\pL", "", "!error parsing regexp: invalid character class range: `\\pL`" },
	{ "\\p{Greek}x", "", "!error parsing regexp: invalid character class range: `\\p{Greek}`" },
	{ "\xff", "", "!error parsing regexp: invalid UTF-8" },
};

static void test_cases(void **state)
{
	/* Would break: patterns of schemas and rules. */
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		struct err err = { 0 };
		const struct regex *regex;
		struct regex_search search = { .scratch = &arena, .steps_max = REGEX_STEPS_MAX };
		struct str text = str_from(cases[i].text);
		enum regex_result found;
		size_t start = 0;
		size_t end = 0;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		regex = regex_compile(&arena, str_from(cases[i].pattern), &err);
		if (cases[i].want && cases[i].want[0] == '!') {
			if (regex || strcmp(err.msg, cases[i].want + 1) != 0)
				fail_msg("%s: %s", cases[i].pattern, err.msg);
			continue;
		}
		if (!regex)
			fail_msg("%s: %s", cases[i].pattern, err.msg);
		found = regex_find(regex, text, 0, &search, &start, &end);
		if ((found == REGEX_FOUND) != (cases[i].want != NULL))
			fail_msg("%s on %s: %d", cases[i].pattern, cases[i].text, found);
		assert_int_equal(regex_matches(regex, text, &search), found);
		if (found == REGEX_FOUND && !str_eq_c(str_slice(text, start, end), cases[i].want))
			fail_msg("%s on %s: %zu to %zu", cases[i].pattern, cases[i].text, start,
				 end);
	}
}

static void test_limits(void **state)
{
	/* Would break: a hostile pattern takes time or memory without end. */
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	struct regex_search search = { .scratch = &arena, .steps_max = REGEX_STEPS_MAX };
	const struct regex *regex;
	AUTO_BUF text = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, 1 << 20);
	for (int i = 0; i < 5000; i++)
		buf_put_char(&text, 'a');
	regex = regex_compile(&arena, STR("(a?){50}(a*)*(a|a|aa)*[^a]"), &err);
	assert_non_null(regex);
	assert_int_equal(regex_matches(regex, buf_str(&text), &search), REGEX_NONE);
	assert_true(search.steps < 100u * 1000 * 1000);
	search = (struct regex_search){ .scratch = &arena, .steps_max = 1000 };
	assert_int_equal(regex_matches(regex, buf_str(&text), &search), REGEX_TOO_LONG);

	assert_null(regex_compile(&arena, STR("((a{100}){100}){100}"), &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
	buf_reset(&text);
	for (int i = 0; i < REGEX_DEPTH_MAX; i++)
		buf_put_char(&text, '(');
	for (int i = 0; i < REGEX_DEPTH_MAX; i++)
		buf_put_char(&text, ')');
	assert_non_null(regex_compile(&arena, buf_str(&text), &err));
	buf_put_char(&text, ')');
	assert_null(regex_compile(
		&arena, str_printf_in(&arena, "(" STR_FMT, STR_ARG(buf_str(&text))), &err));
	assert_non_null(strstr(err.msg, "expression nests too deeply"));
	buf_reset(&text);
	for (unsigned i = 0; i < REGEX_TEXT_BYTES_MAX + 1; i++)
		buf_put_char(&text, '.');
	assert_null(regex_compile(&arena, buf_str(&text), &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
