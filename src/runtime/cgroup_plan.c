/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cgroup_plan.h. Values are written as config.json has them; what differs between v1 and v2 is
 * converted the way the runtime specification's authors do it, because engines compare the files.
 */
#include "runtime/cgroup_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/userns.h"

#define DEVICE_ROWS_MAX 128
#define ROWS_MAX 64
#define MEMSW_FILE "memory.memsw.limit_in_bytes"
#define BFQ_FILE "io.bfq.weight"

struct builder {
	struct cgroup_plan *plan;
	struct arena *arena;
	bool is_v2;
};

static PRINTF_LIKE(5, 6) void add(struct builder *b, enum cgroup_controller controller, const char *file,
				  const char *field, const char *fmt, ...)
{
	va_list ap, again;
	char *value;
	int len;

	ASSERT(b->plan->count < CGROUP_CHANGES_MAX);
	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	value = arena_alloc(b->arena, (size_t)len + 1);
	vsnprintf(value, (size_t)len + 1, fmt, again);
	va_end(again);
	b->plan->changes[b->plan->count++] =
		(struct cgroup_change){ controller, file, value, field };
	b->plan->controllers |= CGROUP_BIT(controller);
}

static void add_limit(struct builder *b, enum cgroup_controller controller, const char *file, const char *field,
		      int64_t value)
{
	if (value < 0 && b->is_v2)
		add(b, controller, file, field, "max");
	else
		add(b, controller, file, field, "%lld", (long long)value);
}

/* What v1 had and v2 has not: engines that know where they are do not ask for it. */
static int refuse_v2(const struct builder *b, bool is_asked, const char *field, struct err *err)
{
	if (!b->is_v2 || !is_asked)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "%s: cgroup v2 has no such limit", field);
}

static int bounded(size_t count, size_t max, const char *field, struct err *err)
{
	return count <= max ? 0 : err_set(err, ERR_TOO_LARGE, "%s: more than %zu entries", field, max);
}

static int plan_memory(struct builder *b, const struct oci_memory *m, struct err *err)
{
	static const char limit[] = "linux.resources.memory.limit", swap[] = "linux.resources.memory.swap";

	if (m->limit.is_set && m->swap.is_set && m->limit.value > 0 && m->swap.value > 0 &&
	    m->swap.value < m->limit.value)
		return err_set(err, ERR_INVALID, "%s: must not be below the memory limit", swap);
	if (refuse_v2(b, m->kernel_tcp.value > 0, "linux.resources.memory.kernelTCP", err) < 0 ||
	    refuse_v2(b, m->swappiness.is_set, "linux.resources.memory.swappiness", err) < 0 ||
	    refuse_v2(b, m->disable_oom_killer, "linux.resources.memory.disableOOMKiller", err) < 0)
		return -1;
	/* gone from the kernel (Linux 5.16) and part of the memory limit since */
	if (m->kernel.value > 0)
		log_warn("runtime", "linux.resources.memory.kernel: has no effect any more");
	if (b->is_v2) {
		if (m->check_before_update) {
			b->plan->checked_memory = m->limit.value;
			b->plan->checked_swap = m->swap.value;
		}
		if (m->swap.is_set && m->swap.value > 0 && !(m->limit.is_set && m->limit.value > 0))
			return err_set(err, ERR_INVALID, "%s: needs a memory limit", swap);
		if (m->swap.is_set && m->swap.value != 0)
			add_limit(b, CGROUP_MEMORY, "memory.swap.max", swap,
				  m->swap.value < 0 ? -1 : m->swap.value - m->limit.value);
		else if (m->limit.is_set && m->limit.value < 0)
			add_limit(b, CGROUP_MEMORY, "memory.swap.max", swap, -1);
		if (m->limit.is_set && m->limit.value != 0)
			add_limit(b, CGROUP_MEMORY, "memory.max", limit, m->limit.value);
		if (m->reservation.is_set && m->reservation.value != 0)
			add_limit(b, CGROUP_MEMORY, "memory.low", "linux.resources.memory.reservation",
				  m->reservation.value);
		return 0;
	}
	/* the limit of both may not be below that of memory: without the one there is none of the other */
	if (m->limit.is_set && m->limit.value < 0 && !m->swap.value)
		add_limit(b, CGROUP_MEMORY, MEMSW_FILE, swap, -1);
	if (m->limit.is_set && m->limit.value != 0)
		add_limit(b, CGROUP_MEMORY, "memory.limit_in_bytes", limit, m->limit.value);
	if (m->swap.is_set && m->swap.value != 0)
		add_limit(b, CGROUP_MEMORY, "memory.memsw.limit_in_bytes", swap, m->swap.value);
	if (m->reservation.is_set && m->reservation.value != 0)
		add_limit(b, CGROUP_MEMORY, "memory.soft_limit_in_bytes", "linux.resources.memory.reservation",
			  m->reservation.value);
	if (m->kernel_tcp.is_set && m->kernel_tcp.value != 0)
		add_limit(b, CGROUP_MEMORY, "memory.kmem.tcp.limit_in_bytes", "linux.resources.memory.kernelTCP",
			  m->kernel_tcp.value);
	if (m->disable_oom_killer)
		add(b, CGROUP_MEMORY, "memory.oom_control", "linux.resources.memory.disableOOMKiller", "1");
	if (m->swappiness.is_set)
		add(b, CGROUP_MEMORY, "memory.swappiness", "linux.resources.memory.swappiness", "%llu",
		    (unsigned long long)m->swappiness.value);
	return 0;
}

/* cpu.weight for v1's shares */
static uint64_t cgroup_plan_weight(uint64_t shares)
{
	if (shares == 0)
		return 0;
	shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
	return 1 + ((shares - 2) * 9999) / 262142;
}

static void plan_cpu_v2(struct builder *b, const struct oci_cpu *cpu)
{
	if (cpu->shares.is_set && cpu->shares.value != 0)
		add(b, CGROUP_CPU, "cpu.weight", "linux.resources.cpu.shares", "%llu",
		    (unsigned long long)cgroup_plan_weight(cpu->shares.value));
	if (cpu->quota.is_set || cpu->period.is_set) {
		unsigned long long period = cpu->period.value ? cpu->period.value : 100000;

		if (cpu->quota.value > 0)
			add(b, CGROUP_CPU, "cpu.max", "linux.resources.cpu.quota", "%lld %llu",
			    (long long)cpu->quota.value, period);
		else
			add(b, CGROUP_CPU, "cpu.max", "linux.resources.cpu.quota", "max %llu", period);
	}
	if (cpu->burst.is_set)
		add(b, CGROUP_CPU, "cpu.max.burst", "linux.resources.cpu.burst", "%llu",
		    (unsigned long long)cpu->burst.value);
	if (cpu->idle.is_set)
		add(b, CGROUP_CPU, "cpu.idle", "linux.resources.cpu.idle", "%lld", (long long)cpu->idle.value);
}

static int check_shares(const struct oci_cpu *cpu, struct err *err)
{
	uint64_t shares = cpu->shares.value;

	/* the kernel would take the nearest that is allowed, without a word */
	if (shares == 1)
		return err_set(err, ERR_INVALID, "linux.resources.cpu.shares: the minimum allowed cpu-shares is 2");
	if (shares > 262144)
		return err_set(err, ERR_INVALID,
			       "linux.resources.cpu.shares: the maximum allowed cpu-shares is 262144");
	return 0;
}

static void plan_cpu_v1(struct builder *b, const struct oci_cpu *cpu)
{
	if (cpu->shares.is_set && cpu->shares.value != 0)
		add(b, CGROUP_CPU, "cpu.shares", "linux.resources.cpu.shares", "%llu",
		    (unsigned long long)cpu->shares.value);
	if (cpu->period.is_set && cpu->period.value != 0)
		add(b, CGROUP_CPU, "cpu.cfs_period_us", "linux.resources.cpu.period", "%llu",
		    (unsigned long long)cpu->period.value);
	if (cpu->quota.is_set && cpu->quota.value != 0)
		add(b, CGROUP_CPU, "cpu.cfs_quota_us", "linux.resources.cpu.quota", "%lld",
		    (long long)cpu->quota.value);
	if (cpu->burst.is_set)
		add(b, CGROUP_CPU, "cpu.cfs_burst_us", "linux.resources.cpu.burst", "%llu",
		    (unsigned long long)cpu->burst.value);
	if (cpu->realtime_period.is_set && cpu->realtime_period.value != 0)
		add(b, CGROUP_CPU, "cpu.rt_period_us", "linux.resources.cpu.realtimePeriod", "%llu",
		    (unsigned long long)cpu->realtime_period.value);
	if (cpu->realtime_runtime.is_set && cpu->realtime_runtime.value != 0)
		add(b, CGROUP_CPU, "cpu.rt_runtime_us", "linux.resources.cpu.realtimeRuntime", "%lld",
		    (long long)cpu->realtime_runtime.value);
	if (cpu->idle.is_set)
		add(b, CGROUP_CPU, "cpu.idle", "linux.resources.cpu.idle", "%lld", (long long)cpu->idle.value);
	/* The account of used time is wanted wherever time is limited. */
	if (cpu->shares.is_set || cpu->quota.is_set)
		b->plan->controllers |= CGROUP_BIT(CGROUP_CPUACCT);
}

static int plan_cpu(struct builder *b, const struct oci_cpu *cpu, struct err *err)
{
	if (refuse_v2(b, cpu->realtime_period.value, "linux.resources.cpu.realtimePeriod", err) < 0 ||
	    refuse_v2(b, cpu->realtime_runtime.value, "linux.resources.cpu.realtimeRuntime", err) < 0)
		return -1;
	if (!b->is_v2 && check_shares(cpu, err) < 0)
		return -1;
	if (b->is_v2)
		plan_cpu_v2(b, cpu);
	else
		plan_cpu_v1(b, cpu);
	if (cpu->cpus && cpu->cpus[0])
		add(b, CGROUP_CPUSET, "cpuset.cpus", "linux.resources.cpu.cpus", "%s", cpu->cpus);
	if (cpu->mems && cpu->mems[0])
		add(b, CGROUP_CPUSET, "cpuset.mems", "linux.resources.cpu.mems", "%s", cpu->mems);
	return 0;
}

struct throttle {
	const struct oci_list *list;
	const char *v1_file, *v2_key, *field;
};

static int plan_throttle(struct builder *b, const struct throttle *t, struct err *err)
{
	const struct oci_list *list = t->list;

	if (bounded(list->count, DEVICE_ROWS_MAX, t->field, err) < 0)
		return -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_throttle_device *d = OCI_ITEM(*list, struct oci_throttle_device, i);

		if (b->is_v2)
			add(b, CGROUP_BLKIO, "io.max", t->field, "%lld:%lld %s=%llu", (long long)d->major.value,
			    (long long)d->minor.value, t->v2_key, (unsigned long long)d->rate.value);
		else
			add(b, CGROUP_BLKIO, t->v1_file, t->field, "%lld:%lld %llu", (long long)d->major.value,
			    (long long)d->minor.value, (unsigned long long)d->rate.value);
	}
	return 0;
}

static int plan_weights(struct builder *b, const struct oci_list *list, struct err *err)
{
	static const char field[] = "linux.resources.blockIO.weightDevice";

	if (bounded(list->count, DEVICE_ROWS_MAX, field, err) < 0)
		return -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_weight_device *d = OCI_ITEM(*list, struct oci_weight_device, i);

		if (refuse_v2(b, d->leaf_weight.value, "linux.resources.blockIO.weightDevice.leafWeight", err) < 0)
			return -1;
		if (d->weight.value)
			add(b, CGROUP_BLKIO, b->is_v2 ? "io.bfq.weight" : "blkio.bfq.weight_device", field,
			    "%lld:%lld %llu", (long long)d->major.value, (long long)d->minor.value,
			    (unsigned long long)d->weight.value);
		if (d->leaf_weight.value)
			add(b, CGROUP_BLKIO, "blkio.leaf_weight_device", field, "%lld:%lld %llu",
			    (long long)d->major.value, (long long)d->minor.value,
			    (unsigned long long)d->leaf_weight.value);
	}
	return 0;
}

static int plan_block_io(struct builder *b, const struct oci_block_io *io, struct err *err)
{
	const struct throttle throttles[] = {
		{ &io->throttle_read_bps, "blkio.throttle.read_bps_device", "rbps",
		  "linux.resources.blockIO.throttleReadBpsDevice" },
		{ &io->throttle_write_bps, "blkio.throttle.write_bps_device", "wbps",
		  "linux.resources.blockIO.throttleWriteBpsDevice" },
		{ &io->throttle_read_iops, "blkio.throttle.read_iops_device", "riops",
		  "linux.resources.blockIO.throttleReadIOPSDevice" },
		{ &io->throttle_write_iops, "blkio.throttle.write_iops_device", "wiops",
		  "linux.resources.blockIO.throttleWriteIOPSDevice" },
	};

	if (refuse_v2(b, io->leaf_weight.value, "linux.resources.blockIO.leafWeight", err) < 0)
		return -1;
	if (io->leaf_weight.value)
		add(b, CGROUP_BLKIO, "blkio.leaf_weight", "linux.resources.blockIO.leafWeight", "%llu",
		    (unsigned long long)io->leaf_weight.value);
	if (io->weight.is_set && io->weight.value != 0) {
		if (b->is_v2) { /* which of the two counts is up to each disk's scheduler */
			add(b, CGROUP_BLKIO, "io.weight", "linux.resources.blockIO.weight", "default %llu",
			    (unsigned long long)(1 + (io->weight.value - 10) * 9999 / 990));
			add(b, CGROUP_BLKIO, BFQ_FILE, "linux.resources.blockIO.weight", "%llu",
			    (unsigned long long)io->weight.value);
		} else {
			add(b, CGROUP_BLKIO, "blkio.bfq.weight", "linux.resources.blockIO.weight", "%llu",
			    (unsigned long long)io->weight.value);
		}
	}
	if (plan_weights(b, &io->weight_device, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(throttles); i++) {
		if (plan_throttle(b, &throttles[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Every container may use these, whatever the rules before say; engines rely on it. */
static const struct filter_device default_devices[] = {
	{ true, 'c', -1, -1, false, false, true }, /* mknod of anything; using it is another matter */
	{ true, 'b', -1, -1, false, false, true },
	{ true, 'c', 1, 3, true, true, true },     /* null */
	{ true, 'c', 1, 5, true, true, true },     /* zero */
	{ true, 'c', 1, 7, true, true, true },     /* full */
	{ true, 'c', 1, 8, true, true, true },     /* random */
	{ true, 'c', 1, 9, true, true, true },     /* urandom */
	{ true, 'c', 5, 0, true, true, true },     /* tty */
	{ true, 'c', 5, 1, true, true, true },     /* console */
	{ true, 'c', 5, 2, true, true, true },     /* ptmx */
	{ true, 'c', 136, -1, true, true, true },  /* pts */
};

static int device_rule(const struct oci_device_rule *rule, size_t index, struct filter_device *ret, struct err *err)
{
	const char *access = rule->access ? rule->access : "rwm";
	const char *type = rule->type && rule->type[0] ? rule->type : "a";

	if (strlen(type) != 1 || !strchr("abc", type[0]))
		return err_set(err, ERR_INVALID, "linux.resources.devices[%zu].type: expected a, b or c, got \"%.20s\"",
			       index, type);
	/* "a" for all of them is what v1's type has; callers write it, and runc takes no notice */
	if (access[strspn(access, "rwma")] != '\0')
		return err_set(
			err, ERR_INVALID,
			"linux.resources.devices[%zu].access: expected r, w and m, got \"%.20s\"",
			index, access);
	*ret = (struct filter_device){
		.allow = rule->allow,
		.type = type[0],
		.major = rule->major.is_set && rule->major.value >= 0 ? rule->major.value : -1,
		.minor = rule->minor.is_set && rule->minor.value >= 0 ? rule->minor.value : -1,
		.read = strchr(access, 'r') || !access[0],
		.write = strchr(access, 'w') || !access[0],
		.mknod = strchr(access, 'm') || !access[0],
	};
	return 0;
}

static void add_device_v1(struct builder *b, const struct filter_device *d)
{
	char major[24] = "*", minor[24] = "*";

	if (d->type == 'a') {
		add(b, CGROUP_DEVICES, d->allow ? "devices.allow" : "devices.deny", "linux.resources.devices", "a");
		return;
	}
	if (d->major >= 0)
		snprintf(major, sizeof(major), "%lld", (long long)d->major);
	if (d->minor >= 0)
		snprintf(minor, sizeof(minor), "%lld", (long long)d->minor);
	add(b, CGROUP_DEVICES, d->allow ? "devices.allow" : "devices.deny",
	    "linux.resources.devices", "%c %s:%s %s%s%s", d->type, major, minor, d->read ? "r" : "",
	    d->write ? "w" : "", d->mknod ? "m" : "");
}

static int plan_devices(struct builder *b, const struct oci_list *rules, struct err *err)
{
	struct cgroup_plan *plan = b->plan;
	bool allows_all = false;

	if (rules->count == 0)
		return 0;
	if (rules->count + ARRAY_COUNT(default_devices) > FILTER_DEVICE_MAX)
		return err_set(err, ERR_TOO_LARGE, "linux.resources.devices: more than %d entries", FILTER_DEVICE_MAX);
	plan->has_devices = true;
	plan->devices = arena_array(b->arena, rules->count + ARRAY_COUNT(default_devices), sizeof(*plan->devices));
	for (size_t i = 0; i < rules->count; i++) {
		struct filter_device *d = &plan->devices[plan->device_count++];

		if (device_rule(OCI_ITEM(*rules, struct oci_device_rule, i), i, d, err) < 0)
			return -1;
		if (d->type == 'a')
			allows_all = d->allow;
	}
	for (size_t i = 0; i < ARRAY_COUNT(default_devices) && !allows_all; i++)
		plan->devices[plan->device_count++] = default_devices[i];
	if (b->is_v2)
		return 0;
	for (size_t i = 0; i < plan->device_count; i++)
		add_device_v1(b, &plan->devices[i]);
	return 0;
}

static int plan_rdma(struct builder *b, yyjson_val *rdma, struct err *err)
{
	yyjson_obj_iter iter;
	yyjson_val *key;

	if (!yyjson_is_obj(rdma))
		return err_set(err, ERR_INVALID, "linux.resources.rdma: expected an object");
	if (bounded(yyjson_obj_size(rdma), ROWS_MAX, "linux.resources.rdma", err) < 0)
		return -1;
	yyjson_obj_iter_init(rdma, &iter);
	while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
		yyjson_val *val = yyjson_obj_iter_get_val(key);
		yyjson_val *handles = field_get(val, "hcaHandles"), *objects = field_get(val, "hcaObjects");
		const char *device = unsafe_yyjson_get_str(key); /* a key always is a string */
		char text[64] = "";
		size_t len = 0;

		if ((handles && !yyjson_is_uint(handles)) ||
		    (objects && !yyjson_is_uint(objects)) || !yyjson_is_obj(val))
			return err_set(
				err, ERR_INVALID,
				"linux.resources.rdma.%.64s: expected hcaHandles and hcaObjects",
				device);
		if (!handles && !objects)
			return err_set(err, ERR_INVALID,
				       "linux.resources.rdma.%.64s: expected hcaHandles or hcaObjects", device);
		if (handles)
			len += (size_t)snprintf(text, sizeof(text), " hca_handle=%u",
						(unsigned)yyjson_get_uint(handles));
		if (objects)
			snprintf(text + len, sizeof(text) - len, " hca_object=%u", (unsigned)yyjson_get_uint(objects));
		add(b, CGROUP_RDMA, "rdma.max", "linux.resources.rdma", "%.64s%s", device, text);
	}
	return 0;
}

static int plan_unified(struct builder *b, const struct oci_map *unified, struct err *err)
{
	static const struct {
		char prefix[9];
		enum cgroup_controller controller;
	} owners[] = {
		{ "cpu.", CGROUP_CPU },         { "cpuset.", CGROUP_CPUSET }, { "memory.", CGROUP_MEMORY },
		{ "pids.", CGROUP_PIDS },       { "io.", CGROUP_BLKIO },      { "hugetlb.", CGROUP_HUGETLB },
		{ "rdma.", CGROUP_RDMA },       { "misc.", CGROUP_MISC },
	};

	if (unified->count > 0 && !b->is_v2)
		return err_set(err, ERR_UNSUPPORTED,
			       "linux.resources.unified: invalid configuration: needs cgroup v2, this host has v1");
	if (bounded(unified->count, DEVICE_ROWS_MAX, "linux.resources.unified", err) < 0)
		return -1;
	for (size_t i = 0; i < unified->count; i++) {
		const struct oci_pair *pair = &unified->items[i];
		enum cgroup_controller controller = CGROUP_UNIFIED;

		if (strchr(pair->key, '/') || !strchr(pair->key, '.'))
			return err_set(err, ERR_INVALID, "linux.resources.unified: \"%.100s\" is not a cgroup file",
				       pair->key);
		for (size_t k = 0; k < ARRAY_COUNT(owners); k++) {
			if (strncmp(pair->key, owners[k].prefix, strlen(owners[k].prefix)) == 0)
				controller = owners[k].controller;
		}
		add(b, controller, str_c_in(b->arena, str_from(pair->key)),
		    "linux.resources.unified", "%s", pair->value);
	}
	return 0;
}

static int plan_hugepages(struct builder *b, const struct oci_list *limits, struct err *err)
{
	if (bounded(limits->count, ROWS_MAX, "linux.resources.hugepageLimits", err) < 0)
		return -1;
	for (size_t i = 0; i < limits->count; i++) {
		const struct oci_hugepage_limit *h = OCI_ITEM(*limits, struct oci_hugepage_limit, i);
		char file[80];

		if (strlen(h->page_size) > 16 || strchr(h->page_size, '/'))
			return err_set(err, ERR_INVALID, "linux.resources.hugepageLimits[%zu].pageSize: \"%.20s\"", i,
				       h->page_size);
		snprintf(file, sizeof(file), b->is_v2 ? "hugetlb.%s.max" : "hugetlb.%s.limit_in_bytes", h->page_size);
		add(b, CGROUP_HUGETLB, str_c_in(b->arena, str_from(file)), "linux.resources.hugepageLimits", "%llu",
		    (unsigned long long)h->limit.value);
		/* refused when it is reserved, not by SIGBUS when it is used: where the kernel has that (Linux 5.7) */
		snprintf(file, sizeof(file), b->is_v2 ? "hugetlb.%s.rsvd.max" : "hugetlb.%s.rsvd.limit_in_bytes",
			 h->page_size);
		add(b, CGROUP_HUGETLB, str_c_in(b->arena, str_from(file)), "linux.resources.hugepageLimits", "%llu",
		    (unsigned long long)h->limit.value);
	}
	return 0;
}

static int plan_network(struct builder *b, const struct oci_network *network, struct err *err)
{
	if (refuse_v2(b, network->class_id.is_set, "linux.resources.network.classID", err) < 0 ||
	    refuse_v2(b, network->priorities.count > 0, "linux.resources.network.priorities", err) < 0)
		return -1;
	if (network->class_id.is_set && network->class_id.value)
		add(b, CGROUP_NET_CLS, "net_cls.classid", "linux.resources.network.classID", "%llu",
		    (unsigned long long)network->class_id.value);
	if (bounded(network->priorities.count, ROWS_MAX, "linux.resources.network.priorities", err) < 0)
		return -1;
	for (size_t i = 0; i < network->priorities.count; i++) {
		const struct oci_interface_priority *p =
			OCI_ITEM(network->priorities, struct oci_interface_priority, i);

		add(b, CGROUP_NET_PRIO, "net_prio.ifpriomap", "linux.resources.network.priorities",
		    "%.32s %llu", p->name, (unsigned long long)p->priority.value);
	}
	return 0;
}

int cgroup_plan(const struct oci_resources *r, bool is_v2, struct arena *arena, struct cgroup_plan *ret,
		struct err *err)
{
	struct builder b = { .plan = ret, .arena = arena, .is_v2 = is_v2 };

	memset(ret, 0, sizeof(*ret));
	if (!r)
		return 0;
	/* Rows that repeat have a bound each, all together below CGROUP_CHANGES_MAX. */
	ret->changes = arena_array(arena, 32 + r->devices.count + ARRAY_COUNT(default_devices) + r->unified.count +
				   2 * r->hugepage_limits.count +
				   (r->block_io ? 6 * DEVICE_ROWS_MAX : 0) + (r->network ? ROWS_MAX + 1 : 0) +
				   (r->rdma ? ROWS_MAX : 0),
				   sizeof(*ret->changes));
	if (r->devices.count > FILTER_DEVICE_MAX / 2)
		return err_set(err, ERR_TOO_LARGE, "linux.resources.devices: more than %d entries",
			       FILTER_DEVICE_MAX / 2);
	if (plan_devices(&b, &r->devices, err) < 0)
		return -1;
	if (r->memory && plan_memory(&b, r->memory, err) < 0)
		return -1;
	if (r->cpu && plan_cpu(&b, r->cpu, err) < 0)
		return -1;
	if (r->pids && r->pids->limit.is_set) {
		if (r->pids->limit.value > 0)
			add(&b, CGROUP_PIDS, "pids.max", "linux.resources.pids.limit", "%lld",
			    (long long)r->pids->limit.value);
		else
			add(&b, CGROUP_PIDS, "pids.max", "linux.resources.pids.limit", "max");
	}
	if (r->block_io && plan_block_io(&b, r->block_io, err) < 0)
		return -1;
	if (r->network && plan_network(&b, r->network, err) < 0)
		return -1;
	if (r->rdma && plan_rdma(&b, r->rdma, err) < 0)
		return -1;
	if (plan_hugepages(&b, &r->hugepage_limits, err) < 0)
		return -1;
	return plan_unified(&b, &r->unified, err);
}

/* The file written last: device rules are a dozen writes to one file, which costs more to open than to write. */
struct last_file {
	int fd, dir_fd;
	const char *file;
};

static int write_value(struct last_file *last, int dir_fd, const char *file, const char *value)
{
	if (last->fd < 0 || last->dir_fd != dir_fd || strcmp(last->file, file) != 0) {
		fd_close(&last->fd);
		last->fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);
		if (last->fd < 0)
			return -errno;
		last->dir_fd = dir_fd;
		last->file = file;
	}
	return write(last->fd, value, strlen(value)) < 0 ? -errno : 0;
}

static bool is_period(const char *file)
{
	return strcmp(file, "cpu.cfs_period_us") == 0 || strcmp(file, "cpu.rt_period_us") == 0;
}

static bool is_quota(const char *file)
{
	return strcmp(file, "cpu.cfs_quota_us") == 0 || strcmp(file, "cpu.rt_runtime_us") == 0;
}

/* v1 could not free enough to get below the limit. */
static int refuse_memory(int dir_fd, const struct cgroup_change *change, struct err *err)
{
	uint64_t used = 0, peak = 0;

	if (cgroup_read_u64(dir_fd, "memory.usage_in_bytes", &used) < 0 ||
	    cgroup_read_u64(dir_fd, "memory.max_usage_in_bytes", &peak) < 0)
		return err_neg(err, -EBUSY, "%s: write \"%s\" to %s", change->field, change->value, change->file);
	return err_set(err, ERR_CONFLICT,
		       "%s: unable to set memory limit to %s (current usage: %llu, peak usage: %llu)", change->field,
		       change->value, (unsigned long long)used, (unsigned long long)peak);
}

/* Root of a user namespace may not say which devices its cgroups are for, and can make none of them. */
static bool is_beyond_us(int failed)
{
	return failed == -EPERM && userns_is_nested();
}

static int apply_change(const struct cgroup_plan *plan, size_t index, struct cgroup *cgroup, struct last_file *last,
			struct err *err)
{
	const struct cgroup_change *change = &plan->changes[index];
	enum cgroup_controller controller = cgroup->is_v2 ? CGROUP_UNIFIED : change->controller;
	int dir_fd = cgroup->dir_fds[controller];
	int failed = write_value(last, dir_fd, change->file, change->value);

	/* A period that is too short for the present quota may be right for the new one. */
	if (failed == -EINVAL && is_period(change->file) && index + 1 < plan->count) {
		const struct cgroup_change *next = &plan->changes[index + 1];

		failed = next->controller == change->controller && is_quota(next->file)
				 ? cgroup_write(dir_fd, next->file, next->value)
				 : -EINVAL;
		if (failed == 0)
			failed = cgroup_write(dir_fd, change->file, change->value);
	}

	/* v1 refuses a memory limit above the present memory+swap limit: raise that one first. */
	if (failed == -EINVAL && strcmp(change->file, "memory.limit_in_bytes") == 0 && index + 1 < plan->count &&
	    strcmp(plan->changes[index + 1].file, "memory.memsw.limit_in_bytes") == 0) {
		failed = cgroup_write(dir_fd, "memory.memsw.limit_in_bytes", plan->changes[index + 1].value);
		if (failed == 0)
			failed = cgroup_write(dir_fd, change->file, change->value);
	}
	if (failed == -EBUSY && strcmp(change->file, "memory.limit_in_bytes") == 0)
		return refuse_memory(dir_fd, change, err);
	if (failed == -ENOENT && strcmp(change->file, "blkio.bfq.weight") == 0)
		failed = cgroup_write(dir_fd, "blkio.weight", change->value);
	/* one of the two is enough */
	if (failed == -ENOENT && strcmp(change->file, "io.weight") == 0 && index + 1 < plan->count)
		failed = cgroup_write(dir_fd, BFQ_FILE, plan->changes[index + 1].value);
	if (failed == -ENOENT && strcmp(change->file, BFQ_FILE) == 0 && index > 0 &&
	    strcmp(plan->changes[index - 1].file, "io.weight") == 0)
		return 0;
	if (failed == -ENOENT && strcmp(change->file, MEMSW_FILE) == 0 && strcmp(change->value, "-1") == 0)
		return 0; /* a kernel that does not account swap has nothing to lift */
	if (failed == -ENOENT && strstr(change->file, ".rsvd."))
		return 0;
	if (change->controller == CGROUP_DEVICES && is_beyond_us(failed))
		return 0;
	if (failed == -ENOENT && cgroup->is_v2 && geteuid() != 0)
		return err_set(err, ERR_FORBIDDEN, "%s: the cgroup controller %s was not delegated to this user",
			       change->field, cgroup_name(change->controller));
	if (failed == -ENOENT)
		return err_set(err, ERR_UNSUPPORTED, "%s: this kernel has no %s", change->field, change->file);
	if (failed < 0)
		return err_neg(err, failed, "%s: write \"%s\" to %s", change->field, change->value, change->file);
	return 0;
}

static int write_changes(const struct cgroup_plan *plan, struct cgroup *cgroup, struct err *err)
{
	struct last_file last = { .fd = -1 };
	int failed = 0;

	for (size_t i = 0; i < plan->count && failed == 0; i++)
		failed = apply_change(plan, i, cgroup, &last, err);
	fd_close(&last.fd);
	return failed;
}

/* v2 would rather kill than refuse a limit below what is in use (v1 refuses by itself). */
static int check_memory(const struct cgroup_plan *plan, const struct cgroup *cgroup, struct err *err)
{
	uint64_t used;

	/* a new cgroup has nothing in use, whatever else keeps the file from being read */
	if (cgroup_read_u64(cgroup->dir_fds[CGROUP_UNIFIED], "memory.current", &used) < 0)
		return 0;
	if (plan->checked_swap > 0 && (uint64_t)plan->checked_swap <= used)
		return err_set(err, ERR_CONFLICT,
			       "linux.resources.memory.swap: rejecting memory+swap limit %lld <= usage %llu",
			       (long long)plan->checked_swap, (unsigned long long)used);
	if (plan->checked_memory > 0 && (uint64_t)plan->checked_memory <= used)
		return err_set(err, ERR_CONFLICT,
			       "linux.resources.memory.limit: rejecting memory limit %lld <= usage %llu",
			       (long long)plan->checked_memory, (unsigned long long)used);
	return 0;
}

static const char *field_of(const struct cgroup_plan *plan, enum cgroup_controller controller)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->changes[i].controller == controller)
			return plan->changes[i].field;
	}
	return "linux.resources";
}

static int join_v1(const struct cgroup_plan *plan, struct cgroup *cgroup, struct err *err)
{
	for (int i = 0; i < CGROUP_UNIFIED; i++) {
		int failed;

		if (!((plan->controllers | plan->optional) & ~cgroup->joined & CGROUP_BIT(i)))
			continue;
		failed = cgroup_make(cgroup, (enum cgroup_controller)i);
		if (failed < 0 && (plan->controllers & CGROUP_BIT(i)))
			return err_neg(err, failed, "%s: make cgroup %s for controller %s",
				       field_of(plan, (enum cgroup_controller)i), cgroup->path,
				       cgroup_name((enum cgroup_controller)i));
	}
	return 0;
}

int cgroup_plan_apply(const struct cgroup_plan *plan, struct cgroup *cgroup, struct err *err)
{
	int failed;

	if (!cgroup->is_v2 && join_v1(plan, cgroup, err) < 0)
		return -1;
	if (cgroup->is_v2 && (plan->controllers | plan->optional)) {
		failed = cgroup_enable(cgroup, plan->controllers | plan->optional);
		if (failed < 0 && plan->controllers)
			return err_neg(err, failed, "enable controllers for cgroup %s",
				       cgroup->path);
	}
	if (cgroup->is_v2 && check_memory(plan, cgroup, err) < 0)
		return -1;
	if (write_changes(plan, cgroup, err) < 0)
		return -1;
	if (cgroup->is_v2 && plan->has_devices) {
		AUTO_FD fd = openat(cgroup->dir_fds[CGROUP_UNIFIED], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		failed = filter_devices(fd, plan->devices, plan->device_count);
		if (failed < 0 && !is_beyond_us(failed))
			return err_neg(err, failed, "linux.resources.devices: load device filter");
	}
	return 0;
}

bool cgroup_plan_owner(const struct oci_spec *spec, uint32_t *ret)
{
	const struct oci_linux *l = spec->linux_part;
	uint64_t uid = spec->process ? spec->process->user->uid.value : 0;
	bool has_namespace = false, is_writable = false;

	for (size_t i = 0; i < l->namespaces.count; i++) {
		const struct oci_namespace *ns = OCI_ITEM(l->namespaces, struct oci_namespace, i);

		has_namespace |= ns->type == OCI_NS_CGROUP && !(ns->path && ns->path[0]);
	}
	for (size_t i = 0; i < spec->mounts.count; i++) {
		const struct oci_mount *m = OCI_ITEM(spec->mounts, struct oci_mount, i);
		bool is_readonly = false;

		if (!m->source || strcmp(m->source, "cgroup") != 0 || strcmp(m->destination, "/sys/fs/cgroup") != 0)
			continue;
		for (size_t k = 0; k < m->options.count; k++)
			is_readonly |= strcmp(m->options.items[k], "ro") == 0 ||
				       strcmp(m->options.items[k], "rro") == 0;
		is_writable |= !is_readonly;
	}
	for (size_t i = 0; i < l->uid_mappings.count && has_namespace && is_writable; i++) {
		const struct oci_id_map *map = OCI_ITEM(l->uid_mappings, struct oci_id_map, i);

		if (uid < map->container_id.value || uid - map->container_id.value >= map->size.value)
			continue;
		*ret = (uint32_t)(map->host_id.value + uid - map->container_id.value);
		return true;
	}
	return false;
}

int cgroup_plan_path(const char *cgroups_path, const char *id, struct arena *arena, const char **ret,
		     struct err *err)
{
	struct str path;

	if (!cgroups_path || !cgroups_path[0])
		path = str_printf_in(arena, "/%s", id);
	else
		path = path_clean(arena, str_printf_in(arena, "/%s", cgroups_path));
	if (path.len < 2 || path.len >= CGROUP_PATH_MAX)
		return err_set(err, ERR_INVALID, "linux.cgroupsPath: \"%.100s\" cannot be used", cgroups_path);
	*ret = str_c_in(arena, path);
	return 0;
}

static int move_into(void *arg, pid_t pid)
{
	char text[16];
	int failed;

	snprintf(text, sizeof(text), "%d", (int)pid);
	failed = cgroup_write(*(const int *)arg, "cgroup.procs", text);
	return failed == -ESRCH ? 0 : failed;
}

int cgroup_plan_update(const struct cgroup_plan *plan, struct cgroup *cgroup, struct err *err)
{
	uint32_t before = cgroup->joined;
	int failed;

	if (cgroup_plan_apply(plan, cgroup, err) < 0)
		return -1;
	for (int i = 0; i < CGROUP_UNIFIED && !cgroup->is_v2; i++) {
		if (!(cgroup->joined & ~before & CGROUP_BIT(i)))
			continue;
		/* twice: what was forked during the first pass is found by the second */
		for (int pass = 0; pass < 2; pass++) {
			failed = cgroup_each_pid(cgroup, move_into, &cgroup->dir_fds[i]);
			if (failed < 0)
				return err_neg(err, failed, "move the processes to controller %s",
					       cgroup_name((enum cgroup_controller)i));
		}
	}
	return 0;
}

void cgroup_plan_drop_devices(struct cgroup_plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->count; i++) {
		if (plan->changes[i].controller != CGROUP_DEVICES)
			plan->changes[kept++] = plan->changes[i];
	}
	plan->count = kept;
	plan->has_devices = false;
	plan->device_count = 0;
	plan->controllers &= ~CGROUP_BIT(CGROUP_DEVICES);
}
