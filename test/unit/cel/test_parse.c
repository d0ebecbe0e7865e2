/* SPDX-License-Identifier: Apache-2.0 */
/* Text → tree: the grammar, macros' arguments, messages with their places, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cel/cel.h"

static void check(struct str text, const char *want)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF messages = { 0 };
	const struct cel_variable variables[] = { { STR("a"), &cel_type_dyn } };
	const struct cel_env env = { .variables = variables, .variable_count = 1 };
	const struct cel_program *program;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(&arena, &env, text, &messages);
	if (!want) {
		if (!program)
			fail_msg(STR_FMT ": %s", STR_ARG(text), messages.ptr);
		return;
	}
	assert_null(program);
	assert_true(str_has_prefix(buf_str(&messages), STR("compilation failed: ")));
	assert_string_equal(strchr(messages.ptr, ':') + 2, want);
}

static void test_accepts(void **state)
{
	/* Would break: expressions that upstream takes. */
	static const char *const texts[] = {
		"1",
		"-1",
		"- 1",
		"--1",
		"!!true",
		"1u",
		"0xFFu",
		"-9223372036854775808",
		"1.5e3",
		".5",
		"2e-3",
		"'a' + \"b\"",
		"r'\\d'",
		"'''a\n'b'''",
		"b'\\xff'",
		"\"\\u00e9\\101\"",
		"[1, 2, 3,]",
		"{'a': 1,}",
		"[?a.?b]",
		"{?'a': a}",
		"a.b.c",
		"a.?b",
		"a[?0]",
		"a ? a : a",
		"a || a && !a",
		"a in [1]",

		"has(a.b)",
		"a.all(x, x > 0)",
		"a.map(x, x > 0, x)",
		"// note\n1",
		"a\n\t+ a",
		"a.exists(i, v, i < v)",
		"a.transformMap(k, v, v)",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		check(str_from(texts[i]), NULL);
}

#define STARTS                                                                                   \
	"{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, " \
	"STRING, BYTES, IDENTIFIER}"

static void test_messages(void **state)
{
	/* Would break: kubectl apply shows where an expression is wrong. */
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "1 +", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting "
			 "{'[', '{', '(', '.', '-', '!', "
			 "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
			 "IDENTIFIER}\n"
			 " | 1 +\n | ...^" },
		{ "1 2", "ERROR: <input>:1:3: Syntax error: extraneous input '2' expecting <EOF>\n "
			 "| 1 2\n | ..^" },
		{ "\n a.\tb $", "ERROR: <input>:2:7: Syntax error: token recognition error at: "
				"'$'\n |  a. b $\n | ......^" },
		{ "if + 1", "ERROR: <input>:1:1: reserved identifier: if\n | if + 1\n | ^" },
		{ "has(a)",
		  "ERROR: <input>:1:5: invalid argument to has() macro\n | has(a)\n | ....^" },
		{ "a.all(1, true)", "ERROR: <input>:1:7: argument must be a simple name\n | "
				    "a.all(1, true)\n | ......^" },
		{ "9223372036854775808",
		  "ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^" },
		{ "'\xc3\xa9' + $", "ERROR: <input>:1:7: Syntax error: token recognition error at: "
				    "'$'\n | '\xc3\xa9' + $\n"
				    " | .\xef\xbc\x8e....^\n"
				    "ERROR: <input>:1:8: Syntax error: mismatched input '<EOF>' "
				    "expecting " STARTS "\n | '\xc3\xa9' + $\n"
				    " | .\xef\xbc\x8e.....^" },
		/* all that is wrong is told at once, where one token more or less mends it */
		{ "a = 'x'",
		  "ERROR: <input>:1:3: Syntax error: token recognition error at: '= '\n | a = "
		  "'x'\n "
		  "| ..^\nERROR: <input>:1:5: Syntax error: extraneous input ''x'' expecting "
		  "<EOF>\n | a = 'x'\n | ....^" },
		{ "'a\\q'",
		  "ERROR: <input>:1:1: Syntax error: token recognition error at: ''a\\q'\n | "
		  "'a\\q'\n | ^\nERROR: <input>:1:5: Syntax error: token recognition error at: "
		  "'''\n | 'a\\q'\n | ....^\nERROR: <input>:1:6: Syntax error: mismatched input "
		  "'<EOF>' expecting " STARTS "\n | 'a\\q'\n | .....^" },
		{ "a..b", "ERROR: <input>:1:3: Syntax error: no viable alternative at input '..'\n "
			  "| a..b\n | ..^" },
		{ "a[ == 'x'",
		  "ERROR: <input>:1:4: Syntax error: extraneous input '==' expecting {'[', '{', "
		  "'(', '.', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, "
		  "STRING, BYTES, IDENTIFIER}\n | a[ == 'x'\n | ...^\nERROR: <input>:1:10: Syntax "
		  "error: missing ']' at '<EOF>'\n | a[ == 'x'\n | .........^" },
		{ "[1 2]", "ERROR: <input>:1:4: Syntax error: extraneous input '2' expecting "
			   "{']', ','}\n | [1 2]\n | ...^" },
		{ "{'a' 1}", "ERROR: <input>:1:6: Syntax error: missing ':' at '1'\n | {'a' 1}\n | "
			     ".....^" },
		{ "a.map(1, x)", "ERROR: <input>:1:7: argument is not an identifier\n | a.map(1, "
				 "x)\n | ......^" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		check(str_from(cases[i].text), cases[i].want);
}

static void test_limits(void **state)
{
	/* Would break: a deep or long expression takes the server's stack or memory. */
	AUTO_BUF text = { 0 };

	buf_init(&text, 1 << 20);
	for (int i = 0; i < CEL_DEPTH_MAX - 1; i++)
		buf_put_char(&text, '(');
	buf_put_char(&text, '1');
	for (int i = 0; i < CEL_DEPTH_MAX - 1; i++)
		buf_put_char(&text, ')');
	check(buf_str(&text), NULL);
	buf_reset(&text);
	for (int i = 0; i < CEL_DEPTH_MAX; i++)
		buf_put_char(&text, '(');
	buf_put_char(&text, '1');
	for (int i = 0; i < CEL_DEPTH_MAX; i++)
		buf_put_char(&text, ')');
	{
		AUTO_ARENA arena = { 0 };
		AUTO_BUF messages = { 0 };
		const struct cel_env env = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&messages, CEL_ERROR_BYTES_MAX);
		assert_null(cel_compile(&arena, &env, buf_str(&text), &messages));
		assert_non_null(strstr(messages.ptr, "expression recursion limit exceeded: 250"));
		buf_reset(&messages);
		buf_reset(&text);
		for (int i = 0; i < CEL_TREE_DEPTH_MAX; i++)
			buf_put_c(&text, "1+");
		buf_put_char(&text, '1');
		assert_null(cel_compile(&arena, &env, buf_str(&text), &messages));
		assert_non_null(strstr(messages.ptr, "expression recursion limit exceeded: 1000"));
		buf_reset(&messages);
		buf_reset(&text);
		for (int i = 0; i < CEL_TEXT_POINTS_MAX; i++)
			buf_put_char(&text, ' ');
		buf_put_char(&text, '1');
		assert_null(cel_compile(&arena, &env, buf_str(&text), &messages));
		assert_non_null(strstr(
			messages.ptr,
			"expression code point size exceeds limit: size: 100001, limit 100000"));
	}
}

static void test_memory(void **state)
{
	/* Would break: the rules of one large definition end the server. */
	AUTO_ARENA arena = { 0 };
	AUTO_BUF messages = { 0 };
	AUTO_BUF text = { 0 };
	const struct cel_env env = { 0 };

	arena_init(&arena, CEL_COMPILE_RESERVE_BYTES + (1u << 20));
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	buf_init(&text, 1 << 20);
	buf_put_c(&text, "[1");
	for (int i = 0; i < 40000; i++)
		buf_put_c(&text, ",1");
	buf_put_char(&text, ']');
	assert_null(cel_compile(&arena, &env, buf_str(&text), &messages));
	assert_non_null(strstr(messages.ptr, "expressions take too much memory"));
	arena_deinit(&arena);
	/* as many calls as fit into the text, with everything they need */
	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_reset(&messages);
	buf_reset(&text);
	buf_put_c(&text, "1<1");
	while (text.len + 5 < CEL_TEXT_POINTS_MAX)
		buf_put_c(&text, "||1<1");
	if (!cel_compile(&arena, &env, buf_str(&text), &messages))
		fail_msg("%.200s", messages.ptr);
	assert_true(arena.used_bytes < ARENA_DEFAULT_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
