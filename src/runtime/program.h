/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of a container's process, shared by init and exec: what config.json's "process" says, from rlimits to
 * execve. program_prepare() runs before the process is cloned and reports bad fields; program_exec() runs in it, when
 * it is in its namespaces and sees its root.
 */
#ifndef CUBE_RUNTIME_PROGRAM_H
#define CUBE_RUNTIME_PROGRAM_H

#include <limits.h>
#include "base/err.h"
#include "linux/capability.h"
#include "oci/spec.h"
#include "runtime/seccomp.h"

/* How the kernel's refusal to execute the program begins: users know the words from the logs of containers. */
#define PROGRAM_REFUSED "exec "

struct program {
	const struct oci_process *process;
	const struct oci_personality *personality;
	const struct oci_memory_policy *memory_policy;
	struct capability_sets capabilities;
	struct seccomp_program seccomp;
	int stdio[3];          /* become 0, 1, 2; -1: stay as they are */
	int preserve_fds;      /* 3 … 3+n-1 stay open in the program */
	int host_proc_fd;      /* the host's /proc, O_PATH */
	int exe_fd;            /* selfexe_prepare() */
	int error_sock;        /* where the seccomp listener and errors go; close-on-exec */
	bool has_userns;
	bool is_in_userns;     /* already: a user without privileges had to join it first */
	bool keeps_groups;     /* supplementary groups of who started us */
	int (*before_exec)(void *arg, struct err *err); /* as the program will be: user, capabilities, filter */
	void *before_exec_arg;
	const char *const *environment; /* what the program gets; there for before_exec */
	char path[PATH_MAX];   /* filled by program_find() */
};

int program_prepare(struct program *program, const struct oci_process *process, struct err *err) MUST_CHECK;
/* While still root, in the namespaces: rlimits, scheduler, user, working folder, and the program is looked up, so that
 * a missing one is reported by create already. */
int program_enter(struct program *program, struct err *err) MUST_CHECK;
/* Capabilities, no_new_privs, seccomp, execve. Returns only on failure. */
int program_exec(struct program *program, struct err *err) MUST_CHECK;
/* In a user namespace just entered. */
int program_become_root(const struct oci_process *process, struct err *err) MUST_CHECK;
/* Returns -errno. A file of this process in the host's /proc: the container's may be a trap. */
int program_write_self(const struct program *program, const char *name, const char *text) MUST_CHECK;
/* The descriptors of the host that the child needs. */
int program_open_host(struct program *program, struct err *err) MUST_CHECK;

#endif
