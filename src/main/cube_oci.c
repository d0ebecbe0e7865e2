/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry of cube-oci: global flags, then one row of runtime_commands. An error is written once, here: one line on
 * stderr and, with --log, in the format that engines read back.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "main/oci_monitor.h"
#include "oci/spec.h"
#include "runtime/command.h"
#include "runtime/program.h"

#define VERSION "0.1.0"

static const struct command_flag global_flags[] = {
	{ "root", 0, true, false, "Folder for the state of containers (default /run/cube-oci)" },
	{ "log", 0, true, false, "File to write errors to" },
	{ "log-format", 0, true, false, "text or json" },
	{ "debug", 0, false, false, "Log more" },
	{ "systemd-cgroup", 's', false, false, "Let systemd make the cgroups, cgroupsPath being slice:prefix:name" },
	{ "cgroup-manager", 0, true, false, "cgroupfs or systemd; disabled is refused" },
	{ "rootless", 0, true, false, "true, false or auto" },
	{ "criu", 0, true, false, "Program that checkpoint and restore call" },
	{ "version", 'v', false, false, "Print the version" },
	{ "help", 'h', false, false, "Print this" },
	{ NULL, 0, false, false, NULL },
};
static const struct command_flag help_flags[] = {
	{ "help", 'h', false, false, "Print this" },
	{ NULL, 0, false, false, NULL },
};

static void print_flags(const struct command_flag *flags)
{
	for (; flags->name; flags++) {
		char left[48];

		snprintf(left, sizeof(left), "   --%s%s%c%s", flags->name,
			 flags->letter ? ", -" : "", flags->letter ? flags->letter : ' ',
			 flags->takes_value ? " value" : "");
		printf("%-32s %s\n", left, flags->help);
	}
}

/* Laid out as runc's, whose first lines are looked at. */
static int print_help(const char *program, const struct command *command)
{
	if (command) {
		printf("NAME:\n   %s %s - %s\n\nUSAGE:\n   %s %s\n\nOPTIONS:\n", program,
		       command->name, command->summary,
		       program, command->usage);
		print_flags(command->flags);
		print_flags(help_flags);
		return 0;
	}
	printf("NAME:\n   %s - Open Container Initiative runtime\n\nUSAGE:\n   %s [global flags] "
	       "COMMAND [flags]\n\n"
	       "COMMANDS:\n",
	       program, program);
	for (const struct command *c = runtime_commands; c->name; c++)
		printf("   %-12s %s\n", c->name, c->summary);
	printf("   %-12s %s\n\nGLOBAL OPTIONS:\n", "monitor",
	       "Hold one container for a daemon (job on fd 3, answer on fd 4)");
	print_flags(global_flags);
	return 0;
}

static void report(const struct command_globals *globals, const struct err *err)
{
	bool is_of_program = strncmp(err->msg, PROGRAM_REFUSED, sizeof(PROGRAM_REFUSED) - 1) == 0;

	fprintf(stderr, "%s%s\n", is_of_program ? "" : "cube-oci: ", err->msg);
	if (globals->log_path)
		log_error("cube-oci", "%s", err->msg);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = runtime_commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

/* Engines read the log back, so that it has a format of its own; without one, warnings go to
 * stderr. */
static int open_log(const struct command_globals *globals, struct err *err)
{
	enum log_level level = globals->debug ? LOG_DEBUG : LOG_WARN;
	int fd = 2;

	if (globals->log_path) {
		fd = open(globals->log_path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0)
			return err_os(err, "--log %s", globals->log_path);
	}
	log_set(level, globals->log_json ? LOG_OCI_JSON : LOG_OCI_TEXT, fd);
	return 0;
}

static int find_root(struct command_globals *globals, struct err *err)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	char here[PATH_MAX];

	globals->root_is_given = globals->root != NULL;
	if (globals->root && globals->root[0] != '/') {
		if (!getcwd(here, sizeof(here)))
			return err_os(err, "--root %s", globals->root);
		globals->root = mem_printf("%s/%s", here, globals->root);
	}
	if (globals->root)
		return 0;
	globals->root = "/run/cube-oci";
	if (geteuid() != 0 && runtime_dir && runtime_dir[0] == '/')
		globals->root = mem_printf("%s/cube-oci", runtime_dir);
	return 0;
}

/* Global flags end at the command's name. */
static int read_globals(struct command_line *line, struct command_globals *globals, struct err *err)
{
	const char *manager = command_value(line, "cgroup-manager"), *rootless = command_value(line, "rootless");
	const char *format = command_value(line, "log-format");

	globals->log_path = command_value(line, "log");
	globals->log_json = format && strcmp(format, "json") == 0;
	globals->debug = command_has(line, "debug");
	globals->criu = command_value(line, "criu");
	globals->systemd_cgroup = command_has(line, "systemd-cgroup") || (manager && strcmp(manager, "systemd") == 0);
	globals->is_rootless = geteuid() != 0;
	if (rootless && strcmp(rootless, "true") == 0)
		globals->is_rootless = true;
	globals->root = command_value(line, "root");
	if (format && !globals->log_json && strcmp(format, "text") != 0)
		return err_set(err, ERR_BAD_REQUEST, "unknown log-format \"%.40s\"", format);
	if (open_log(globals, err) < 0) {
		globals->log_path = NULL;
		return -1;
	}
	return find_root(globals, err);
}

static bool asks_for_help(const char *const *argv, int argc)
{
	for (int i = 0; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

static int run(const struct command *command, const char *const *argv, int argc, struct command_globals *globals)
{
	struct command_line line = { .globals = globals };
	struct err err = { .code = ERR_NONE };
	int status = 0;

	if (asks_for_help(argv, argc))
		return print_help(globals->program, command);
	if (command_parse(command, argv, argc, &line, &err) == 0 && command->run(&line, &status, &err) == 0)
		return status;
	report(globals, &err);
	return status ? status : 1;
}

int main(int argc, char **argv)
{
	static const struct command global = {
		.name = "cube-oci", .usage = "[flags] COMMAND", .flags = global_flags, .args_max = -1,
	};
	struct command_globals globals = {
		.program = path_base(str_from(argc > 0 ? argv[0] : "cube-oci")).ptr
	};
	struct command_line line = { 0 };
	const struct command *command;
	struct err err;

	if (command_parse(&global, (const char *const *)argv + 1, argc - 1, &line, &err) < 0 ||
	    read_globals(&line, &globals, &err) < 0) {
		report(&globals, &err);
		return 1;
	}
	if (command_has(&line, "version")) {
		printf("%s version " VERSION "\ncommit: " VERSION "\nspec: " OCI_SPEC_VERSION "\n"
		       "+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU\n", /* as crun says it */
		       globals.program);
		return 0;
	}
	if (command_has(&line, "help") || line.arg_count == 0 || strcmp(line.args[0], "help") == 0)
		return print_help(globals.program, NULL);
	if (strcmp(line.args[0], "monitor") == 0) {
		log_set(globals.debug ? LOG_DEBUG : LOG_WARN, LOG_TEXT, 2);
		return oci_monitor_main();
	}
	command = find_command(line.args[0]);
	if (!command) {
		err_set(&err, ERR_BAD_REQUEST,
			"No help topic for '%.40s': no such command (see --help)", line.args[0]);
		report(&globals, &err);
		return 1;
	}
	return run(command, line.args + 1, line.arg_count - 1, &globals);
}
