/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's first process between clone and execve. It talks to its maker over one SOCK_SEQPACKET pair; the first
 * byte of a message is its kind.
 *
 *   child → parent                               parent → child
 *   USERNS   map my ids, please                  GO
 *   BIND     open the source of a mount (its index) as the host's root, in my mount namespace   GO with it
 *   NETWORK  my network namespace is there   GO (after devices of the host have been moved into it)
 *   HOOKS    namespaces and mounts are there     GO (after prestart and createRuntime hooks)
 *   CONSOLE  carries the pty's master
 *   LISTENER carries the seccomp listener
 *   READY    waiting for `start`
 *   EXECING  last word before execve: what ends the stream after it is the exec, before it a death
 *   ERROR    struct err
 */
#ifndef CUBE_RUNTIME_INIT_H
#define CUBE_RUNTIME_INIT_H

#include "base/arena.h"
#include "linux/cgroup.h"
#include "oci/spec.h"
#include "runtime/container.h"
#include "runtime/program.h"

#define PROCESS_MISSING "process: required field is missing"

enum init_message {
	INIT_USERNS = 'U',
	INIT_NETWORK = 'N',
	INIT_BIND = 'B',
	INIT_HOOKS = 'H',
	INIT_CONSOLE = 'C',
	INIT_LISTENER = 'L',
	INIT_READY = 'R',
	INIT_ERROR = 'E',
	INIT_EXECING = 'X',
	INIT_GO = 'G',
};

struct overlay {
	struct oci_strings lower; /* topmost first */
	const char *upper, *work; /* NULL: read-only */
};

struct init {
	const struct oci_spec *spec;
	struct arena *arena;
	struct program program;
	const char *bundle;        /* absolute */
	const char *rootfs;        /* absolute; where the root gets mounted */
	const struct overlay *overlay;
	bool is_sandbox;           /* pid 1 is the built-in pause; without root.path an empty read-only root */
	bool no_pivot;
	bool dev_is_readonly;      /* a mount says so, and it comes last */
	bool wait_for_start;
	bool relays_terminal;
	bool keeps_keyring;
	bool may_be_entered;       /* while it waits: exec without privileges gets in by nothing else */
	bool has_hooks_before_pivot;
	uint64_t new_namespaces;   /* cloned with these */
	uint64_t unshare_later;    /* cgroup, and what must wait for a joined user namespace */
	int join_fds[8];           /* by namespace_all; -1 */
	bool joins_user;           /* one of them is a user namespace */
	bool has_joined;           /* before this process was made */
	int *bind_fds;             /* by mount: its source, opened by the host's root; -1; NULL for none */
	int *device_fds;           /* by device: a mount of it, made by the host's root; -1; NULL for none */
	struct cgroup *cgroup;     /* v1: joined here; NULL for none */
	uint32_t cgroup_join;      /* controllers still to be joined */
	int sock;
	int start_fd;              /* listening socket, -1 without wait_for_start */
	int null_fd;
	const struct container *container;
};

/* What hooks that run in the container get: the pid is the one it has there. In init->arena. */
struct str init_state(const struct init *init, enum container_status status);
/* v1's, before a user namespace that is joined takes the right to. */
int init_join_cgroups(struct init *init, struct err *err) MUST_CHECK;
/* Joins all but the pid namespace. */
int init_join(struct init *init, struct err *err) MUST_CHECK;
NORETURN void init_fail(int sock, const struct err *err);
/* bind.c: opens (and id-maps) the sources of binds while we may; a user namespace may not. */
int bind_open_all(struct init *init, struct err *err) MUST_CHECK;
/* Answers INIT_BIND: the source as the process of pidfd sees it. */
int bind_open_within(struct init *init, size_t index, int pidfd, int *ret_tree, struct err *err) MUST_CHECK;
/* Never returns. */
NORETURN void init_main(struct init *init);

/* rootfs.c: mounts everything and makes it the root. */
int rootfs_setup(struct init *init, struct err *err) MUST_CHECK;
/* device.c: nodes and links in /dev, the console. */
int device_open_all(struct init *init, struct err *err) MUST_CHECK; /* while we may make nodes that work */
int device_make_all(struct init *init, int root_fd, struct err *err) MUST_CHECK;
/* "/dev/null" and the others that each container has; NULL at the end. */
const char *device_default_path(size_t index);
int console_setup(struct init *init, int root_fd, struct err *err) MUST_CHECK;
/* One message with at most one descriptor (-1 for none). */
int init_send(int sock, enum init_message kind, int fd, struct err *err) MUST_CHECK;

#endif
