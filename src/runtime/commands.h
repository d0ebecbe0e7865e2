/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the rows of commands.c, one file per family. */
#ifndef CUBE_RUNTIME_COMMANDS_H
#define CUBE_RUNTIME_COMMANDS_H

#include <stdint.h>
#include <yyjson.h>
#include "base/buf.h"
#include "runtime/command.h"
#include "runtime/create.h"

typedef int command_run(const struct command_line *line, int *ret_status, struct err *err);

/* command_life.c */
command_run command_create, command_start, command_run_container, command_delete, command_kill, command_pause,
	command_resume;
/* command_checkpoint.c */
command_run command_checkpoint, command_restore;
/* command_exec.c */
command_run command_exec;
/* command_show.c */
command_run command_state, command_list, command_ps, command_spec, command_features;
/* command_events.c */
command_run command_events;
/* command_update.c */
command_run command_update;

/* What create, run and restore have: the bundle, and from it and the flags what to make. */
struct command_bundle {
	struct arena *arena;
	struct buf text;
	yyjson_doc *doc;
	struct oci_spec spec;
	const char *path;
};
int command_prepare(const struct command_line *line, struct command_bundle *bundle, struct create *create,
		    struct err *err) MUST_CHECK;
void command_bundle_close(struct command_bundle *b);
/* Stays until it ends, then deletes it (unless --keep). */
int command_foreground(const struct command_line *line, const struct create *create, struct container *c,
		       struct created *created, int *ret_status, struct err *err) MUST_CHECK;
/* One JSON document on stdout; frees it. */
int command_print_doc(yyjson_mut_doc *doc, bool pretty, struct err *err) MUST_CHECK;
/* The object of this name in another, made when it is missing. */
yyjson_mut_val *command_child(yyjson_mut_doc *doc, yyjson_mut_val *in, const char *name);
/* Files of the command line: writes a pid the way engines wait for it. */
int command_write_pid(const char *path, int pid, struct err *err) MUST_CHECK;
/* --preserve-fds: its descriptors must be open. */
int command_preserved_fds(const char *text, uint64_t *ret_count, struct err *err) MUST_CHECK;
/* --pidfd-socket: connects before anything is made; -1 without the flag. Then hands the pidfd over.
 */
int command_pidfd_socket(const struct command_line *line, int *ret_sock,
			 struct err *err) MUST_CHECK;
int command_send_pidfd(int sock, int pidfd, struct err *err) MUST_CHECK;

#endif
