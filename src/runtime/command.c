/* SPDX-License-Identifier: Apache-2.0 */
/* See command.h. Flags may be written -x, --x, -x=v, --x v, as runc's callers write them. */
#include "runtime/command.h"

#include <string.h>
#include "base/assert.h"
#include "base/str.h"

static const struct command_flag *find_flag(const struct command_flag *flags, struct str name)
{
	for (; flags && flags->name; flags++) {
		if (str_eq_c(name, flags->name) || (name.len == 1 && flags->letter && flags->letter == name.ptr[0]))
			return flags;
	}
	return NULL;
}

/* The flag at argv[*at]; *at moves past its value. */
static int parse_flag(const struct command *command, const char *const *argv, int argc, int *at,
		      struct command_line *ret, struct err *err)
{
	const char *text = argv[*at];
	struct str name = str_from(text + (text[1] == '-' ? 2 : 1)), value;
	bool has_value = str_cut(name, '=', &name, &value);
	const struct command_flag *flag = find_flag(command->flags, name);

	if (!flag)
		return err_set(err, ERR_BAD_REQUEST, "%s: unknown flag \"%.100s\"", command->name,
			       text);
	if (flag->takes_value && !has_value) {
		if (*at + 1 >= argc)
			return err_set(err, ERR_BAD_REQUEST, "%s: flag --%s needs a value",
				       command->name, flag->name);
		value = str_from(argv[++*at]);
	}
	if (!flag->takes_value && has_value && str_eq_c(value, "false"))
		return 0;
	if (ret->value_count == COMMAND_VALUES_MAX)
		return err_set(err, ERR_TOO_LARGE, "%s: more than %d flags", command->name,
			       COMMAND_VALUES_MAX);
	ret->flag_index[ret->value_count] = (unsigned char)(flag - command->flags);
	ret->values[ret->value_count++] = flag->takes_value ? value.ptr : "";
	return 0;
}

int command_parse(const struct command *command, const char *const *argv, int argc,
		  struct command_line *ret, struct err *err)
{
	bool takes_words = command->args_max < 0 || command->args_max > COMMAND_ARGS_MAX;
	bool flags_ended = false;
	int i;

	ret->flags = command->flags;
	ret->value_count = 0;
	ret->arg_count = 0;
	for (i = 0; i < argc; i++) {
		bool is_flag = !flags_ended && argv[i][0] == '-' && argv[i][1] != '\0';

		if (is_flag && strcmp(argv[i], "--") == 0) {
			flags_ended = true;
			continue;
		}
		if (is_flag) {
			if (parse_flag(command, argv, argc, &i, ret, err) < 0)
				return -1;
			continue;
		}
		if (takes_words)
			break;
		if (ret->arg_count < COMMAND_ARGS_MAX)
			ret->positional[ret->arg_count] = argv[i];
		ret->arg_count++;
	}
	ret->args = takes_words ? argv + i : ret->positional;
	if (takes_words)
		ret->arg_count = argc - i;
	if (ret->arg_count < command->args_min ||
	    (command->args_max >= 0 && ret->arg_count > command->args_max))
		return err_set(err, ERR_BAD_REQUEST, "usage: cube-oci %s", command->usage);
	return 0;
}

const char *command_value_at(const struct command_line *line, const char *name, size_t index)
{
	for (size_t i = 0; i < line->value_count; i++) {
		if (strcmp(line->flags[line->flag_index[i]].name, name) == 0 && index-- == 0)
			return line->values[i];
	}
	return NULL;
}

const char *command_value(const struct command_line *line, const char *name)
{
	for (size_t i = line->value_count; i-- > 0;) {
		if (strcmp(line->flags[line->flag_index[i]].name, name) == 0)
			return line->values[i];
	}
	return NULL;
}

bool command_has(const struct command_line *line, const char *name)
{
	return command_value(line, name) != NULL;
}
