/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the rows of commands.c, one file per family. */
#ifndef CUBE_RUNTIME_COMMANDS_H
#define CUBE_RUNTIME_COMMANDS_H

#include "runtime/command.h"

typedef int command_run(const struct command_line *line, int *ret_status, struct err *err);

/* command_life.c */
command_run command_create, command_start, command_run_container, command_delete, command_kill, command_pause,
	command_resume;
/* command_exec.c */
command_run command_exec;
/* command_show.c */
command_run command_state, command_list, command_ps, command_events, command_spec, command_features;
/* command_update.c */
command_run command_update;

/* Files of the command line: writes a pid the way engines wait for it. */
int command_write_pid(const char *path, int pid, struct err *err) MUST_CHECK;

#endif
