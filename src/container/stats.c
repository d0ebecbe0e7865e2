/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from a container's cgroups, v1 or v2. What a host does not count stays 0. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "container/service_internal.h"
#include "linux/cgroup.h"

#define UNLIMITED ((uint64_t)1 << 60) /* v1 says "no limit" with a number of this size */

struct reading {
	struct work work;
	struct task refuse;
	struct container_stats *request;
	struct container_service *service;
	struct arena arena;
	struct str cgroup_path;
	char *upper_path;
	bool failed;
	struct err err;
};

/* Missing files leave *ret as it is. */
static void take_u64(int fd, const char *file, uint64_t *ret)
{
	uint64_t value;

	if (fd >= 0 && cgroup_read_u64(fd, file, &value) == 0 && value < UNLIMITED)
		*ret = value;
}

static void take_key(int fd, const char *file, const char *key, uint64_t scale, uint64_t *ret)
{
	uint64_t value;

	if (fd >= 0 && cgroup_read_key(fd, file, key, &value) == 0)
		*ret = value * scale;
}

static void read_v2(const struct cgroup *c, struct container_stats *to)
{
	int fd = c->dir_fds[CGROUP_UNIFIED];
	uint64_t inactive = 0;

	take_key(fd, "cpu.stat", "usage_usec", 1000, &to->cpu_ns);
	take_key(fd, "cpu.stat", "user_usec", 1000, &to->cpu_user_ns);
	take_key(fd, "cpu.stat", "system_usec", 1000, &to->cpu_system_ns);
	take_key(fd, "cpu.stat", "nr_periods", 1, &to->periods);
	take_key(fd, "cpu.stat", "nr_throttled", 1, &to->throttled_periods);
	take_key(fd, "cpu.stat", "throttled_usec", 1000, &to->throttled_ns);
	take_u64(fd, "memory.current", &to->memory_bytes);
	take_u64(fd, "memory.max", &to->memory_limit_bytes);
	take_key(fd, "memory.stat", "anon", 1, &to->rss_bytes);
	take_key(fd, "memory.stat", "inactive_file", 1, &inactive);
	take_key(fd, "memory.stat", "pgfault", 1, &to->page_faults);
	take_key(fd, "memory.stat", "pgmajfault", 1, &to->major_page_faults);
	take_u64(fd, "pids.current", &to->pids);
	take_u64(fd, "pids.max", &to->pids_limit);
	to->working_set_bytes = to->memory_bytes > inactive ? to->memory_bytes - inactive : 0;
}

static void read_v1(const struct cgroup *c, struct container_stats *to)
{
	int cpu = c->dir_fds[CGROUP_CPU], account = c->dir_fds[CGROUP_CPUACCT], memory = c->dir_fds[CGROUP_MEMORY];
	uint64_t inactive = 0;
	int64_t tick_ns = 10000000; /* USER_HZ is 100 on all Linux ports we run on */

	take_u64(account, "cpuacct.usage", &to->cpu_ns);
	take_key(account, "cpuacct.stat", "user", (uint64_t)tick_ns, &to->cpu_user_ns);
	take_key(account, "cpuacct.stat", "system", (uint64_t)tick_ns, &to->cpu_system_ns);
	take_key(cpu, "cpu.stat", "nr_periods", 1, &to->periods);
	take_key(cpu, "cpu.stat", "nr_throttled", 1, &to->throttled_periods);
	take_key(cpu, "cpu.stat", "throttled_time", 1, &to->throttled_ns);
	take_u64(memory, "memory.usage_in_bytes", &to->memory_bytes);
	take_u64(memory, "memory.limit_in_bytes", &to->memory_limit_bytes);
	take_key(memory, "memory.stat", "total_rss", 1, &to->rss_bytes);
	take_key(memory, "memory.stat", "total_inactive_file", 1, &inactive);
	take_key(memory, "memory.stat", "total_pgfault", 1, &to->page_faults);
	take_key(memory, "memory.stat", "total_pgmajfault", 1, &to->major_page_faults);
	take_u64(c->dir_fds[CGROUP_PIDS], "pids.current", &to->pids);
	take_u64(c->dir_fds[CGROUP_PIDS], "pids.max", &to->pids_limit);
	to->working_set_bytes = to->memory_bytes > inactive ? to->memory_bytes - inactive : 0;
}

static int read_disk(const char *upper, struct container_stats *to, struct err *err)
{
	char *const paths[] = { (char *)upper, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;

	if (!walk)
		return err_os(err, "walk %s", upper);
	while ((e = fts_read(walk))) {
		if (e->fts_info == FTS_DP || !e->fts_statp)
			continue;
		to->writable_inodes++;
		to->writable_bytes += (uint64_t)e->fts_statp->st_blocks * 512;
	}
	fts_close(walk);
	return 0;
}

static int read_all(struct reading *r, struct err *err)
{
	struct container_stats *to = r->request;
	struct cgroup c;
	bool found = false;
	int failed = cgroup_init(&c, r->cgroup_path.ptr);

	if (failed < 0)
		return err_neg(err, failed, "cgroup");
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		found |= cgroup_attach(&c, (enum cgroup_controller)i) == 0;
	if (found && c.is_v2)
		read_v2(&c, to);
	else if (found)
		read_v1(&c, to);
	cgroup_deinit(&c);
	return to->want_disk ? read_disk(r->upper_path, to, err) : 0;
}

static void stats_run(struct work *work)
{
	struct reading *r = CONTAINER_OF(work, struct reading, work);

	r->failed = read_all(r, &r->err) < 0;
}

static void stats_end(struct reading *r)
{
	struct container_stats *request = r->request;
	struct err err = r->err;
	bool failed = r->failed;

	r->service->busy--;
	request->at_ns = env_wall_ns(r->service->env);
	arena_deinit(&r->arena);
	mem_free(r->upper_path);
	mem_free(r);
	request->impl = NULL;
	request->done(request, failed ? &err : NULL);
}

static void stats_done(struct work *work)
{
	stats_end(CONTAINER_OF(work, struct reading, work));
}

static void stats_refused(struct task *task)
{
	stats_end(CONTAINER_OF(task, struct reading, refuse));
}

void container_stats_read(struct container_service *service, struct str id, struct container_stats *stats)
{
	struct container *container = container_get(service, id);
	struct container_stats zero = { .done = stats->done, .owner = stats->owner, .want_disk = stats->want_disk };
	struct reading *r = NEW(struct reading);

	*stats = zero;
	stats->impl = r;
	r->request = stats;
	r->service = service;
	arena_init(&r->arena, 1u << 20);
	service->busy++;
	task_init(&r->refuse, stats_refused);
	if (!container) {
		r->failed = true;
		err_set(&r->err, ERR_NOT_FOUND, "No such container: " STR_FMT, STR_ARG(id));
		env_defer(service->env, &r->refuse);
		return;
	}
	r->cgroup_path = unit_cgroup_path(unit_of(container), &r->arena);
	r->upper_path = mem_printf("%s/upper", unit_of(container)->dir_path);
	stats->want_disk &= !container->spec->is_sandbox;
	r->work.run = stats_run;
	r->work.done = stats_done;
	env_work(service->env, &r->work);
}
