/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told of a container: the unit's name from linux.cgroupsPath, and its properties
 * from the plan of its cgroup files and from annotations. Pure.
 */
#ifndef CUBE_RUNTIME_SYSTEMD_PLAN_H
#define CUBE_RUNTIME_SYSTEMD_PLAN_H

#include "base/buf.h"
#include "runtime/cgroup_plan.h"

struct systemd_value {
	uint64_t number;
	const char *text, *second;
};
struct systemd_property {
	const char *name, *signature; /* one type, an array "aT", or "a(ss)" */
	struct systemd_value *values;
	size_t count;
};
#define SYSTEMD_PROPERTIES_MAX 128
#define SYSTEMD_VALUES_MAX 2048
struct systemd_plan {
	struct systemd_property items[SYSTEMD_PROPERTIES_MAX];
	size_t count;
};
struct systemd_scope {
	const char *slice, *unit;
};

/* "slice:prefix:name"; without a path system.slice (user.slice) and cube-<id>.scope. */
int systemd_plan_scope(const char *cgroups_path, const char *id, bool is_user, struct arena *arena,
		       struct systemd_scope *ret, struct err *err) MUST_CHECK;
/* version: of systemd; what it does not know is left to the files. */
int systemd_plan_resources(const struct cgroup_plan *plan, unsigned version, struct arena *arena,
			   struct systemd_plan *to, struct err *err) MUST_CHECK;
/* DevicePolicy and DeviceAllow, for a list that begins by denying everything and only allows from
 * there on. */
int systemd_plan_devices(const struct filter_device *rules, size_t count, struct arena *arena,
			 struct systemd_plan *to, struct err *err) MUST_CHECK;
/* org.systemd.property.NAME = a value as GVariant text: 'text', true, 5, uint64 5, ['a', 'b']. */
int systemd_plan_annotations(const struct oci_map *annotations, struct arena *arena,
			     struct systemd_plan *to, struct err *err) MUST_CHECK;
/* What is there under the name is replaced. */
int systemd_plan_put(struct systemd_plan *to, struct systemd_property add,
		     struct err *err) MUST_CHECK;
int systemd_plan_text(struct systemd_plan *to, struct arena *arena, const char *name,
		      const char *text, struct err *err) MUST_CHECK;
int systemd_plan_number(struct systemd_plan *to, struct arena *arena, const char *name,
			const char *signature, uint64_t number) MUST_CHECK;
/* "a(sv)" as systemd takes it. */
void systemd_plan_write(const struct systemd_plan *plan, struct buf *to);

#endif
