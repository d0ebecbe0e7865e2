/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when flags are read otherwise than runc's callers write them, or a row of the table lacks its help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/command.h"

static const struct command_flag flags[] = {
	{ "bundle", 'b', true, false, "x" },
	{ "detach", 'd', false, false, "x" },
	{ "env", 'e', true, true, "x" },
	{ 0 },
};
static const struct command command = { .name = "t", .usage = "t ID", .flags = flags, .args_min = 1, .args_max = 2 };

static void reads_every_spelling(void **state)
{
	static const char *const argv[] = { "--bundle", "/a",  "-b=/b", "-d",  "--env=A=1",
					    "-e",	"B=2", "--",	"-id", "x" };
	struct command_line line;
	struct err err;

	assert_int_equal(command_parse(&command, argv, ARRAY_COUNT(argv), &line, &err), 0);
	assert_string_equal(command_value(&line, "bundle"), "/b");
	assert_true(command_has(&line, "detach"));
	assert_string_equal(command_value_at(&line, "env", 0), "A=1");
	assert_string_equal(command_value_at(&line, "env", 1), "B=2");
	assert_null(command_value_at(&line, "env", 2));
	assert_int_equal(line.arg_count, 2);
	assert_string_equal(line.args[0], "-id");
}

static void refuses_what_it_does_not_know(void **state)
{
	static const char *const bad[][3] = {
		{ "--nosuch", "x", "x" }, { "x", "x", "x" }, { "-d", "-d", "--bundle" }, { "-d", "-d", "-d" },
	};
	struct command_line line;
	struct err err;

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		err = (struct err){ 0 };
		assert_int_equal(command_parse(&command, bad[i], 3, &line, &err), -1);
		assert_true(err.msg[0] != '\0');
	}
}

static void every_row_is_whole(void **state)
{
	for (const struct command *c = runtime_commands; c->name; c++) {
		assert_non_null(c->summary);
		assert_int_equal(strncmp(c->usage, c->name, strlen(c->name)), 0);
		assert_non_null(c->run);
		for (const struct command_flag *f = c->flags; f->name; f++)
			assert_true(f->help && f->help[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_spelling),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(every_row_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
