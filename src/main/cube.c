/* SPDX-License-Identifier: Apache-2.0 */
/* The program `cube`: the list of its commands. */
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "api/version.h"
#include "cli/cmds.h"
#include "main/reset.h"
#include "main/server.h"
#include "main/snapshot.h"

static const struct program program_cube;

static int print_text(void (*write)(const struct program *, struct buf *), struct err *err)
{
	AUTO_BUF out = { 0 };

	buf_init(&out, (size_t)4 << 20);
	write(&program_cube, &out);
	return fd_write_all(STDOUT_FILENO, out.ptr, out.len, err) < 0 ? 1 : 0;
}

static int completion_run(struct cmd_run *run, struct err *err)
{
	if (!str_eq(run->args[0], STR("bash")) && !str_eq(run->args[0], STR("zsh")))
		return err_set(err, ERR_BAD_REQUEST, "no completion for '" STR_FMT "': bash or zsh",
			       STR_ARG(run->args[0]));
	return print_text(help_completion, err);
}

static int man_run(struct cmd_run *run, struct err *err)
{
	return print_text(help_man, err);
}

static int version_run(struct cmd_run *run, struct err *err)
{
	AUTO_BUF out = { 0 };

	buf_init(&out, 256);
	buf_printf(&out, "cube %s (Kubernetes API " KUBERNETES_VERSION ")\n", CUBE_VERSION);
	return fd_write_all(STDOUT_FILENO, out.ptr, out.len, err) < 0 ? 1 : 0;
}

static const struct cmd cmd_completion = { .path = "completion",
					   .args = "bash|zsh",
					   .args_min = 1,
					   .args_max = 1,
					   .summary = "Print a completion script for the shell",
					   .run = completion_run,
					   .example = "  source <(cube completion bash)" };
static const struct cmd cmd_man = { .path = "man",
				    .args = "",
				    .summary = "Print the manual page",
				    .run = man_run,
				    .example = "  cube man | man -l -" };
static const struct cmd cmd_version = {
	.path = "version", .args = "", .summary = "Print the version", .run = version_run
};

static const struct cmd *const cmds[] = {
	&cmd_server,	 &cmd_image_load,    &cmd_image_ls,	    &cmd_image_pull,
	&cmd_image_rm,	 &cmd_snapshot_save, &cmd_snapshot_restore, &cmd_reset,
	&cmd_completion, &cmd_man,	     &cmd_version,	    NULL,
};

static const struct program program_cube = {
	.name = "cube",
	.summary = "cube: containers to cluster in one small program",
	.cmds = cmds,
};

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* A peer that goes away, or a file that may not grow, is an error of that one write. */
	if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0)
		return 1;
	return program_main(&program_cube, (const char *const *)argv, argc);
}
