/* SPDX-License-Identifier: Apache-2.0 */
/* Command tables: what a user types must end in the right options, or in a message that names the flag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/cmd.h"

struct opts {
	bool all;
	struct str name;
	int64_t port;
	int64_t wait_ns;
	struct flag_list labels, pairs;
};

static const struct flag flags[] = {
	FLAG_BOOL('a', "all", struct opts, all, "Everything"),
	FLAG_STRING('n', "name", struct opts, name, "web", "Name"),
	FLAG_INT('p', "port", struct opts, port, "80", 1, 65535, "Port"),
	FLAG_DURATION(0, "wait", struct opts, wait_ns, "1m", "How long"),
	FLAG_LIST('l', "label", struct opts, labels, "Labels"),
	FLAG_EACH(0, "pair", struct opts, pairs, "Values with commas"),
	{ 0 },
};

static int run_nothing(struct cmd_run *run, struct err *err)
{
	return 0;
}

static const struct cmd cmd_image_rm = { .path = "image rm", .args = "NAME...", .args_min = 1, .args_max = 2,
					 .summary = "Remove", .run = run_nothing, .opts_size = sizeof(struct opts),
					 .flags = flags };
static const struct cmd cmd_image = { .path = "image", .args = "", .summary = "Images", .run = run_nothing };
static const struct cmd *const cmds[] = { &cmd_image, &cmd_image_rm, NULL };
static const struct program program = { .name = "cube", .summary = "Containers to cluster", .cmds = cmds };

/* Would break: the longer of two commands with the same first word could not be reached. */
static void test_find(void **state)
{
	const char *words[] = { "image", "rm", "x" };
	const char *other[] = { "image", "ls" };
	const char *none[] = { "imag" };
	int count;

	assert_ptr_equal(cmd_find(&program, words, 3, &count), &cmd_image_rm);
	assert_int_equal(count, 2);
	assert_ptr_equal(cmd_find(&program, other, 2, &count), &cmd_image);
	assert_int_equal(count, 1);
	assert_null(cmd_find(&program, none, 1, &count));
}

static const struct {
	const char *name;
	const char *argv[8];
	const char *want_error; /* NULL = fine */
	bool want_all;
	const char *want_name;
	int64_t want_port;
	size_t want_labels, want_args, want_pairs;
} cases[] = {
	{ "defaults", { "x" }, NULL, false, "web", 80, 0, 1 },
	{ "long forms", { "--all", "--name=db", "--port", "81", "x" }, NULL, true, "db", 81, 0, 1 },
	{ "short forms", { "-a", "-ndb", "-p", "81", "x" }, NULL, true, "db", 81, 0, 1 },
	{ "flags behind arguments", { "x", "-a" }, NULL, true, "web", 80, 0, 1 },
	{ "no flags behind --", { "--", "-a" }, NULL, false, "web", 80, 0, 1 },
	{ "a list adds up", { "-l", "a,b", "--label=c", "x" }, NULL, false, "web", 80, 3, 1 },
	{ "values with commas", { "--pair", "a,b", "--pair=c", "x" }, NULL, false, "web", 80, 0, 1, 2 },
	{ "bool with a value", { "--all=false", "x" }, NULL, false, "web", 80, 0, 1 },
	{ "unknown flag", { "--nam=x", "x" }, "unknown flag '--nam=x'", false, NULL, 0, 0, 0 },
	{ "missing value", { "x", "--name" }, "flag '--name' needs a value", false, NULL, 0, 0, 0 },
	{ "number out of range", { "--port=65536", "x" }, "flag --port", false, NULL, 0, 0, 0 },
	{ "not a bool", { "--all=yes", "x" }, "flag --all", false, NULL, 0, 0, 0 },
	{ "too few arguments", { "-a" }, "'image rm' needs NAME...", false, NULL, 0, 0, 0 },
	{ "too many arguments", { "a", "b", "c" }, "unexpected argument 'c'", false, NULL, 0, 0, 0 },
};

/* Would break: flags in the forms people type would be misread, or refused without naming the flag. */
static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct arena arena;
		struct cmd_run run;
		struct err err = { 0 };
		bool help;
		int argc = 0, r;

		while (cases[i].argv[argc])
			argc++;
		arena_init(&arena, ARENA_DEFAULT_MAX);
		r = cmd_parse(&cmd_image_rm, cases[i].argv, argc, &arena, &run, &help, &err);
		if (cases[i].want_error) {
			assert_true(r < 0);
			if (!strstr(err.msg, cases[i].want_error))
				fail_msg("%s: got '%s'", cases[i].name, err.msg);
		} else {
			struct opts *opts;

			if (r < 0)
				fail_msg("%s: %s", cases[i].name, err.msg);
			opts = run.opts;
			assert_int_equal(opts->all, cases[i].want_all);
			assert_true(str_eq_c(opts->name, cases[i].want_name));
			assert_int_equal(opts->port, cases[i].want_port);
			assert_int_equal(opts->labels.count, cases[i].want_labels);
			assert_int_equal(opts->pairs.count, cases[i].want_pairs);
			assert_int_equal(run.arg_count, cases[i].want_args);
			assert_true(opts->wait_ns == INT64_C(60000000000));
		}
		arena_deinit(&arena);
	}
}

/* Would break: a flag could be missing from help, completion or manual. */
static void test_texts_name_every_flag(void **state)
{
	void (*const texts[])(const struct program *, struct buf *) = { help_completion, help_man };
	struct buf out;

	buf_init(&out, (size_t)1 << 20);
	help_cmd(&program, &cmd_image_rm, &out);
	for (const struct flag *flag = flags; flag->type != FLAG_TYPE_NONE; flag++)
		assert_non_null(strstr(out.ptr, flag->name));
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		buf_reset(&out);
		texts[i](&program, &out);
		for (const struct flag *flag = flags; flag->type != FLAG_TYPE_NONE; flag++)
			assert_non_null(strstr(out.ptr, flag->name));
	}
	buf_deinit(&out);
}

/* Would break: what a program was started with is told wrongly, or in another order than by name. */
static void test_write_flags(void **state)
{
	struct str labels[] = { STR("a=b"), STR("c") };
	struct opts opts = { true, STR("web"), 80, INT64_C(90000000000), { labels, 2 },
			     { labels, 1 } };
	AUTO_BUF text = { 0 };

	buf_init(&text, 4096);
	cmd_write_flags(&cmd_image_rm, &opts, &text);
	buf_put_char(&text, '\0');
	assert_string_equal(text.ptr, "all=true\nlabel=[a=b,c]\nname=web\npair=[a=b]\nport=80\nwait=1m30s\n");
	buf_reset(&text);
	cmd_write_flags(&cmd_image, &opts, &text);
	assert_int_equal(text.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_texts_name_every_flag),
		cmocka_unit_test(test_write_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
