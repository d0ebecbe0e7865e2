/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd cgroup driver: a container's cgroup is the scope unit that systemd makes for it. The
 * state folder's link "unit" names the unit from before it exists until it is gone.
 */
#ifndef CUBE_RUNTIME_SYSTEMD_H
#define CUBE_RUNTIME_SYSTEMD_H

#include "runtime/container.h"
#include "runtime/systemd_plan.h"

#define SYSTEMD_LINK "unit"

/* ERR_UNSUPPORTED in one line when there is no systemd to ask; the user's own with is_user. */
int systemd_check(bool is_user, struct err *err) MUST_CHECK;
struct systemd_start {
	const char *cgroups_path;
	bool is_user;
	const struct cgroup_plan *plan;
	pid_t pid; /* the first process in it: a scope is never empty */
};
/* *ret_path: the scope's cgroup. */
int systemd_start(const struct systemd_start *start, struct container *c, struct arena *arena,
		  const char **ret_path, struct err *err) MUST_CHECK;
/* Both do nothing to a container without a unit. */
int systemd_update(const struct container *c, const struct cgroup_plan *plan, struct arena *arena,
		   struct err *err) MUST_CHECK;
int systemd_stop(const struct container *c, struct err *err) MUST_CHECK;

#endif
