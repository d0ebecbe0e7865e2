/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See systemd_plan.h. Limits are read off the plan of cgroup files, which has them converted and
 * checked already; so the unified map comes to properties the same way. The files are written as
 * well: systemd rounds, and does not know all.
 */
#include "runtime/systemd_plan.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "runtime/dbus.h"

#define UNIT_NAME_MAX 255
#define QUOTA_STEP_US 10000 /* of CPUQuotaPerSecUSec: 1 % */
#define CPUS_MAX 8192

static struct systemd_property *property(struct systemd_plan *to, const char *name)
{
	for (size_t i = 0; i < to->count; i++) {
		if (strcmp(to->items[i].name, name) == 0)
			return &to->items[i];
	}
	if (to->count == SYSTEMD_PROPERTIES_MAX)
		return NULL;
	to->items[to->count].name = name;
	return &to->items[to->count++];
}

/* What is there under this name is replaced. */
int systemd_plan_put(struct systemd_plan *to, struct systemd_property add, struct err *err)
{
	struct systemd_property *p = property(to, add.name);

	if (!p)
		return err_set(err, ERR_TOO_LARGE, "more than %d properties for systemd",
			       SYSTEMD_PROPERTIES_MAX);
	*p = add;
	return 0;
}

int systemd_plan_number(struct systemd_plan *to, struct arena *arena, const char *name,
			const char *signature, uint64_t number)
{
	struct systemd_value *value = ARENA_NEW(arena, struct systemd_value);

	value->number = number;
	return systemd_plan_put(to, (struct systemd_property){ name, signature, value, 1 }, NULL);
}

int systemd_plan_text(struct systemd_plan *to, struct arena *arena, const char *name,
		      const char *text, struct err *err)
{
	struct systemd_value *value = ARENA_NEW(arena, struct systemd_value);

	value->text = text;
	return systemd_plan_put(to, (struct systemd_property){ name, "s", value, 1 }, err);
}

/* systemd.slice(5): dashes nest, so an empty part would be a slice without a name. */
static int check_slice(struct str slice, struct err *err)
{
	struct str name = slice, part;

	if (!str_strip_suffix(&name, STR(".slice")) || name.len == 0 || slice.len > UNIT_NAME_MAX ||
	    str_contains(name, STR("/")))
		return err_set(err, ERR_INVALID,
			       "linux.cgroupsPath: invalid slice name \"" STR_FMT "\"",
			       STR_ARG(str_slice(slice, 0, 100)));
	if (str_eq_c(name, "-"))
		return 0;
	while (str_next_part(&name, '-', &part)) {
		if (part.len == 0)
			return err_set(err, ERR_INVALID,
				       "linux.cgroupsPath: invalid slice name \"" STR_FMT "\"",
				       STR_ARG(str_slice(slice, 0, 100)));
	}
	return 0;
}

static int check_unit(const char *unit, struct err *err)
{
	size_t len = strlen(unit);

	if (len <= strlen(".scope") || len > UNIT_NAME_MAX ||
	    strspn(unit, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@") !=
		    len)
		return err_set(err, ERR_INVALID,
			       "linux.cgroupsPath: \"%.100s\" cannot be the name of a unit", unit);
	return 0;
}

int systemd_plan_scope(const char *cgroups_path, const char *id, bool is_user, struct arena *arena,
		       struct systemd_scope *ret, struct err *err)
{
	struct str rest = str_from(cgroups_path), slice = STR_NONE, prefix = STR("cube"),
		   name = str_from(id);
	const char *fallback = is_user ? "user.slice" : "system.slice";

	if (rest.len > 0) {
		if (!str_cut(rest, ':', &slice, &rest) || !str_cut(rest, ':', &prefix, &name) ||
		    name.len == 0 || str_contains(name, STR(":")))
			return err_set(err, ERR_INVALID,
				       "linux.cgroupsPath: expected cgroupsPath to be of format "
				       "\"slice:prefix:name\" for "
				       "systemd cgroups, got \"%.200s\" instead",
				       cgroups_path);
	}
	if (str_has_suffix(name, STR(".slice")))
		return err_set(err, ERR_UNSUPPORTED,
			       "linux.cgroupsPath: a container as a slice is not supported");
	ret->slice = slice.len ? str_c_in(arena, slice) : fallback;
	ret->unit = str_printf_in(arena, STR_FMT "%s" STR_FMT ".scope", STR_ARG(prefix),
				  prefix.len ? "-" : "", STR_ARG(name))
			    .ptr;
	if (check_slice(str_from(ret->slice), err) < 0)
		return -1;
	return check_unit(ret->unit, err);
}

/* False for what only the file takes, like "1G": the property is left out then. */
static bool amount(struct str value, uint64_t *ret)
{
	*ret = UINT64_MAX;
	if (str_eq_c(value, "max") || str_has_prefix(value, STR("-")))
		return true;
	return num_parse_u64(value, UINT64_MAX, "", ret, NULL) == 0;
}

/* "0-2,5" to a little-endian bit mask. */
static int put_mask(struct systemd_plan *to, const char *name, const struct cgroup_change *change,
		    struct arena *arena, struct err *err)
{
	struct str rest = str_from(change->value), part, first, last;
	struct systemd_value *bytes = arena_alloc(arena, CPUS_MAX / 8 * sizeof(*bytes));
	size_t count = 0;
	uint64_t from, to_bit;

	while (str_next_part(&rest, ',', &part)) {
		if (!str_cut(str_trim(part), '-', &first, &last))
			last = first;
		if (num_parse_u64(first, CPUS_MAX - 1, change->field, &from, err) < 0 ||
		    num_parse_u64(last, CPUS_MAX - 1, change->field, &to_bit, err) < 0)
			return -1;
		for (uint64_t bit = from; bit <= to_bit; bit++) {
			bytes[bit / 8].number |= 1u << bit % 8;
			count = NUM_MAX(count, (size_t)(bit / 8 + 1));
		}
	}
	return systemd_plan_put(to, (struct systemd_property){ name, "ay", bytes, count }, err);
}

/* Quota and period in us to the share of a second. */
static int put_quota(struct systemd_plan *to, uint64_t quota, uint64_t period, struct arena *arena)
{
	uint64_t share = UINT64_MAX;

	if (quota != UINT64_MAX && quota <= UINT64_MAX / 1000000 - QUOTA_STEP_US && period > 0)
		share = (quota * 1000000 / period + QUOTA_STEP_US - 1) / QUOTA_STEP_US *
			QUOTA_STEP_US;
	return systemd_plan_number(to, arena, "CPUQuotaPerSecUSec", "t", share);
}

static int put_cpu(struct systemd_plan *to, struct str quota, struct str period, unsigned version, struct arena *arena)
{
	uint64_t share, length = 100000;

	if (!amount(quota, &share) || (period.len && !amount(period, &length)))
		return 0;
	if (version >= 242 && period.len && systemd_plan_number(to, arena, "CPUQuotaPeriodUSec", "t", length) < 0)
		return -1;
	return put_quota(to, share, length, arena);
}

enum conversion { AMOUNT, MASK, WEIGHT, IDLE, CPU_MAX };
static const struct {
	const char *file, *property;
	enum conversion conversion;
	unsigned since; /* version of systemd */
} rows[] = {
	{ "memory.max", "MemoryMax", AMOUNT, 231 },
	{ "memory.high", "MemoryHigh", AMOUNT, 231 },
	{ "memory.low", "MemoryLow", AMOUNT, 231 },
	{ "memory.min", "MemoryMin", AMOUNT, 240 },
	{ "memory.swap.max", "MemorySwapMax", AMOUNT, 232 },
	{ "memory.limit_in_bytes", "MemoryLimit", AMOUNT, 0 },
	{ "pids.max", "TasksMax", AMOUNT, 227 },
	{ "cpu.weight", "CPUWeight", AMOUNT, 232 },
	{ "cpu.idle", "CPUWeight", IDLE, 252 },
	{ "cpu.shares", "CPUShares", AMOUNT, 0 },
	{ "cpu.max", "", CPU_MAX, 213 },
	{ "cpuset.cpus", "AllowedCPUs", MASK, 244 },
	{ "cpuset.mems", "AllowedMemoryNodes", MASK, 244 },
	{ "io.weight", "IOWeight", WEIGHT, 230 },
	{ "blkio.bfq.weight", "BlockIOWeight", WEIGHT, 0 },
};

static int put_change(struct systemd_plan *to, size_t row, const struct cgroup_change *change,
		      unsigned version, struct arena *arena, struct err *err)
{
	struct str value = str_trim(str_from(change->value)), quota, period;
	uint64_t number;

	switch (rows[row].conversion) {
	case MASK:
		return value.len ? put_mask(to, rows[row].property, change, arena, err) : 0;
	case IDLE:
		return str_eq_c(value, "1") ? systemd_plan_number(to, arena, "CPUWeight", "t", 0)
					    : 0;
	case CPU_MAX:
		str_cut(value, ' ', &quota, &period);
		return put_cpu(to, quota, period, version, arena);
	case WEIGHT:
		str_strip_prefix(&value, STR("default "));
		break;
	case AMOUNT:
		break;
	}
	return amount(value, &number) ? systemd_plan_number(to, arena, rows[row].property, "t", number) : 0;
}

static const char *value_of(const struct cgroup_plan *plan, const char *file)
{
	const char *found = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		if (strcmp(plan->changes[i].file, file) == 0)
			found = plan->changes[i].value;
	}
	return found;
}

int systemd_plan_resources(const struct cgroup_plan *plan, unsigned version, struct arena *arena,
			   struct systemd_plan *to, struct err *err)
{
	const char *quota = value_of(plan, "cpu.cfs_quota_us"),
		   *period = value_of(plan, "cpu.cfs_period_us");

	for (size_t i = 0; i < plan->count; i++) {
		for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
			if (strcmp(rows[row].file, plan->changes[i].file) == 0 &&
			    version >= rows[row].since &&
			    put_change(to, row, &plan->changes[i], version, arena, err) < 0)
				return -1;
		}
	}
	if (quota || period)
		return put_cpu(to, quota ? str_from(quota) : STR("-1"), str_from(period), version,
			       arena);
	return 0;
}

int systemd_plan_devices(const struct filter_device *rules, size_t count, struct arena *arena,
			 struct systemd_plan *to, struct err *err)
{
	struct systemd_value *values = arena_alloc(arena, (count + 1) * 2 * sizeof(*values));
	size_t used = 0;

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const struct filter_device *d = &rules[i];
		const char *access = str_printf_in(arena, "%s%s%s", d->read ? "r" : "",
						   d->write ? "w" : "", d->mknod ? "m" : "")
					     .ptr;

		/* anything but a list of what is allowed is left to the filter of our own, which is
		 * always there */
		if (d->allow != (i > 0) || (i == 0 && d->type != 'a') ||
		    (d->major < 0 && d->minor >= 0))
			return systemd_plan_text(to, arena, "DevicePolicy", "auto", err);
		if (i == 0)
			continue;
		for (int block = 0; block < 2; block++) {
			if (d->type == (block ? 'c' : 'b'))
				continue;
			if (d->major < 0)
				values[used].text = block ? "block-*" : "char-*";
			else if (d->minor < 0)
				values[used].text = str_printf_in(arena, "%s-%lld",
								  block ? "block" : "char",
								  (long long)d->major)
							    .ptr;
			else
				values[used].text = str_printf_in(arena, "/dev/%s/%lld:%lld",
								  block ? "block" : "char",
								  (long long)d->major,
								  (long long)d->minor)
							    .ptr;
			values[used++].second = access;
		}
	}
	if (systemd_plan_text(to, arena, "DevicePolicy", "strict", err) < 0)
		return -1;
	return systemd_plan_put(
		to, (struct systemd_property){ "DeviceAllow", "a(ss)", values, used }, err);
}

static size_t size_of(char type)
{
	return type == 'y' ? 1 : type == 'n' || type == 'q' ? 2 : strchr("xtd", type) ? 8 : 4;
}

static void write_value(char type, const struct systemd_value *value, struct buf *to)
{
	if (type == 's') {
		dbus_put_string(to, str_from(value->text));
		return;
	}
	switch (size_of(type)) {
	case 1:
		buf_put_char(to, (char)value->number);
		return;
	case 2:
		dbus_put_u16(to, (uint16_t)value->number);
		return;
	case 4:
		dbus_put_u32(to, (uint32_t)value->number);
		return;
	default:
		dbus_put_u64(to, value->number);
	}
}

static void write_property(const struct systemd_property *p, struct buf *to)
{
	char element = p->signature[1];
	size_t align = element == '(' ? 8 : size_of(element), begin;

	dbus_put_signature(to, p->signature);
	if (p->signature[0] != 'a') {
		write_value(p->signature[0], p->values, to);
		return;
	}
	begin = dbus_begin_array(to, align);
	for (size_t i = 0; i < p->count; i++) {
		if (element == '(') {
			dbus_put_align(to, 8);
			dbus_put_string(to, str_from(p->values[i].text));
			dbus_put_string(to, str_from(p->values[i].second));
		} else {
			write_value(element, &p->values[i], to);
		}
	}
	dbus_end_array(to, begin, align);
}

void systemd_plan_write(const struct systemd_plan *plan, struct buf *to)
{
	size_t begin = dbus_begin_array(to, 8);

	for (size_t i = 0; i < plan->count; i++) {
		dbus_put_align(to, 8);
		dbus_put_string(to, str_from(plan->items[i].name));
		write_property(&plan->items[i], to);
	}
	dbus_end_array(to, begin, 8);
}
