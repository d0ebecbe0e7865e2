/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when linux.resources comes to other cgroup files or values than engines expect, on v1 or v2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cgroup_plan.h"

static int plan(const char *text, bool is_v2, struct arena *arena, struct cgroup_plan *ret, struct err *err)
{
	struct oci_resources *resources = arena_alloc(arena, sizeof(*resources));
	char *copy = strdup(text);
	yyjson_doc *doc;
	int failed;

	for (char *c = copy; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	doc = yyjson_read(copy, strlen(copy), 0);
	free(copy);
	failed = field_decode(&oci_resources_table, yyjson_doc_get_root(doc), arena, resources, err);
	if (failed == 0)
		failed = cgroup_plan(resources, is_v2, arena, ret, err);
	yyjson_doc_free(doc); /* a plan holds copies of values; names are constant */
	return failed;
}

static const struct {
	const char *text, *v1, *v2; /* "file=value;" in order; "!" and an error */
} cases[] = {
	{ "{}", "", "" },
	{ "{'memory':{'limit':1048576}}", "memory.limit_in_bytes=1048576;", "memory.max=1048576;" },
	{ "{'memory':{'limit':1048576,'swap':2097152}}",
	  "memory.limit_in_bytes=1048576;memory.memsw.limit_in_bytes=2097152;",
	  "memory.swap.max=1048576;memory.max=1048576;" },
	{ "{'memory':{'limit':-1}}", "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=-1;",
	  "memory.swap.max=max;memory.max=max;" },
	{ "{'memory':{'limit':2097152,'swap':1048576}}", "!linux.resources.memory.swap",
	  "!linux.resources.memory.swap" },
	{ "{'memory':{'swap':1048576}}", "memory.memsw.limit_in_bytes=1048576;",
	  "!linux.resources.memory.swap" },
	{ "{'memory':{'reservation':5}}", "memory.soft_limit_in_bytes=5;", "memory.low=5;" },
	{ "{'cpu':{'shares':1024}}", "cpu.shares=1024;", "cpu.weight=39;" },
	{ "{'cpu':{'shares':2}}", "cpu.shares=2;", "cpu.weight=1;" },
	{ "{'cpu':{'shares':262144}}", "cpu.shares=262144;", "cpu.weight=10000;" },
	{ "{'cpu':{'quota':50000,'period':100000}}",
	  "cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000;", "cpu.max=50000 100000;" },
	{ "{'cpu':{'quota':-1}}", "cpu.cfs_quota_us=-1;", "cpu.max=max 100000;" },
	{ "{'cpu':{'cpus':'0-1','mems':'0'}}", "cpuset.cpus=0-1;cpuset.mems=0;",
	  "cpuset.cpus=0-1;cpuset.mems=0;" },
	{ "{'pids':{'limit':10}}", "pids.max=10;", "pids.max=10;" },
	{ "{'pids':{'limit':-1}}", "pids.max=max;", "pids.max=max;" },
	{ "{'blockIO':{'weight':500}}", "blkio.bfq.weight=500;", "io.weight=default 4950;io.bfq.weight=500;" },
	{ "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1024}]}}",
	  "blkio.throttle.read_bps_device=8:0 1024;", "io.max=8:0 rbps=1024;" },
	{ "{'hugepageLimits':[{'pageSize':'2MB','limit':4}]}",
	  "hugetlb.2MB.limit_in_bytes=4;hugetlb.2MB.rsvd.limit_in_bytes=4;",
	  "hugetlb.2MB.max=4;hugetlb.2MB.rsvd.max=4;" },
	{ "{'rdma':{'a':{}}}", "!linux.resources.rdma.a", "!linux.resources.rdma.a" },
	{ "{'RDMA':{'A':{'hcahandles':3}}}", "rdma.max=A hca_handle=3;", "rdma.max=A hca_handle=3;" },
	{ "{'rdma':{'a':{'hcaObjects':7}}}", "rdma.max=a hca_object=7;", "rdma.max=a hca_object=7;" },
	{ "{'network':{'classID':5}}", "net_cls.classid=5;", "!linux.resources.network" },
	{ "{'memory':{'kernelTCP':5}}", "memory.kmem.tcp.limit_in_bytes=5;", "!linux.resources.memory.kernelTCP" },
	{ "{'memory':{'swappiness':5}}", "memory.swappiness=5;", "!linux.resources.memory.swappiness" },
	{ "{'memory':{'disableOOMKiller':true}}", "memory.oom_control=1;",
	  "!linux.resources.memory.disableOOMKiller" },
	{ "{'cpu':{'realtimePeriod':7}}", "cpu.rt_period_us=7;", "!linux.resources.cpu.realtimePeriod" },
	{ "{'cpu':{'realtimeRuntime':7}}", "cpu.rt_runtime_us=7;", "!linux.resources.cpu.realtimeRuntime" },
	{ "{'blockIO':{'leafWeight':9}}", "blkio.leaf_weight=9;", "!linux.resources.blockIO.leafWeight" },
	{ "{'blockIO':{'weightDevice':[{'major':8,'minor':0,'leafWeight':9}]}}", "blkio.leaf_weight_device=8:0 9;",
	  "!linux.resources.blockIO.weightDevice.leafWeight" },
	{ "{'blockIO':{'weightDevice':[{'major':8,'minor':0,'weight':9}]}}", "blkio.bfq.weight_device=8:0 9;",
	  "io.bfq.weight=8:0 9;" },
	{ "{'unified':{'memory.high':'9'}}", "!linux.resources.unified", "memory.high=9;" },
	{ "{'unified':{'../x.y':'9'}}", "!linux.resources.unified", "!linux.resources.unified" },
	{ "{'devices':[{'allow':false,'type':'x'}]}", "!linux.resources.devices[0].type",
	  "!linux.resources.devices[0].type" },
	{ "{'devices':[{'allow':true,'access':'rwx'}]}", "!linux.resources.devices[0].access",
	  "!linux.resources.devices[0].access" },
	{ "{'devices':[{'allow':true,'access':'rwm'}]}", "devices.allow=a;", "" },
};

static void has_the_files_of_the_host(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases) * 2; i++) {
		const char *want = i % 2 ? cases[i / 2].v2 : cases[i / 2].v1;
		struct cgroup_plan got = { 0 };
		struct err err = { 0 };
		char text[1000] = "";
		AUTO_ARENA arena = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		if (plan(cases[i / 2].text, i % 2, &arena, &got, &err) < 0) {
			snprintf(text, sizeof(text), "!%s", err.msg);
			if (strncmp(text, want, strlen(want)) != 0 || want[0] != '!')
				fail_msg("%s: \"%s\" instead of \"%s\"", cases[i / 2].text, text, want);
			continue;
		}
		for (size_t k = 0; k < got.count; k++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s=%s;", got.changes[k].file,
				 got.changes[k].value);
		assert_string_equal(text, want);
	}
}

static void default_devices_come_last(void **state)
{
	struct cgroup_plan got;
	struct err err;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(plan("{'devices':[{'allow':false,'access':'rwm'}]}", false, &arena, &got, &err), 0);
	assert_string_equal(got.changes[0].file, "devices.deny");
	assert_string_equal(got.changes[0].value, "a");
	assert_string_equal(got.changes[3].value, "c 1:3 rwm");
	assert_int_equal(plan("{'devices':[{'allow':false}]}", true, &arena, &got, &err), 0);
	assert_true(got.device_count > 10 && !got.devices[0].allow && got.devices[got.device_count - 1].allow);
}

static void paths_stay_below_the_root(void **state)
{
	static const struct {
		const char *given, *want;
	} paths[] = {
		{ NULL, "/id" },   { "", "/id" },	 { "/a/b", "/a/b" },
		{ "a/b", "/a/b" }, { "/../../x", "/x" }, { "/a//b/.", "/a/b" },
	};
	const char *got;
	struct err err;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		assert_int_equal(cgroup_plan_path(paths[i].given, "id", &arena, &got, &err), 0);
		assert_string_equal(got, paths[i].want);
	}
	assert_int_equal(cgroup_plan_path("/", "id", &arena, &got, &err), -1);
	assert_int_equal(cgroup_plan_path("/a/..", "id", &arena, &got, &err), -1);
}

#define OWNED(mounts, uid)                                                                                          \
	"{'ociVersion':'1.2.0','process':{'cwd':'/','user':{'uid':" uid "}},'mounts':[" mounts "],'linux':{"         \
	"'namespaces':[{'type':'user'},{'type':'cgroup'}],'uidMappings':[{'containerID':0,'hostID':1000,'size':1},"  \
	"{'containerID':5,'hostID':70,'size':9}],'gidMappings':[{'containerID':0,'hostID':1000,'size':1}]}}"
#define CGROUP_MOUNT(options) \
	"{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup','options':[" options "]}"

/* A cgroup handed to somebody who cannot see or write it helps nobody, and one who can expects it. */
static void owner_is_who_may_write(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: nobody */
	} rows[] = {
		{ OWNED(CGROUP_MOUNT("'rw'"), "0"), 1000 },
		{ OWNED(CGROUP_MOUNT("'nosuid'"), "7"), 72 },
		{ OWNED(CGROUP_MOUNT("'rw'"), "4"), -1 },
		{ OWNED(CGROUP_MOUNT("'ro'"), "0"), -1 },
		{ OWNED("", "0"), -1 },
		{ "{'ociVersion':'1.2.0','mounts':[" CGROUP_MOUNT(
			  "'rw'") "],'linux':{'namespaces':[{'type':'cgroup'}]}}",
		  -1 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char *copy = strdup(rows[i].text);
		struct oci_spec spec;
		struct err err = { 0 };
		AUTO_ARENA arena = { 0 };
		yyjson_doc *doc;
		uint32_t owner = 0;
		bool found;

		for (char *c = copy; *c; c++) {
			if (*c == '\'')
				*c = '"';
		}
		arena_init(&arena, ARENA_DEFAULT_MAX);
		doc = yyjson_read(copy, strlen(copy), 0);
		assert_int_equal(oci_spec_decode(yyjson_doc_get_root(doc), &arena, &spec, &err), 0);
		found = cgroup_plan_owner(&spec, &owner);
		if (found != (rows[i].want >= 0) || (found && owner != rows[i].want))
			fail_msg("%s: %d %u", rows[i].text, found, owner);
		yyjson_doc_free(doc);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_files_of_the_host),
		cmocka_unit_test(default_devices_come_last),
		cmocka_unit_test(paths_stay_below_the_root),
		cmocka_unit_test(owner_is_who_may_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
