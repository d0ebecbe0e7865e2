/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands and their flags as rows of tables. Parser, --help, shell completion and the manual page
 * read the same rows, so they cannot disagree. A command's file exports only its struct cmd; the
 * program lists them.
 */
#ifndef CUBE_CLI_CMD_H
#define CUBE_CLI_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum flag_type {
	FLAG_TYPE_NONE,	    /* end of a table */
	FLAG_TYPE_BOOL,	    /* bool; "--x", "--x=false" */
	FLAG_TYPE_STRING,   /* struct str */
	FLAG_TYPE_INT,	    /* int64_t */
	FLAG_TYPE_DURATION, /* int64_t nanoseconds; "1m30s" */
	FLAG_TYPE_LIST,	    /* struct flag_list; may be repeated, or "a,b" */
	FLAG_TYPE_EACH,	    /* the same of values that have commas of their own */
};

struct flag_list {
	struct str *items; /* in the arena */
	size_t count;
};

struct flag {
	enum flag_type type;
	char short_name; /* 0 = none */
	const char *name;
	size_t offset;	      /* of the field in the command's options */
	const char *fallback; /* default, as it would be typed; "" = empty, 0, false */
	const char *value;    /* what the help calls the value; NULL = by type */
	const char *help;
	int64_t min, max; /* of INT; both 0 = any */
};

#define FLAG_BOOL(s, n, type_, field, help_)                                    \
	{                                                                       \
		.type = FLAG_TYPE_BOOL, .short_name = s, .name = n,             \
		.offset = offsetof(type_, field), .fallback = "", .help = help_ \
	}
/* True unless it is given as =false. */
#define FLAG_BOOL_ON(s, n, type_, field, help_)                                     \
	{                                                                           \
		.type = FLAG_TYPE_BOOL, .short_name = s, .name = n,                 \
		.offset = offsetof(type_, field), .fallback = "true", .help = help_ \
	}
#define FLAG_STRING(s, n, type_, field, fallback_, help_)                              \
	{                                                                              \
		.type = FLAG_TYPE_STRING, .short_name = s, .name = n,                  \
		.offset = offsetof(type_, field), .fallback = fallback_, .help = help_ \
	}
#define FLAG_INT(s, n, type_, field, fallback_, min_, max_, help_)                      \
	{                                                                               \
		.type = FLAG_TYPE_INT, .short_name = s, .name = n,                      \
		.offset = offsetof(type_, field), .fallback = fallback_, .help = help_, \
		.min = min_, .max = max_                                                \
	}
#define FLAG_DURATION(s, n, type_, field, fallback_, help_)                            \
	{                                                                              \
		.type = FLAG_TYPE_DURATION, .short_name = s, .name = n,                \
		.offset = offsetof(type_, field), .fallback = fallback_, .help = help_ \
	}
#define FLAG_LIST(s, n, type_, field, help_)                                    \
	{                                                                       \
		.type = FLAG_TYPE_LIST, .short_name = s, .name = n,             \
		.offset = offsetof(type_, field), .fallback = "", .help = help_ \
	}
#define FLAG_EACH(s, n, type_, field, help_)                                    \
	{                                                                       \
		.type = FLAG_TYPE_EACH, .short_name = s, .name = n,             \
		.offset = offsetof(type_, field), .fallback = "", .help = help_ \
	}

#define CMD_ARGS_MAX 1024

struct cmd_run {
	const struct cmd *cmd;
	void *opts; /* struct of opts_size bytes, defaults and flags filled in */
	struct str *args;
	size_t arg_count;
	struct arena *arena;
};

struct cmd {
	const char *path; /* words behind the program's name: "server", "image import" */
	const char *args; /* as in a usage line: "FILE..." */
	size_t args_min, args_max;
	const char *summary;	 /* one line */
	const char *description; /* more lines, or NULL */
	const char *example;	 /* or NULL */
	/* Returns the process's exit status; on failure err is set and the caller prints it. */
	int (*run)(struct cmd_run *run, struct err *err);
	size_t opts_size;
	const struct flag *flags; /* ends with a zero row; NULL = none */
	bool hidden;		  /* not in lists */
};

struct program {
	const char *name; /* "cube" */
	const char *summary;
	const struct cmd *const *cmds; /* NULL-terminated */
};

/* The command whose path is the longest that argv begins with; *ret_words says how many words that
 * were. NULL when none. */
const struct cmd *cmd_find(const struct program *program, const char *const *argv, int argc,
			   int *ret_words);
/* Flags may stand anywhere before "--". Refuses unknown ones, missing and wrong values, naming the
 * flag. *ret_help is set when --help or -h was seen (nothing else is checked then). */
int cmd_parse(const struct cmd *cmd, const char *const *argv, int argc, struct arena *arena,
	      struct cmd_run *ret, bool *ret_help, struct err *err) MUST_CHECK;
/* "name=value" of each flag, a line each, in order of names. */
void cmd_write_flags(const struct cmd *cmd, const void *opts, struct buf *to);
/* All of it: find, parse, help, run, print the error. Returns the exit status: 0, the command's, or
 * 2 for wrong usage. */
int program_main(const struct program *program, const char *const *argv, int argc);

void help_program(const struct program *program, struct buf *out);
void help_cmd(const struct program *program, const struct cmd *cmd, struct buf *out);
/* A bash completion script (also read by zsh's bashcompinit) / a manual page in man(7) form. */
void help_completion(const struct program *program, struct buf *out);
void help_man(const struct program *program, struct buf *out);

#endif
