/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of cube-oci as rows: commands and their flags. main/ walks the table; --help is printed from it.
 */
#ifndef CUBE_RUNTIME_COMMAND_H
#define CUBE_RUNTIME_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct command_globals {
	const char *root;
	const char *log_path;
	const char *program; /* what we were called as */
	const char *criu;    /* --criu; NULL: as it is found */
	bool log_json, debug, systemd_cgroup;
	bool root_is_given;
	bool is_rootless;
};

#define COMMAND_VALUES_MAX 64
#define COMMAND_ARGS_MAX 4 /* of a command that takes flags behind its arguments as well */

struct command_flag {   /* last row: name NULL */
	const char *name;
	char letter;
	bool takes_value, is_repeated;
	const char *help;
};

/* What the arguments came to. */
struct command_line {
	const struct command_globals *globals;
	const struct command_flag *flags;
	const char *values[COMMAND_VALUES_MAX]; /* of flag flag_index[i], in order */
	unsigned char flag_index[COMMAND_VALUES_MAX];
	size_t value_count;
	const char *positional[COMMAND_ARGS_MAX];
	const char *const *args; /* the rest */
	int arg_count;
};

struct command {        /* last row: name NULL */
	const char *name, *usage, *summary;
	const struct command_flag *flags;
	int args_min, args_max;
	int (*run)(const struct command_line *line, int *ret_status, struct err *err);
};

extern const struct command runtime_commands[];

/* argv beginning at the command's own arguments. Flags may stand behind arguments ("update ID
 * --memory 1G") unless the command takes another program's words: then they end at the first
 * argument. */
int command_parse(const struct command *command, const char *const *argv, int argc,
		  struct command_line *ret, struct err *err) MUST_CHECK;
/* The last value given, or NULL; "" for a flag without value. */
const char *command_value(const struct command_line *line, const char *name);
bool command_has(const struct command_line *line, const char *name);
/* The index-th value of a repeated flag; NULL at the end. */
const char *command_value_at(const struct command_line *line, const char *name, size_t index);

#endif
