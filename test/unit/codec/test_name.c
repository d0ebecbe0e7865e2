/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of all kinds. Breaks when a bad one is accepted, or when only the first of several things
 * that are wrong with it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "codec/name.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X256 X64 X64 X64 X64
#define UP64 "X" X64

/* want: the beginnings of the messages, one a line. */
static const struct {
	const char *(*problem)(struct str);
	const char *name, *want;
} cases[] = {
	{ name_label_problem, "a-1", "" },
	{ name_label_problem, "a.b", "must not contain dots" },
	{ name_label_problem, "", "a lowercase RFC 1123 label" },
	{ name_label_problem, X64, "must be no more than 63 characters" },
	{ name_label_problem, UP64,
	  "must be no more than 63 characters\na lowercase RFC 1123 label" },
	{ name_label_problem, X64 ".b",
	  "must be no more than 63 characters\nmust not contain dots" },
	{ name_label1035_problem, "1a", "a DNS-1035 label" },
	{ name_label1035_problem, "1" X64,
	  "must be no more than 63 characters\na DNS-1035 label must" },
	{ name_subdomain_problem, X256 "_",
	  "must be no more than 253 characters\na lowercase RFC 1123 subdomain" },
	{ name_subdomain_wildcard_problem, "*.a", "" },
	{ name_subdomain_wildcard_problem, X256,
	  "must be no more than 253 characters\na wildcard DNS-1123" },
	{ name_qualified_problem, "a.b/C_d", "" },
	{ name_qualified_problem, "", "name part must be non-empty\nname part must consist of" },
	{ name_qualified_problem, "/",
	  "prefix part must be non-empty\n"
	  "name part must be non-empty\nname part must consist of" },
	{ name_qualified_problem, "/a", "prefix part must be non-empty" },
	{ name_qualified_problem, "A/b", "prefix part a lowercase RFC 1123 subdomain" },
	{ name_qualified_problem, "A/-",
	  "prefix part a lowercase RFC 1123 subdomain\nname part must consist of" },
	{ name_qualified_problem, "A" X256 "/" UP64 "-",
	  "prefix part must be no more than 253 bytes\nprefix part a lowercase RFC 1123\n"
	  "name part must be no more than 63 bytes\nname part must consist of" },
	{ name_qualified_problem, "a" X256 "/" UP64,
	  "prefix part must be no more than 253 bytes\nname part must be no more than 63 bytes" },
	{ name_qualified_problem, "a/b/c", "a valid label key must consist of" },
	{ name_label_value_problem, "", "" },
	{ name_label_value_problem, "-" X64,
	  "must be no more than 63 bytes\na valid label must be" },
	{ name_port_problem, "a-1", "" },
	{ name_port_problem, "", "must contain only alpha-numeric\nmust contain at least one" },
	{ name_port_problem, "1--" X16 "A-",
	  "must be no more than 15 characters\nmust contain only alpha-numeric\n"
	  "must not contain consecutive hyphens\nmust not begin or end with a hyphen" },
	{ name_port_problem, "--",
	  "must contain at least one letter (a-z)\nmust not contain consecutive hyphens\n"
	  "must not begin or end with a hyphen" },
	{ name_path_segment_problem, "a/b%c", "may not contain '/'\nmay not contain '%'" },
	{ name_path_segment_problem, "..", "may not be '..'" },
	{ name_config_key_problem, "..", "must not be '..'" },
	{ name_config_key_problem, "..a b", "a valid config key must\nmust not start with '..'" },
	{ name_config_key_problem, X256 " ",
	  "must be no more than 253 characters\na valid config key must" },
	{ name_config_key_problem, ".." X256 "/",
	  "must be no more than 253 characters\na valid config key must\nmust not start with" },
	{ name_search_domain_problem, X256 "/",
	  "must be no more than 253 characters\na lowercase RFC 1123 subdomain" },
};

static void test_problems(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str got = str_from(cases[i].problem(str_from(cases[i].name))), one,
			   want = str_from(cases[i].want), line;
		bool same = true;

		while (want.len && str_next_part(&want, '\n', &line))
			same &= name_next_problem(&got, &one) && str_has_prefix(one, line);
		if (!same || name_next_problem(&got, &one))
			fail_msg("'%s': want %s, got %s", cases[i].name, cases[i].want,
				 cases[i].problem(str_from(cases[i].name)));
	}
}

static void test_joined(void **state)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_null(name_problems_in(&arena, NULL, "; "));
	assert_string_equal(name_problems_in(&arena, name_port_problem(STR("a--b-")), "; "),
			    "must not contain consecutive hyphens; must not begin or end with a "
			    "hyphen");
	assert_string_equal(name_problems_in(&arena, name_label_problem(STR("a.b")), ", "),
			    "must not contain dots");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
