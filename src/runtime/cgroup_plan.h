/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From linux.resources to the files of a cgroup: a pure plan for v1 or v2, and applying it. Used by create and update.
 */
#ifndef CUBE_RUNTIME_CGROUP_PLAN_H
#define CUBE_RUNTIME_CGROUP_PLAN_H

#include "base/arena.h"
#include "base/err.h"
#include "linux/cgroup.h"
#include "linux/filter.h"
#include "oci/spec.h"

struct cgroup_change {
	enum cgroup_controller controller; /* whose folder on v1 */
	const char *file, *value;
	const char *field;                 /* of config.json, for errors */
};

#define CGROUP_CHANGES_MAX 2048
struct cgroup_plan {
	struct cgroup_change *changes; /* in the order to be written */
	size_t count;
	uint32_t controllers;	 /* that must be there */
	uint32_t optional;	 /* joined where they are */
	int64_t checked_memory, checked_swap; /* v2, checkBeforeUpdate: limits for what is in use; 0: none */
	bool has_devices;
	struct filter_device *devices; /* v2: the whole list, last match wins */
	size_t device_count;
};

int cgroup_plan(const struct oci_resources *resources, bool is_v2, struct arena *arena, struct cgroup_plan *ret,
		struct err *err) MUST_CHECK;
/* Makes the folders that are missing and writes the values. */
int cgroup_plan_apply(const struct cgroup_plan *plan, struct cgroup *cgroup, struct err *err) MUST_CHECK;
/* For a running container: its processes also move into the folders that were made only now. */
int cgroup_plan_update(const struct cgroup_plan *plan, struct cgroup *cgroup, struct err *err) MUST_CHECK;
/* Who inside may make cgroups beneath the container's (v2): a user of its user namespace, in a cgroup namespace of its
 * own, when it may write the mount. False: nobody. */
bool cgroup_plan_owner(const struct oci_spec *spec, uint32_t *ret) MUST_CHECK;
/* "/a/b" from linux.cgroupsPath, or "/<id>" without one. */
int cgroup_plan_path(const char *cgroups_path, const char *id, struct arena *arena, const char **ret,
		     struct err *err) MUST_CHECK;

/* For who may not load rules of devices: only root can, and a user namespace has no devices but what was bound
 * into it. */
void cgroup_plan_drop_devices(struct cgroup_plan *plan);

#endif
