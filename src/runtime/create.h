/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a container: state folder, cgroups, first process. Used by the commands create and run and
 * by the monitor. What fails leaves nothing behind.
 */
#ifndef CUBE_RUNTIME_CREATE_H
#define CUBE_RUNTIME_CREATE_H

#include "runtime/container.h"
#include "runtime/init.h"
#include "runtime/notify.h"

struct create {
	const char *id, *root;       /* state folder is root/id */
	const char *bundle;          /* absolute */
	const struct oci_spec *spec;
	struct str config;           /* its bytes, kept in the state folder … */
	const char *config_name;     /* … as CONTAINER_CONFIG or CONTAINER_JOB */
	const struct overlay *overlay;
	bool is_sandbox, no_pivot, wait_for_start, dir_may_exist;
	const char *notify_at;       /* where its notify folder is mounted, NULL without */
	bool keeps_keyring;          /* the session's, of who started us */
	bool relays_terminal;        /* its output goes to a terminal or file of ours */
	bool ignore_cgroup_errors;   /* rootless */
	bool systemd_cgroup;         /* the cgroup is a unit of systemd; the user's own when rootless */
	int stdio[3];                /* -1: inherit */
	int preserve_fds;
	int console_socket;          /* where the pty's master is sent; -1: kept in ret_master */
};

struct created {
	int master;                  /* pty, -1 without */
	int64_t started_ns;
	struct notify notify;        /* listened on before the program ran */
};

/* ret must be AUTO_CONTAINER'd by the caller; ret->pidfd is open. */
int container_create(const struct create *create, struct arena *arena, struct container *ret, struct created *ret_more,
		     struct err *err) MUST_CHECK;
/* For what brings its first process along (restore): state folder, cgroups, paths. *ret_keeper holds a systemd unit's
 * place until somebody else is in it. */
int container_prepare(const struct create *create, struct arena *arena, struct container *ret, int *ret_keeper,
		      struct err *err) MUST_CHECK;
void container_end_keeper(int *keeper);
/* Removes what there is of a container that did not come about. */
void container_undo(struct container *c);
/* Runs poststart hooks, after a container_create() that did not wait for start. */
int container_started(struct container *c, const struct oci_spec *spec, struct err *err) MUST_CHECK;
/* Lets a created container's program run; an exec failure comes back as the error. Runs poststart hooks. */
int container_start(struct container *c, const struct oci_spec *spec, struct err *err) MUST_CHECK;
/* After its end: removes what is left, runs poststop hooks (their failure is only logged). spec may be NULL. */
int container_delete(struct container *c, const struct oci_spec *spec, bool keep_dir, struct err *err) MUST_CHECK;

#endif
