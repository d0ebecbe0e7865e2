/* SPDX-License-Identifier: Apache-2.0 */
/* The command update: limits of a running container, from a resources file or from flags. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"
#include "runtime/cgroup_plan.h"
#include "runtime/commands.h"
#include "runtime/container.h"
#include "runtime/systemd.h"

static int read_file(const char *path, struct buf *text, struct err *err)
{
	ssize_t got = 1;

	if (strcmp(path, "-") != 0)
		return fd_read_file(AT_FDCWD, path, OCI_SPEC_BYTES_MAX, text, err);
	while (got > 0) {
		void *room = buf_room(text, 4096);

		if (!room)
			return buf_check(text, "resources", err);
		got = read(0, room, 4096);
		if (got > 0)
			buf_added(text, (size_t)got);
	}
	return got < 0 ? err_os(err, "read stdin") : 0;
}

/* Flags become the same JSON fields as in config.json, so that one decoder and one plan serve both. */
static const struct {
	const char *flag, *part, *field;
} rows[] = {
	{ "memory", "memory", "limit" },
	{ "memory-reservation", "memory", "reservation" },
	{ "memory-swap", "memory", "swap" },
	{ "cpu-share", "cpu", "shares" },
	{ "cpu-quota", "cpu", "quota" },
	{ "cpu-period", "cpu", "period" },
	{ "cpu-burst", "cpu", "burst" },
	{ "cpu-rt-period", "cpu", "realtimePeriod" },
	{ "cpu-rt-runtime", "cpu", "realtimeRuntime" },
	{ "cpu-idle", "cpu", "idle" },
	{ "pids-limit", "pids", "limit" },
	{ "blkio-weight", "blockIO", "weight" },
};

/* "64m" as engines' users write it. */
static int parse_amount(const char *flag, const char *text, int64_t *ret, struct err *err)
{
	static const char units[] = "kmgt";
	struct str s = str_from(text);
	int64_t factor = 1;
	const char *unit;

	if (s.len > 1 && (s.ptr[s.len - 1] == 'b' || s.ptr[s.len - 1] == 'B'))
		s.len--;
	if (s.len > 1 && (unit = strchr(units, s.ptr[s.len - 1] | 0x20)) != NULL && *unit) {
		factor = INT64_C(1) << (10 * (unit - units + 1));
		s.len--;
	}
	if (num_parse_i64(s, -1, INT64_MAX / factor, flag, ret, err) < 0)
		return -1;
	*ret *= factor;
	return 0;
}

static int from_flags(const struct command_line *line, yyjson_mut_doc *doc, struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_obj(doc), *part;
	int64_t value;

	yyjson_mut_doc_set_root(doc, root);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *text = command_value(line, rows[i].flag);

		if (!text)
			continue;
		if (parse_amount(rows[i].flag, text, &value, err) < 0)
			return -1;
		part = yyjson_mut_obj_get(root, rows[i].part);
		if (!part)
			part = yyjson_mut_obj_add_obj(doc, root, rows[i].part);
		if (value >= 0)
			yyjson_mut_obj_add_uint(doc, part, rows[i].field, (uint64_t)value);
		else
			yyjson_mut_obj_add_int(doc, part, rows[i].field, value);
	}
	for (int i = 0; i < 2; i++) {
		const char *text = command_value(line, i ? "cpuset-mems" : "cpuset-cpus");

		if (!text)
			continue;
		part = yyjson_mut_obj_get(root, "cpu");
		if (!part)
			part = yyjson_mut_obj_add_obj(doc, root, "cpu");
		yyjson_mut_obj_add_str(doc, part, i ? "mems" : "cpus", text);
	}
	return 0;
}

static int apply(struct container *c, yyjson_val *root, struct arena *arena, struct err *err)
{
	struct oci_resources resources;
	struct cgroup_plan plan;

	if (field_decode(&oci_resources_table, root, arena, &resources, err) < 0 ||
	    cgroup_plan(&resources, c->cgroup.is_v2, arena, &plan, err) < 0)
		return -1;
	if (systemd_update(c, &plan, arena, err) < 0)
		return -1;
	return cgroup_plan_update(&plan, &c->cgroup, err);
}

int command_update(const struct command_line *line, int *ret_status, struct err *err)
{
	const char *file = command_value(line, "resources");
	yyjson_mut_doc *flags = NULL;
	yyjson_doc *doc = NULL;
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	AUTO_BUF text = { 0 };
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, OCI_SPEC_BYTES_MAX);
	if (container_open(line->globals->root, line->args[0], &arena, &c, err) < 0)
		return -1;
	if (c.pidfd < 0 || !c.has_cgroup)
		return err_set(err, ERR_CONFLICT, "container not running");
	if (command_has(line, "l3-cache-schema") || command_has(line, "mem-bw-schema"))
		return err_set(err, ERR_UNSUPPORTED, "Intel RDT is not supported");
	if (file) {
		failed = read_file(file, &text, err);
		if (failed == 0)
			failed = oci_json_parse(buf_str(&text), "resources", &doc, err);
	} else {
		flags = yyjson_mut_doc_new(NULL);
		failed = from_flags(line, flags, err);
		if (failed == 0) {
			char *written = yyjson_mut_write(flags, 0, NULL);

			failed = oci_json_parse(str_from(written), "flags", &doc, err);
			free(written);
		}
		yyjson_mut_doc_free(flags);
	}
	if (failed == 0)
		failed = apply(&c, yyjson_doc_get_root(doc), &arena, err);
	yyjson_doc_free(doc);
	return failed;
}
