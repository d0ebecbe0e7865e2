/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a command and reading its flags into its options, by the rows of its table alone. */
#include "cli/cmd.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/time.h"

/* Number of words of path that argv begins with, 0 unless all of them. */
static int words_matched(const char *path, const char *const *argv, int argc)
{
	struct str rest = str_from(path), word;
	int words = 0;

	while (str_next_part(&rest, ' ', &word)) {
		if (words >= argc || !str_eq(word, str_from(argv[words])))
			return 0;
		words++;
	}
	return words;
}

const struct cmd *cmd_find(const struct program *program, const char *const *argv, int argc,
			   int *ret_words)
{
	const struct cmd *best = NULL;

	*ret_words = 0;
	for (size_t i = 0; program->cmds[i]; i++) {
		int words = words_matched(program->cmds[i]->path, argv, argc);

		if (words > *ret_words) {
			best = program->cmds[i];
			*ret_words = words;
		}
	}
	return best;
}

static int append(struct flag_list *list, struct str value, struct arena *arena, struct err *err)
{
	struct str *grown = arena_array(arena, list->count + 1, sizeof(*grown));

	if (list->count == CMD_ARGS_MAX)
		return err_set(err, ERR_TOO_LARGE, "more than %d values", CMD_ARGS_MAX);
	if (list->count)
		memcpy(grown, list->items, list->count * sizeof(*grown));
	grown[list->count++] = value;
	list->items = grown;
	return 0;
}

static int append_list(struct flag_list *list, struct str value, struct arena *arena,
		       struct err *err)
{
	struct str part;

	while (str_next_part(&value, ',', &part))
		if (append(list, part, arena, err) < 0)
			return -1;
	return 0;
}

static int set_value(const struct flag *flag, struct str value, void *opts, struct arena *arena,
		     struct err *err)
{
	void *field = (char *)opts + flag->offset;

	switch (flag->type) {
	case FLAG_TYPE_BOOL:
		if (!str_eq(value, STR("true")) && !str_eq(value, STR("false")))
			return err_set(err, ERR_BAD_REQUEST,
				       "'" STR_FMT "' is neither true nor false", STR_ARG(value));
		*(bool *)field = str_eq(value, STR("true"));
		return 0;
	case FLAG_TYPE_STRING:
		*(struct str *)field = value;
		return 0;
	case FLAG_TYPE_INT:
		if (flag->min == 0 && flag->max == 0)
			return num_parse_i64(value, INT64_MIN, INT64_MAX, "number", field, err);
		return num_parse_i64(value, flag->min, flag->max, "number", field, err);
	case FLAG_TYPE_DURATION:
		return time_parse_duration(value, field, err);
	case FLAG_TYPE_LIST:
		return append_list(field, value, arena, err);
	case FLAG_TYPE_EACH:
		return append(field, value, arena, err);
	case FLAG_TYPE_NONE:
		break;
	}
	return err_set(err, ERR_INTERNAL, "flag of unknown type");
}

static int set_defaults(const struct cmd *cmd, struct cmd_run *run, struct err *err)
{
	for (const struct flag *flag = cmd->flags; flag && flag->type != FLAG_TYPE_NONE; flag++)
		if (*flag->fallback &&
		    set_value(flag, str_from(flag->fallback), run->opts, run->arena, err) < 0)
			return err_wrap(err, "default of --%s", flag->name);
	return 0;
}

static const struct flag *find_flag(const struct cmd *cmd, struct str name)
{
	for (const struct flag *flag = cmd->flags; flag && flag->type != FLAG_TYPE_NONE; flag++)
		if (str_eq_c(name, flag->name) ||
		    (name.len == 1 && flag->short_name == name.ptr[0]))
			return flag;
	return NULL;
}

struct reader {
	const struct cmd *cmd;
	const char *const *argv;
	int argc, at;
};

/* One word that starts with '-': "--name=value", "--name value", "--bool", "-nvalue", "-n value".
 */
static int read_flag(struct reader *r, struct cmd_run *run, struct err *err)
{
	struct str word = str_from(r->argv[r->at]);
	bool is_long = str_has_prefix(word, STR("--"));
	struct str name = str_slice(word, is_long ? 2 : 1, word.len), value;
	const struct flag *flag;
	bool has_value = is_long ? str_cut(name, '=', &name, &value) : name.len > 1;

	if (!is_long && has_value) {
		value = str_slice(name, 1, name.len);
		name = str_slice(name, 0, 1);
		(void)str_strip_prefix(&value, STR("=")); /* both forms are fine */
	}
	flag = find_flag(r->cmd, name);
	if (!flag || (is_long && name.len == 1))
		return err_set(err, ERR_BAD_REQUEST, "unknown flag '" STR_FMT "'", STR_ARG(word));
	if (!has_value && flag->type == FLAG_TYPE_BOOL) {
		value = STR("true");
	} else if (!has_value) {
		if (r->at + 1 >= r->argc)
			return err_set(err, ERR_BAD_REQUEST, "flag '" STR_FMT "' needs a value",
				       STR_ARG(word));
		value = str_from(r->argv[++r->at]);
	}
	if (set_value(flag, value, run->opts, run->arena, err) < 0)
		return err_wrap(err, "flag --%s", flag->name);
	return 0;
}

static int check_args(const struct cmd *cmd, const struct cmd_run *run, struct err *err)
{
	if (run->arg_count < cmd->args_min)
		return err_set(err, ERR_BAD_REQUEST, "'%s' needs %s", cmd->path, cmd->args);
	if (run->arg_count > cmd->args_max)
		return err_set(err, ERR_BAD_REQUEST, "unexpected argument '" STR_FMT "'",
			       STR_ARG(run->args[cmd->args_max]));
	return 0;
}

int cmd_parse(const struct cmd *cmd, const char *const *argv, int argc, struct arena *arena,
	      struct cmd_run *ret, bool *ret_help, struct err *err)
{
	struct cmd_run run = { .cmd = cmd, .arena = arena };
	struct reader r = { .cmd = cmd, .argv = argv, .argc = argc };
	bool flags_over = false;

	run.opts = arena_alloc(arena, cmd->opts_size ? cmd->opts_size : 1);
	run.args = arena_array(arena, (size_t)argc + 1, sizeof(*run.args));
	*ret_help = false;
	if (set_defaults(cmd, &run, err) < 0)
		return -1;
	for (; r.at < argc; r.at++) {
		const char *word = argv[r.at];

		if (!flags_over && strcmp(word, "--") == 0) {
			flags_over = true;
		} else if (!flags_over &&
			   (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
			*ret_help = true;
			*ret = run;
			return 0;
		} else if (!flags_over && word[0] == '-' && word[1]) {
			if (read_flag(&r, &run, err) < 0)
				return -1;
		} else {
			run.args[run.arg_count++] = str_from(word);
		}
	}
	if (check_args(cmd, &run, err) < 0)
		return -1;
	*ret = run;
	return 0;
}

static int print(int fd, struct buf *text, int status)
{
	struct err err = { 0 };

	if (fd_write_all(fd, text->ptr, text->len, &err) < 0 && status == 0)
		status = 1;
	buf_deinit(text);
	return status;
}

static int complain(const struct program *program, const struct cmd *cmd, const struct err *err,
		    int status)
{
	struct buf text;

	buf_init(&text, (size_t)1 << 16);
	buf_printf(&text, "%s: %s\n", program->name, err->msg);
	if (status == 2)
		buf_printf(&text, "Try '%s%s%s --help'.\n", program->name, cmd ? " " : "",
			   cmd ? cmd->path : "");
	return print(STDERR_FILENO, &text, status);
}

static int show_help(const struct program *program, const struct cmd *cmd)
{
	struct buf text;

	buf_init(&text, (size_t)1 << 20);
	if (cmd)
		help_cmd(program, cmd, &text);
	else
		help_program(program, &text);
	return print(STDOUT_FILENO, &text, 0);
}

int program_main(const struct program *program, const char *const *argv, int argc)
{
	AUTO_ARENA arena = { 0 };
	const struct cmd *cmd;
	struct cmd_run run;
	struct err err = { 0 };
	bool help = false;
	int words, status;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		cmd = argc > 2 ? cmd_find(program, argv + 2, argc - 2, &words) : NULL;
		return show_help(program, cmd);
	}
	cmd = cmd_find(program, argv + 1, argc - 1, &words);
	if (!cmd) {
		(void)err_set(&err, ERR_BAD_REQUEST, "unknown command '%s'",
			      argv[1]); /* printed below */
		return complain(program, NULL, &err, 2);
	}
	if (cmd_parse(cmd, argv + 1 + words, argc - 1 - words, &arena, &run, &help, &err) < 0)
		return complain(program, cmd, &err, 2);
	if (help)
		return show_help(program, cmd);
	status = cmd->run(&run, &err);
	if (err.code != ERR_NONE)
		return complain(program, cmd, &err, status ? status : 1);
	return status;
}

/* --- what was set --- */

static void write_flag(const struct flag *flag, const void *opts, struct buf *to)
{
	const void *field = (const char *)opts + flag->offset;
	const struct flag_list *list = field;
	char text[TIME_TEXT_BYTES];

	buf_printf(to, "%s=", flag->name);
	switch (flag->type) {
	case FLAG_TYPE_BOOL:
		buf_put_c(to, *(const bool *)field ? "true" : "false");
		break;
	case FLAG_TYPE_STRING:
		buf_put_str(to, *(const struct str *)field);
		break;
	case FLAG_TYPE_INT:
		buf_printf(to, "%lld", (long long)*(const int64_t *)field);
		break;
	case FLAG_TYPE_DURATION:
		buf_put_c(to, time_format_duration(*(const int64_t *)field, text));
		break;
	case FLAG_TYPE_LIST:
	case FLAG_TYPE_EACH:
		buf_put_char(to, '[');
		for (size_t i = 0; i < list->count; i++)
			buf_printf(to, "%s" STR_FMT, i ? "," : "", STR_ARG(list->items[i]));
		buf_put_char(to, ']');
		break;
	case FLAG_TYPE_NONE:
		break;
	}
	buf_put_char(to, '\n');
}

void cmd_write_flags(const struct cmd *cmd, const void *opts, struct buf *to)
{
	const struct flag *last = NULL, *next;

	do {
		next = NULL;
		for (const struct flag *flag = cmd->flags; flag && flag->type != FLAG_TYPE_NONE; flag++)
			if ((!last || strcmp(flag->name, last->name) > 0) &&
			    (!next || strcmp(flag->name, next->name) < 0))
				next = flag;
		if (next)
			write_flag(next, opts, to);
		last = next;
	} while (next);
}
