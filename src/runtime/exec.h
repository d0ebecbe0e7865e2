/* SPDX-License-Identifier: Apache-2.0 */
/* Another program in a running container. */
#ifndef CUBE_RUNTIME_EXEC_H
#define CUBE_RUNTIME_EXEC_H

#include "runtime/container.h"
#include "runtime/program.h"

struct exec {
	struct container *container;
	const struct oci_spec
		*spec; /* of the container: seccomp and personality hold for this program as well */
	const struct oci_process *process;
	const char *const
		*cgroups;   /* by controller: the folder below the container's; NULL: its own */
	int console_socket; /* gets the pty's master; -1: *ret_master */
	int preserve_fds;
};

/* Returns when the program was exec'd. */
int container_exec(const struct exec *exec, pid_t *ret_pid, int *ret_pidfd, int *ret_master,
		   struct err *err) MUST_CHECK;

#endif
