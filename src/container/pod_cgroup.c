/* SPDX-License-Identifier: Apache-2.0 */
/* On a v1 host each controller has its own tree; on v2 there is one. What is not limited is left
 * alone. */
#include "container/pod_cgroup.h"

#include <errno.h>
#include <stdio.h>
#include "linux/cgroup.h"

#define REMOVE_WAIT_MS 2000

static int open_path(struct cgroup *c, struct str path, struct err *err)
{
	char text[CGROUP_PATH_MAX];
	int r;

	if (path.len == 0 || path.ptr[0] != '/' || str_contains(path, STR("..")) ||
	    str_copy_to(path, text, sizeof(text)) < 0)
		return err_set(err, ERR_BAD_REQUEST, "invalid cgroup path \"" STR_FMT "\"",
			       STR_ARG(str_slice(path, 0, 200)));
	r = cgroup_init(c, text);
	return r < 0 ? err_neg(err, r, "cgroup") : 0;
}

static int set_value(struct cgroup *c, enum cgroup_controller controller, const char *file,
		     const char *value, struct err *err)
{
	int fd = c->dir_fds[c->is_v2 ? CGROUP_UNIFIED : controller];
	int r = fd < 0 ? -ENOENT : cgroup_write(fd, file, value);

	return r < 0 ? err_neg(err, r, "cgroup %s: write %s to %s", c->path, value, file) : 0;
}

/* cpu.shares 2..262144 as cpu.weight 1..10000, as the kubelet converts them. */
static unsigned long long weight_of(uint64_t shares)
{
	uint64_t bounded = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;

	return 1 + ((bounded - 2) * 9999) / 262142;
}

static int set_limits(struct cgroup *c, const struct container_resources *r, struct err *err)
{
	char text[64];

	if (r->cpu_shares) {
		snprintf(text, sizeof(text), "%llu",
			 c->is_v2 ? weight_of(r->cpu_shares) : (unsigned long long)r->cpu_shares);
		if (set_value(c, CGROUP_CPU, c->is_v2 ? "cpu.weight" : "cpu.shares", text, err) < 0)
			return -1;
	}
	if (r->cpu_quota_us > 0 && c->is_v2) {
		snprintf(text, sizeof(text), "%lld %llu", (long long)r->cpu_quota_us,
			 (unsigned long long)(r->cpu_period_us ? r->cpu_period_us : 100000));
		if (set_value(c, CGROUP_CPU, "cpu.max", text, err) < 0)
			return -1;
	} else if (r->cpu_quota_us > 0) {
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)(r->cpu_period_us ? r->cpu_period_us : 100000));
		if (set_value(c, CGROUP_CPU, "cpu.cfs_period_us", text, err) < 0)
			return -1;
		snprintf(text, sizeof(text), "%lld", (long long)r->cpu_quota_us);
		if (set_value(c, CGROUP_CPU, "cpu.cfs_quota_us", text, err) < 0)
			return -1;
	}
	if (r->memory_bytes > 0) {
		snprintf(text, sizeof(text), "%lld", (long long)r->memory_bytes);
		if (set_value(c, CGROUP_MEMORY, c->is_v2 ? "memory.max" : "memory.limit_in_bytes",
			      text, err) < 0)
			return -1;
	}
	if (r->pids_max > 0) {
		snprintf(text, sizeof(text), "%lld", (long long)r->pids_max);
		if (set_value(c, CGROUP_PIDS, "pids.max", text, err) < 0)
			return -1;
	}
	return 0;
}

int pod_cgroup_make(struct str path, const struct container_resources *resources, struct err *err)
{
	static const enum cgroup_controller v1[] = { CGROUP_CPU, CGROUP_MEMORY, CGROUP_PIDS };
	struct cgroup c;
	int r = 0;

	if (open_path(&c, path, err) < 0)
		return -1;
	if (c.is_v2) {
		r = cgroup_make(&c, CGROUP_UNIFIED);
	} else {
		for (size_t i = 0; i < ARRAY_COUNT(v1) && (r == 0 || r == -ENOENT); i++)
			r = cgroup_make(&c, v1[i]);
		if (r == -ENOENT) /* no such controller on this host: only fatal where a limit needs
				     it */
			r = 0;
	}
	if (r < 0)
		r = err_neg(err, r, "make cgroup %s", c.path);
	else
		r = set_limits(&c, resources, err);
	cgroup_deinit(&c);
	return r;
}

int pod_cgroup_remove(struct str path, struct err *err)
{
	struct cgroup c;
	int r;

	if (open_path(&c, path, err) < 0)
		return -1;
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		r = cgroup_attach(&c, (enum cgroup_controller)i);
		(void)r; /* those that it has */
	}
	r = cgroup_remove(&c, REMOVE_WAIT_MS);
	cgroup_deinit(&c);
	return r < 0 && r != -ENOENT ? err_neg(err, r, "remove cgroup " STR_FMT, STR_ARG(path)) : 0;
}
