/* SPDX-License-Identifier: Apache-2.0 */
/* The command events: figures of a container's cgroups, and word when memory runs out. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "base/fd.h"
#include "base/num.h"
#include "base/time.h"
#include "linux/oom_watch.h"
#include "linux/process.h"
#include "runtime/commands.h"
#include "runtime/container.h"

#define STAT_BYTES_MAX (64u << 10)

/* Numbers of one file each: where they are in `events --stats` and in which file, v1 and v2; a key
 * is of a flat keyed file. */
static const struct {
	const char *part, *group, *name;
	enum cgroup_controller controller;
	const char *v1_file, *v1_key, *v2_file, *v2_key;
	uint64_t v1_unit, v2_unit; /* what the kernel counts in, in ns where it is a time */
} stat_rows[] = {
	{ "cpu", "usage", "total", CGROUP_CPUACCT, "cpuacct.usage", NULL, "cpu.stat", "usage_usec",
	  1, 1000 },
	{ "cpu", "usage", "kernel", CGROUP_CPUACCT, "cpuacct.usage_sys", NULL, "cpu.stat",
	  "system_usec", 1, 1000 },
	{ "cpu", "usage", "user", CGROUP_CPUACCT, "cpuacct.usage_user", NULL, "cpu.stat",
	  "user_usec", 1, 1000 },
	{ "cpu", "throttling", "periods", CGROUP_CPU, "cpu.stat", "nr_periods", "cpu.stat",
	  "nr_periods", 1, 1 },
	{ "cpu", "throttling", "throttledPeriods", CGROUP_CPU, "cpu.stat", "nr_throttled",
	  "cpu.stat", "nr_throttled", 1, 1 },
	{ "cpu", "throttling", "throttledTime", CGROUP_CPU, "cpu.stat", "throttled_time",
	  "cpu.stat", "throttled_usec", 1, 1000 },
	{ "memory", NULL, "cache", CGROUP_MEMORY, "memory.stat", "cache", "memory.stat", "file", 1,
	  1 },
	{ "memory", "usage", "usage", CGROUP_MEMORY, "memory.usage_in_bytes", NULL,
	  "memory.current", NULL, 1, 1 },
	{ "memory", "usage", "limit", CGROUP_MEMORY, "memory.limit_in_bytes", NULL, "memory.max",
	  NULL, 1, 1 },
	{ "memory", "usage", "max", CGROUP_MEMORY, "memory.max_usage_in_bytes", NULL, "memory.peak",
	  NULL, 1, 1 },
	{ "memory", "usage", "failcnt", CGROUP_MEMORY, "memory.failcnt", NULL, "memory.events",
	  "max", 1, 1 },
	{ "memory", "swap", "usage", CGROUP_MEMORY, "memory.memsw.usage_in_bytes", NULL,
	  "memory.swap.current", NULL, 1, 1 },
	{ "memory", "swap", "limit", CGROUP_MEMORY, "memory.memsw.limit_in_bytes", NULL,
	  "memory.swap.max", NULL, 1, 1 },
	{ "memory", "kernelTCP", "usage", CGROUP_MEMORY, "memory.kmem.tcp.usage_in_bytes", NULL,
	  "memory.stat", "sock", 1, 1 },
	{ "pids", NULL, "current", CGROUP_PIDS, "pids.current", NULL, "pids.current", NULL, 1, 1 },
	{ "pids", NULL, "limit", CGROUP_PIDS, "pids.max", NULL, "pids.max", NULL, 1, 1 },
};

static int stat_dir(const struct container *c, enum cgroup_controller controller)
{
	return c->cgroup.dir_fds[c->cgroup.is_v2 ? CGROUP_UNIFIED : controller];
}

static void add_numbers(const struct container *c, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	for (size_t i = 0; i < ARRAY_COUNT(stat_rows); i++) {
		bool v2 = c->cgroup.is_v2;
		int dir_fd = stat_dir(c, stat_rows[i].controller);
		const char *file = v2 ? stat_rows[i].v2_file : stat_rows[i].v1_file;
		const char *key = v2 ? stat_rows[i].v2_key : stat_rows[i].v1_key;
		yyjson_mut_val *part;
		uint64_t value;

		if (dir_fd < 0)
			continue;
		if ((key ? cgroup_read_key(dir_fd, file, key, &value)
			 : cgroup_read_u64(dir_fd, file, &value)) < 0)
			continue;
		value *= v2 ? stat_rows[i].v2_unit : stat_rows[i].v1_unit;
		part = command_child(doc, to, stat_rows[i].part);
		if (stat_rows[i].group)
			part = command_child(doc, part, stat_rows[i].group);
		yyjson_mut_obj_add_uint(doc, part, stat_rows[i].name, value);
	}
}

/* memory.stat as it is. */
static void add_raw(const struct container *c, yyjson_mut_doc *doc, yyjson_mut_val *to,
		    struct arena *arena)
{
	struct str rest, line, name, number;
	int dir_fd = stat_dir(c, CGROUP_MEMORY);
	yyjson_mut_val *raw;
	uint64_t value;
	AUTO_BUF text = { 0 };

	buf_init(&text, STAT_BYTES_MAX);
	if (dir_fd < 0 || fd_read_file(dir_fd, "memory.stat", STAT_BYTES_MAX, &text, NULL) < 0)
		return;
	raw = command_child(doc, command_child(doc, to, "memory"), "raw");
	rest = str_in(arena, buf_str(&text));
	while (str_next_part(&rest, '\n', &line)) {
		if (str_cut(line, ' ', &name, &number) &&
		    num_parse_u64(number, UINT64_MAX, "memory.stat", &value, NULL) == 0)
			yyjson_mut_obj_add(raw, yyjson_mut_strncpy(doc, name.ptr, name.len),
					   yyjson_mut_uint(doc, value));
	}
}

/* "some avg10=0.12 avg60=… total=123" */
static void add_pressure_line(yyjson_mut_doc *doc, yyjson_mut_val *psi, struct str line)
{
	struct str word, name, number;
	yyjson_mut_val *part;
	bool known = str_next_part(&line, ' ', &word);

	if (!known)
		return;
	part = yyjson_mut_obj(doc);
	yyjson_mut_obj_add(psi, yyjson_mut_strncpy(doc, word.ptr, word.len), part);
	while (str_next_part(&line, ' ', &word)) {
		char digits[40];
		yyjson_mut_val *value;

		if (!str_cut(word, '=', &name, &number) ||
		    str_copy_to(number, digits, sizeof(digits)) < 0)
			continue;
		value = str_eq_c(name, "total") ? yyjson_mut_uint(doc, strtoull(digits, NULL, 10))
						: yyjson_mut_real(doc, strtod(digits, NULL));
		yyjson_mut_obj_add(part, yyjson_mut_strncpy(doc, name.ptr, name.len), value);
	}
}

static void add_pressure(const struct container *c, yyjson_mut_doc *doc, yyjson_mut_val *to,
			 struct arena *arena)
{
	static const char names[][2][16] = {
		{ "cpu", "cpu.pressure" },
		{ "memory", "memory.pressure" },
		{ "blkio", "io.pressure" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(names) && c->cgroup.is_v2; i++) {
		struct str rest, line;
		yyjson_mut_val *psi;
		AUTO_BUF text = { 0 };

		buf_init(&text, STAT_BYTES_MAX);
		if (fd_read_file(c->cgroup.dir_fds[CGROUP_UNIFIED], names[i][1], STAT_BYTES_MAX,
				 &text, NULL) < 0)
			continue; /* a kernel without pressure figures */
		psi = command_child(doc, command_child(doc, to, names[i][0]), "psi");
		rest = str_in(arena, buf_str(&text));
		while (str_next_part(&rest, '\n', &line))
			add_pressure_line(doc, psi, line);
	}
}

static int print_event(const struct container *c, const char *type, struct err *err)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *values;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "type", type);
	yyjson_mut_obj_add_str(doc, root, "id", c->id);
	if (strcmp(type, "stats") == 0) {
		values = yyjson_mut_obj_add_obj(doc, root, "data");
		add_numbers(c, doc, values);
		add_raw(c, doc, values, &arena);
		add_pressure(c, doc, values, &arena);
	}
	return command_print_doc(doc, false, err);
}

/* Until it ends: figures at every interval, and each time that memory running out cost a process. */
static int follow(const struct container *c, int64_t interval_ns, struct oom_watch *oom, struct err *err)
{
	int64_t next = process_mono_ns();

	for (;;) {
		struct pollfd fds[] = { { .fd = c->pidfd, .events = POLLIN },
					{ .fd = oom->fd, .events = oom->events } };
		int64_t now = process_mono_ns();
		int wait_ms = oom_watch_wait_ms(oom);

		if (now >= next) {
			if (print_event(c, "stats", err) < 0)
				return -1;
			next += interval_ns;
			continue;
		}
		if (wait_ms < 0)
			wait_ms = (int)((next - now) / TIME_NS_PER_MS) + 1;
		if (poll(fds, ARRAY_COUNT(fds), wait_ms) < 0) {
			if (errno != EINTR)
				return err_os(err, "poll");
			continue;
		}
		if (fds[1].revents)
			oom_watch_event(oom, process_mono_ns());
		if (oom_watch_look(oom, process_mono_ns()) && print_event(c, "oom", err) < 0)
			return -1;
		if (fds[0].revents)
			return 0;
	}
}

int command_events(const struct command_line *line, int *ret_status, struct err *err)
{
	const char *interval = command_value(line, "interval");
	int64_t interval_ns = 5 * TIME_NS_PER_SECOND;
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	struct oom_watch oom;
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (interval &&
	    (time_parse_duration(str_from(interval), &interval_ns, err) < 0 || interval_ns <= 0))
		return err_set(err, ERR_INVALID, "duration interval must be greater than 0");
	if (container_open(line->globals->root, line->args[0], &arena, &c, err) < 0)
		return -1;
	if (c.pidfd < 0)
		return err_set(err, ERR_CONFLICT, "container with id %s is not running", c.id);
	if (command_has(line, "stats"))
		return print_event(&c, "stats", err);
	oom_watch_open(&oom, c.has_cgroup ? &c.cgroup : NULL,
		       c.has_cgroup ? cgroup_oom_kills(&c.cgroup) : 0);
	failed = follow(&c, interval_ns, &oom, err);
	oom_watch_close(&oom);
	return failed;
}
