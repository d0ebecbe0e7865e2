/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a container comes to another unit name or other properties than engines and systemd
 * expect, or when a D-Bus message is not written and read as the specification has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "runtime/dbus.h"
#include "runtime/systemd_plan.h"

static const struct {
	const char *path, *slice, *unit; /* slice NULL: an error */
	bool is_user;
} scopes[] = {
	{ NULL, "system.slice", "cube-id.scope" },
	{ "", "user.slice", "cube-id.scope", true },
	{ "machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope" },
	{ ":docker:abc", "system.slice", "docker-abc.scope" },
	{ "a-b-c.slice::x", "a-b-c.slice", "x.scope" },
	{ "-.slice:p:x", "-.slice", "p-x.scope" },
	{ "/a/b", NULL },
	{ "a:b", NULL },
	{ "a.slice:b:c:d", NULL },
	{ "a.slice:b:", NULL },
	{ "a--b.slice:p:x", NULL },
	{ "-a.slice:p:x", NULL },
	{ "a/b.slice:p:x", NULL },
	{ ".slice:p:x", NULL },
	{ "a.slice:p:x/../y", NULL },
	{ "a.slice:p:x.slice", NULL },
};

static void names_units(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(scopes); i++) {
		AUTO_ARENA arena = { 0 };
		struct systemd_scope scope;
		struct err err = { 0 };
		int failed;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		failed = systemd_plan_scope(scopes[i].path, "id", scopes[i].is_user, &arena, &scope,
					    &err);
		if (!scopes[i].slice) {
			assert_int_equal(failed, -1);
			assert_non_null(strstr(err.msg, "linux.cgroupsPath"));
			continue;
		}
		assert_int_equal(failed, 0);
		assert_string_equal(scope.slice, scopes[i].slice);
		assert_string_equal(scope.unit, scopes[i].unit);
	}
}

static void print(const struct systemd_plan *plan, char *to, size_t room)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; i < plan->count; i++) {
		const struct systemd_property *p = &plan->items[i];

		used += (size_t)snprintf(to + used, room - used, "%s:%s=", p->name, p->signature);
		for (size_t v = 0; v < p->count; v++) {
			if (p->values[v].text)
				used += (size_t)snprintf(to + used, room - used, "%s%s%s",
							 v ? "," : "", p->values[v].text,
							 p->values[v].second ? p->values[v].second
									     : "");
			else
				used += (size_t)snprintf(to + used, room - used, "%s%llu",
							 v ? "," : "",
							 (unsigned long long)p->values[v].number);
		}
		used += (size_t)snprintf(to + used, room - used, ";");
	}
}

static const struct {
	const char *file, *value, *want;
	unsigned version;
} changes[] = {
	{ "memory.max", "33554432", "MemoryMax:t=33554432;", 252 },
	{ "memory.max", "max", "MemoryMax:t=18446744073709551615;", 252 },
	{ "memory.max", "1G", "", 252 },
	{ "memory.swap.max", "0", "MemorySwapMax:t=0;", 252 },
	{ "memory.low", "5", "MemoryLow:t=5;", 252 },
	{ "memory.limit_in_bytes", "-1", "MemoryLimit:t=18446744073709551615;", 252 },
	{ "pids.max", "10", "TasksMax:t=10;", 252 },
	{ "cpu.weight", "39", "CPUWeight:t=39;", 252 },
	{ "cpu.idle", "1", "CPUWeight:t=0;", 252 },
	{ "cpu.idle", "1", "", 251 },
	{ "cpu.shares", "1024", "CPUShares:t=1024;", 252 },
	{ "cpu.max", "50000 100000", "CPUQuotaPeriodUSec:t=100000;CPUQuotaPerSecUSec:t=500000;",
	  252 },
	{ "cpu.max", "50000 100000", "CPUQuotaPerSecUSec:t=500000;", 241 },
	{ "cpu.max", "max 100000",
	  "CPUQuotaPeriodUSec:t=100000;CPUQuotaPerSecUSec:t=18446744073709551615;", 252 },
	{ "cpu.max", "1001", "CPUQuotaPerSecUSec:t=20000;", 252 },
	{ "cpu.cfs_quota_us", "20000", "CPUQuotaPerSecUSec:t=200000;", 252 },
	{ "cpuset.cpus", "0-2,9", "AllowedCPUs:ay=7,2;", 252 },
	{ "cpuset.mems", "0", "AllowedMemoryNodes:ay=1;", 252 },
	{ "cpuset.mems", "0", "", 243 },
	{ "io.weight", "default 4950", "IOWeight:t=4950;", 252 },
	{ "blkio.bfq.weight", "500", "BlockIOWeight:t=500;", 252 },
	{ "hugetlb.2MB.max", "5", "", 252 },
};

static void converts_limits(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
		struct cgroup_change change = { CGROUP_CPU, changes[i].file, changes[i].value,
						"linux.resources" };
		struct cgroup_plan plan = { .changes = &change, .count = 1 };
		struct systemd_plan got = { .count = 0 };
		AUTO_ARENA arena = { 0 };
		char text[512];

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_int_equal(
			systemd_plan_resources(&plan, changes[i].version, &arena, &got, NULL), 0);
		print(&got, text, sizeof(text));
		assert_string_equal(text, changes[i].want);
	}
}

static void lists_devices(void **state)
{
	const struct filter_device rules[] = {
		{ false, 'a', -1, -1, true, true, true }, { true, 'c', 1, 3, true, true, false },
		{ true, 'c', 136, -1, true, true, true }, { true, 'a', -1, -1, false, false, true },
		{ false, 'c', 1, 5, true, true, true },
	};
	struct systemd_plan got = { .count = 0 };
	AUTO_ARENA arena = { 0 };
	char text[512];

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(systemd_plan_devices(rules, 4, &arena, &got, NULL), 0);
	print(&got, text, sizeof(text));
	assert_string_equal(text, "DevicePolicy:s=strict;DeviceAllow:a(ss)=/dev/char/"
				  "1:3rw,char-136rwm,char-*m,block-*m;");
	got.count = 0;
	assert_int_equal(systemd_plan_devices(rules, 5, &arena, &got, NULL), 0);
	print(&got, text, sizeof(text));
	assert_string_equal(text, "DevicePolicy:s=auto;");
}

static const struct {
	const char *name, *value, *want; /* NULL: an error */
} annotations[] = {
	{ "TimeoutStopSec", "uint64 11", "TimeoutStopUSec:t=11000000;" },
	{ "TimeoutStopUSec", "uint64 11", "TimeoutStopUSec:t=11;" },
	{ "After", "['a.service', \"b.service\"]", "After:as=a.service,b.service;" },
	{ "SendSIGKILL", "false", "SendSIGKILL:b=0;" },
	{ "KillMode", "'mixed'", "KillMode:s=mixed;" },
	{ "Nice", "-5", "Nice:i=18446744073709551611;" },
	{ "After", "@as []", "After:as=;" },
	{ "Big", "5000000000", NULL },
	{ "After", "[]", NULL },
	{ "KillMode", "mixed", NULL },
	{ "KillMode", "'a'b'", NULL },
	{ "After", "['a', 5]", NULL },
	{ "Kill_Mode", "true", NULL },
	{ "Ki", "true", NULL },
	{ "Nice", "byte 256", NULL },
	{ "TimeoutSec", "'x'", NULL },
	{ "TimeoutSec", "-1", NULL },
};

static void takes_annotations(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(annotations); i++) {
		char key[64], text[512];
		struct oci_pair pairs[] = { { "other", "x" }, { key, annotations[i].value } };
		struct oci_map map = { pairs, 2 };
		struct systemd_plan got = { .count = 0 };
		struct err err = { 0 };
		AUTO_ARENA arena = { 0 };
		int failed;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		snprintf(key, sizeof(key), "org.systemd.property.%s", annotations[i].name);
		failed = systemd_plan_annotations(&map, &arena, &got, &err);
		assert_int_equal(failed, annotations[i].want ? 0 : -1);
		if (failed < 0) {
			assert_non_null(strstr(err.msg, "annotations: org.systemd.property."));
			continue;
		}
		print(&got, text, sizeof(text));
		assert_string_equal(text, annotations[i].want);
	}
}

static void takes_so_many_properties_and_no_more(void **state)
{
	static char names[SYSTEMD_PROPERTIES_MAX + 1][8];
	struct systemd_plan plan = { .count = 0 };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (int i = 0; i <= SYSTEMD_PROPERTIES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "P%d", i);
		assert_int_equal(systemd_plan_number(&plan, &arena, names[i], "t", 0),
				 i < SYSTEMD_PROPERTIES_MAX ? 0 : -1);
	}
}

static void writes_arrays_aligned(void **state)
{
	/* array of 32 bytes: structure at 8, name, signature "t", value at a multiple of 8 */
	static const char want[] =
		"\x18\0\0\0\0\0\0\0\1\0\0\0A\0\1t\0\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0";
	struct systemd_plan plan = { .count = 0 };
	AUTO_ARENA arena = { 0 };
	AUTO_BUF b = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&b, 4096);
	assert_int_equal(systemd_plan_number(&plan, &arena, "A", "t", 5), 0);
	systemd_plan_write(&plan, &b);
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.ptr, want, b.len);
}

static void reads_messages(void **state)
{
	/* an error, in answer to 2, with one string */
	static const char bytes[] = "l\3\0\1\7\0\0\0\1\0\0\0\x1f\0\0\0"
				    "\4\1s\0\3\0\0\0a.b\0\0\0\0\0"
				    "\5\1u\0\2\0\0\0"
				    "\x08\1g\0\1s\0\0"
				    "\2\0\0\0no";
	struct str whole = str_sub(bytes, sizeof(bytes));
	struct dbus_message message;
	char bad[sizeof(bytes)];
	struct dbus_reader r;
	size_t used;

	for (size_t len = 0; len < sizeof(bytes) - 1; len++) {
		if (len < 55)
			assert_int_equal(dbus_decode(str_sub(bytes, len), &message, &used, NULL),
					 0);
		if (len < 55)
			assert_int_equal(used, 0);
	}
	assert_int_equal(dbus_decode(whole, &message, &used, NULL), 0);
	assert_int_equal(used, 55);
	assert_true(str_eq_c(message.error, "a.b"));
	assert_int_equal(message.reply_to, 2);
	r = (struct dbus_reader){ .bytes = message.body };
	assert_true(str_eq_c(dbus_get_string(&r), "no"));
	assert_int_equal(dbus_get_u32(&r), 0);
	assert_true(r.failed);
	memcpy(bad, bytes, sizeof(bad));
	bad[20] = 100; /* a string longer than the header */
	assert_int_equal(dbus_decode(str_sub(bad, sizeof(bad)), &message, &used, NULL), -1);
	memcpy(bad, bytes, sizeof(bad));
	bad[6] = 0x7f; /* a body beyond the limit */
	assert_int_equal(dbus_decode(str_sub(bad, sizeof(bad)), &message, &used, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_units),
		cmocka_unit_test(converts_limits),
		cmocka_unit_test(lists_devices),
		cmocka_unit_test(takes_annotations),
		cmocka_unit_test(takes_so_many_properties_and_no_more),
		cmocka_unit_test(writes_arrays_aligned),
		cmocka_unit_test(reads_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
