/* SPDX-License-Identifier: Apache-2.0 */
/* See spec_check.h. Each refusal begins with the path of the field; what depends on the host is left to who acts. */
#include "oci/spec_check.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"

#define FIELD_PATH_BYTES 80
#define CPU_MAX 99999999 /* more than any kernel has; it says itself which are there */

static int absolute(const char *value, const char *field, struct err *err)
{
	if (value && value[0] == '/')
		return 0;
	return err_set(err, ERR_INVALID, "%s: expected an absolute path, got \"%.200s\"", field, value ? value : "");
}

static int absolute_paths(const struct oci_strings *paths, const char *list, struct err *err)
{
	char field[FIELD_PATH_BYTES];

	for (size_t i = 0; i < paths->count; i++) {
		snprintf(field, sizeof(field), "%s[%zu]", list, i);
		if (absolute(paths->items[i], field, err) < 0)
			return -1;
	}
	return 0;
}

static int check_env(const struct oci_strings *env, const char *list, struct err *err)
{
	for (size_t i = 0; i < env->count; i++) {
		const char *equals = strchr(env->items[i], '=');

		if (!equals || equals == env->items[i])
			return err_set(err, ERR_INVALID, "%s[%zu]: expected name=value, got \"%.100s\"", list, i,
				       env->items[i]);
	}
	return 0;
}

static bool is_range(struct str part)
{
	struct str low, high;
	uint64_t first, last;

	if (!str_cut(part, '-', &low, &high))
		high = low = part;
	return num_parse_u64(low, CPU_MAX, "", &first, NULL) == 0 &&
	       num_parse_u64(high, CPU_MAX, "", &last, NULL) == 0 && first <= last;
}

/* "0-3,7" as the kernel writes it; empty is none. */
static int check_cpus(const char *text, const char *field, struct err *err)
{
	struct str rest, part;

	if (!text || !text[0])
		return 0;
	rest = str_from(text);
	while (str_next_part(&rest, ',', &part)) {
		if (!is_range(part))
			return err_set(err, ERR_INVALID, "%s: expected a list of numbers and ranges, got \"%.100s\"",
				       field, text);
	}
	return 0;
}

static int check_scheduler(const struct oci_scheduler *s, const char *path, struct err *err)
{
	bool has_priority = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	if (s->nice.value < -20 || s->nice.value > 19)
		return err_set(err, ERR_INVALID, "%s.scheduler.nice: expected -20 to 19", path);
	if (has_priority ? s->priority.value < 1 || s->priority.value > 99 : s->priority.value != 0)
		return err_set(err, ERR_INVALID, "%s.scheduler.priority: expected %s with this policy", path,
			       has_priority ? "1 to 99" : "0");
	if (s->policy != 6 /* SCHED_DEADLINE */ && (s->runtime.value || s->deadline.value || s->period.value))
		return err_set(err, ERR_INVALID, "%s.scheduler.%s: only with the policy SCHED_DEADLINE", path,
			       s->runtime.value    ? "runtime"
			       : s->deadline.value ? "deadline"
						   : "period");
	return 0;
}

static int check_rlimits(const struct oci_list *limits, const char *path, struct err *err)
{
	for (size_t i = 0; i < limits->count; i++) {
		const struct oci_rlimit *limit = OCI_ITEM(*limits, struct oci_rlimit, i);

		if (limit->soft.value > limit->hard.value)
			return err_set(err, ERR_INVALID, "%s.rlimits[%zu].soft: greater than hard", path, i);
		for (size_t j = 0; j < i; j++) {
			if (OCI_ITEM(*limits, struct oci_rlimit, j)->type == limit->type)
				return err_set(err, ERR_INVALID, "%s.rlimits[%zu].type: given twice", path, i);
		}
	}
	return 0;
}

int oci_process_check(struct arena *arena, struct oci_process *process, const char *path, struct err *err)
{
	const struct oci_cpu_affinity *affinity = process->exec_cpu_affinity;
	char field[FIELD_PATH_BYTES];

	if (!process->user)
		process->user = ARENA_NEW(arena, struct oci_user);
	snprintf(field, sizeof(field), "%s.cwd", path);
	if (absolute(process->cwd, field, err) < 0 || check_rlimits(&process->rlimits, path, err) < 0)
		return -1;
	if (process->oom_score_adj.is_set && process->oom_score_adj.value < -1000)
		return err_set(err, ERR_INVALID, "%s.oomScoreAdj: expected -1000 to 1000", path);
	snprintf(field, sizeof(field), "%s.env", path);
	if (check_env(&process->env, field, err) < 0)
		return -1;
	if (process->io_priority && process->io_priority->priority.value < 0)
		return err_set(err, ERR_INVALID, "%s.ioPriority.priority: expected 0 to 7", path);
	if (process->scheduler && check_scheduler(process->scheduler, path, err) < 0)
		return -1;
	snprintf(field, sizeof(field), "%s.execCPUAffinity.initial", path);
	if (affinity && check_cpus(affinity->initial, field, err) < 0)
		return -1;
	snprintf(field, sizeof(field), "%s.execCPUAffinity.final", path);
	return affinity ? check_cpus(affinity->final, field, err) : 0;
}

static bool overlap(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_id_maps(const struct oci_list *maps, const char *list, struct err *err)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *m = OCI_ITEM(*maps, struct oci_id_map, i);
		uint64_t size = m->size.value;

		if (size == 0)
			return err_set(err, ERR_INVALID, "%s[%zu].size: expected more than 0", list, i);
		if (m->container_id.value + size > UINT32_MAX || m->host_id.value + size > UINT32_MAX)
			return err_set(err, ERR_INVALID, "%s[%zu].size: reaches beyond the last id", list, i);
		for (size_t k = 0; k < i; k++) {
			const struct oci_id_map *other = OCI_ITEM(*maps, struct oci_id_map, k);

			if (overlap(m->container_id.value, other->container_id.value, size, other->size.value) ||
			    overlap(m->host_id.value, other->host_id.value, size, other->size.value))
				return err_set(err, ERR_INVALID, "%s[%zu]: overlaps %s[%zu]", list, i, list, k);
		}
	}
	return 0;
}

static int check_user_namespace(const struct oci_linux *l, bool is_there, bool is_new, struct err *err)
{
	const struct oci_list *lists[2] = { &l->uid_mappings, &l->gid_mappings };
	static const char names[2][20] = { "linux.uidMappings", "linux.gidMappings" };

	for (int i = 0; i < 2; i++) {
		if (lists[i]->count && !is_there)
			return err_set(err, ERR_INVALID, "%s: needs a namespace of type \"user\"", names[i]);
		if (is_new && !lists[i]->count)
			return err_set(err, ERR_INVALID, "%s: needed with a new namespace of type \"user\"", names[i]);
		if (check_id_maps(lists[i], names[i], err) < 0)
			return -1;
	}
	return 0;
}

static int check_namespaces(const struct oci_linux *l, struct err *err)
{
	bool is_new_user = false;
	unsigned seen = 0;

	for (size_t i = 0; i < l->namespaces.count; i++) {
		const struct oci_namespace *ns = OCI_ITEM(l->namespaces, struct oci_namespace, i);
		bool joins = ns->path && ns->path[0];
		char field[FIELD_PATH_BYTES];

		if (seen >> ns->type & 1)
			return err_set(err, ERR_INVALID, "linux.namespaces[%zu].type: \"%s\" is given twice", i,
				       oci_namespace_names[ns->type].name);
		seen |= 1u << ns->type;
		is_new_user |= ns->type == OCI_NS_USER && !joins;
		if (ns->type == OCI_NS_TIME && joins && l->time_offsets)
			return err_set(err, ERR_INVALID, "linux.timeOffsets: not with a time namespace that is joined");
		snprintf(field, sizeof(field), "linux.namespaces[%zu].path", i);
		if (joins && absolute(ns->path, field, err) < 0)
			return -1;
	}
	if (l->time_offsets && !(seen >> OCI_NS_TIME & 1))
		return err_set(err, ERR_INVALID, "linux.timeOffsets: needs a namespace of type \"time\"");
	return check_user_namespace(l, seen >> OCI_NS_USER & 1, is_new_user, err);
}

/* A device number of the kernel has 12 and 20 bits. */
static int check_number(int64_t major, int64_t minor, const char *field, struct err *err)
{
	if (major < 0 || major >= 1 << 12)
		return err_set(err, ERR_INVALID, "%s.major: expected 0 to %d", field, (1 << 12) - 1);
	if (minor < 0 || minor >= 1 << 20)
		return err_set(err, ERR_INVALID, "%s.minor: expected 0 to %d", field, (1 << 20) - 1);
	return 0;
}

static int check_devices(const struct oci_list *devices, struct err *err)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct oci_device *d = OCI_ITEM(*devices, struct oci_device, i);
		char field[FIELD_PATH_BYTES];

		snprintf(field, sizeof(field), "linux.devices[%zu].path", i);
		if (absolute(d->path, field, err) < 0)
			return -1;
		if (strlen(d->type) != 1 || !strchr("cbup", d->type[0]))
			return err_set(err, ERR_INVALID,
				       "linux.devices[%zu].type: expected c, b, u or p, got \"%.20s\"", i, d->type);
		if (d->type[0] == 'p')
			continue;
		if (!d->major.is_set || !d->minor.is_set)
			return err_set(err, ERR_INVALID, "linux.devices[%zu].major: required field is missing", i);
		snprintf(field, sizeof(field), "linux.devices[%zu]", i);
		if (check_number(d->major.value, d->minor.value, field, err) < 0)
			return -1;
	}
	return 0;
}

static int check_page_size(const char *text, size_t index, struct err *err)
{
	static const char units[] = "KMG";
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && text[digits] && strchr(units, text[digits]) && strcmp(text + digits + 1, "B") == 0)
		return 0;
	return err_set(err, ERR_INVALID,
		       "linux.resources.hugepageLimits[%zu].pageSize: expected one like 2MB, got \"%.40s\"", index,
		       text);
}

static int check_throttles(const struct oci_list *list, const char *name, struct err *err)
{
	char field[FIELD_PATH_BYTES];

	for (size_t i = 0; i < list->count; i++) {
		const struct oci_throttle_device *d = OCI_ITEM(*list, struct oci_throttle_device, i);

		snprintf(field, sizeof(field), "linux.resources.blockIO.%s[%zu]", name, i);
		if (check_number(d->major.value, d->minor.value, field, err) < 0)
			return -1;
	}
	return 0;
}

static int check_weight(const struct oci_u64 *weight, const char *field, const char *name, struct err *err)
{
	if (weight->value == 0 || (weight->value >= 10 && weight->value <= 1000))
		return 0;
	return err_set(err, ERR_INVALID, "%s.%s: expected 10 to 1000", field, name);
}

static int check_block_io(const struct oci_block_io *b, struct err *err)
{
	static const char own[] = "linux.resources.blockIO";
	char field[FIELD_PATH_BYTES];

	if (check_weight(&b->weight, own, "weight", err) < 0 ||
	    check_weight(&b->leaf_weight, own, "leafWeight", err) < 0)
		return -1;
	for (size_t i = 0; i < b->weight_device.count; i++) {
		const struct oci_weight_device *d = OCI_ITEM(b->weight_device, struct oci_weight_device, i);

		snprintf(field, sizeof(field), "%s.weightDevice[%zu]", own, i);
		if (check_number(d->major.value, d->minor.value, field, err) < 0 ||
		    check_weight(&d->weight, field, "weight", err) < 0 ||
		    check_weight(&d->leaf_weight, field, "leafWeight", err) < 0)
			return -1;
		if (!d->weight.is_set && !d->leaf_weight.is_set)
			return err_set(err, ERR_INVALID, "%s.weight: needed, or leafWeight", field);
	}
	if (check_throttles(&b->throttle_read_bps, "throttleReadBpsDevice", err) < 0 ||
	    check_throttles(&b->throttle_write_bps, "throttleWriteBpsDevice", err) < 0 ||
	    check_throttles(&b->throttle_read_iops, "throttleReadIOPSDevice", err) < 0)
		return -1;
	return check_throttles(&b->throttle_write_iops, "throttleWriteIOPSDevice", err);
}

/* Where -1 stands for no limit, no other number below 0 stands for anything. */
static int check_limits(const struct oci_resources *r, struct err *err)
{
	const struct {
		const struct oci_i64 *value;
		const char *field;
	} limits[] = {
		{ r->pids ? &r->pids->limit : NULL, "pids.limit" },
		{ r->cpu ? &r->cpu->quota : NULL, "cpu.quota" },
		{ r->memory ? &r->memory->limit : NULL, "memory.limit" },
		{ r->memory ? &r->memory->reservation : NULL, "memory.reservation" },
		{ r->memory ? &r->memory->swap : NULL, "memory.swap" },
		{ r->memory ? &r->memory->kernel_tcp : NULL, "memory.kernelTCP" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
		if (limits[i].value && limits[i].value->value < -1)
			return err_set(err, ERR_INVALID, "linux.resources.%s: expected -1 or more", limits[i].field);
	}
	if (r->memory && r->memory->swappiness.value > 100)
		return err_set(err, ERR_INVALID, "linux.resources.memory.swappiness: expected 0 to 100");
	return 0;
}

static int check_resources(const struct oci_resources *r, struct err *err)
{
	if (check_limits(r, err) < 0 || (r->block_io && check_block_io(r->block_io, err) < 0))
		return -1;
	for (size_t i = 0; i < r->devices.count; i++) {
		const struct oci_device_rule *d = OCI_ITEM(r->devices, struct oci_device_rule, i);

		if (d->major.value < -1 || d->minor.value < -1)
			return err_set(err, ERR_INVALID, "linux.resources.devices[%zu].%s: expected -1 or more", i,
				       d->major.value < -1 ? "major" : "minor");
	}
	for (size_t i = 0; i < r->hugepage_limits.count; i++) {
		if (check_page_size(OCI_ITEM(r->hugepage_limits, struct oci_hugepage_limit, i)->page_size, i, err) < 0)
			return -1;
	}
	for (size_t i = 0; r->network && i < r->network->priorities.count; i++) {
		if (!OCI_ITEM(r->network->priorities, struct oci_interface_priority, i)->name[0])
			return err_set(err, ERR_INVALID,
				       "linux.resources.network.priorities[%zu].name: must not be empty", i);
	}
	return 0;
}

/* The specification: an errno that the action has no use for is an error. */
static int check_errno(const char *action, const struct oci_u64 *errno_ret, const char *field, struct err *err)
{
	if (!errno_ret->is_set || strcmp(action, "SCMP_ACT_ERRNO") == 0 || strcmp(action, "SCMP_ACT_TRACE") == 0)
		return 0;
	return err_set(err, ERR_INVALID, "%s: not with the action %.40s", field, action);
}

static int check_seccomp(const struct oci_seccomp *s, struct err *err)
{
	char field[FIELD_PATH_BYTES];

	if (strcmp(s->default_action, "SCMP_ACT_NOTIFY") == 0)
		return err_set(err, ERR_INVALID, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default");
	if (check_errno(s->default_action, &s->default_errno_ret, "linux.seccomp.defaultErrnoRet", err) < 0)
		return -1;
	if (s->listener_metadata && s->listener_metadata[0] && !(s->listener_path && s->listener_path[0]))
		return err_set(err, ERR_INVALID, "linux.seccomp.listenerMetadata: needs listenerPath");
	for (size_t i = 0; i < s->syscalls.count; i++) {
		const struct oci_syscall *rule = OCI_ITEM(s->syscalls, struct oci_syscall, i);

		if (rule->names.count == 0)
			return err_set(err, ERR_INVALID, "linux.seccomp.syscalls[%zu].names: must not be empty", i);
		for (size_t k = 0; k < rule->names.count; k++) {
			if (!rule->names.items[k][0])
				return err_set(err, ERR_INVALID,
					       "linux.seccomp.syscalls[%zu].names[%zu]: must not be empty", i, k);
		}
		snprintf(field, sizeof(field), "linux.seccomp.syscalls[%zu].errnoRet", i);
		if (check_errno(rule->action, &rule->errno_ret, field, err) < 0)
			return -1;
	}
	return 0;
}

static int check_linux(const struct oci_linux *l, struct err *err)
{
	if (check_namespaces(l, err) < 0 || check_devices(&l->devices, err) < 0 ||
	    absolute_paths(&l->masked_paths, "linux.maskedPaths", err) < 0 ||
	    absolute_paths(&l->readonly_paths, "linux.readonlyPaths", err) < 0 ||
	    (l->resources && check_resources(l->resources, err) < 0) ||
	    (l->seccomp && check_seccomp(l->seccomp, err) < 0))
		return -1;
	for (size_t i = 0; i < l->sysctl.count; i++) {
		const char *key = l->sysctl.items[i].key;

		if (strstr(key, "..") || key[0] == '/' || key[0] == '\0')
			return err_set(err, ERR_INVALID, "linux.sysctl: \"%.200s\" is not a key", key);
	}
	return 0;
}

static int check_hook_list(const struct oci_list *hooks, const char *name, struct err *err)
{
	char field[FIELD_PATH_BYTES];

	for (size_t i = 0; i < hooks->count; i++) {
		const struct oci_hook *hook = OCI_ITEM(*hooks, struct oci_hook, i);

		snprintf(field, sizeof(field), "hooks.%s[%zu].path", name, i);
		if (absolute(hook->path, field, err) < 0)
			return -1;
		snprintf(field, sizeof(field), "hooks.%s[%zu].env", name, i);
		if (check_env(&hook->env, field, err) < 0)
			return -1;
		if (hook->timeout.is_set && hook->timeout.value <= 0)
			return err_set(err, ERR_INVALID, "hooks.%s[%zu].timeout: expected more than 0", name, i);
	}
	return 0;
}

static int check_hooks(const struct oci_hooks *hooks, struct err *err)
{
	const struct {
		const struct oci_list *list;
		const char *name;
	} lists[] = {
		{ &hooks->prestart, "prestart" },
		{ &hooks->create_runtime, "createRuntime" },
		{ &hooks->create_container, "createContainer" },
		{ &hooks->start_container, "startContainer" },
		{ &hooks->poststart, "poststart" },
		{ &hooks->poststop, "poststop" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		if (check_hook_list(lists[i].list, lists[i].name, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_bind(const struct oci_mount *m)
{
	if (m->type && strcmp(m->type, "bind") == 0)
		return true;
	for (size_t i = 0; i < m->options.count; i++) {
		if (strcmp(m->options.items[i], "bind") == 0 || strcmp(m->options.items[i], "rbind") == 0)
			return true;
	}
	return false;
}

static int check_mount(const struct oci_mount *m, size_t index, struct err *err)
{
	char field[FIELD_PATH_BYTES];

	if (m->destination[0] == '\0')
		return err_set(err, ERR_INVALID, "mounts[%zu].destination: must not be empty", index);
	if (is_bind(m) && m->source && !m->source[0])
		return err_set(err, ERR_INVALID, "mounts[%zu].source: must not be empty", index);
	if ((m->uid_mappings.count == 0) != (m->gid_mappings.count == 0))
		return err_set(err, ERR_INVALID, "mounts[%zu].uidMappings: needs gidMappings, and the reverse", index);
	snprintf(field, sizeof(field), "mounts[%zu].uidMappings", index);
	if (check_id_maps(&m->uid_mappings, field, err) < 0)
		return -1;
	snprintf(field, sizeof(field), "mounts[%zu].gidMappings", index);
	return check_id_maps(&m->gid_mappings, field, err);
}

int oci_spec_check(const struct oci_spec *spec, struct err *err)
{
	if (strncmp(spec->version, "1.", 2) != 0 || !isdigit((unsigned char)spec->version[2]))
		return err_set(err, ERR_UNSUPPORTED, "ociVersion: expected 1.x, got \"%.40s\"", spec->version);
	for (size_t i = 0; i < spec->annotations.count; i++) {
		if (!spec->annotations.items[i].key[0])
			return err_set(err, ERR_INVALID, "annotations: a key must not be empty");
	}
	for (size_t i = 0; i < spec->mounts.count; i++) {
		if (check_mount(OCI_ITEM(spec->mounts, struct oci_mount, i), i, err) < 0)
			return -1;
	}
	if (spec->hooks && check_hooks(spec->hooks, err) < 0)
		return -1;
	return check_linux(spec->linux_part, err);
}
