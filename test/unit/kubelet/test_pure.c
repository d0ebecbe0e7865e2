/* SPDX-License-Identifier: Apache-2.0 */
/* Values that pods get: expansion of variables, hosts and resolver files, cgroup values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec/json.h"
#include "kubelet/limits.h"
#include "kubelet/pod_env.h"
#include "kubelet/pod_network.h"
#include "kubelet/host_usage.h"
#include "kubelet/qos.h"

static const struct obj *pod_of(const char *spec, struct blob **ret_blob)
{
	AUTO_BUF json = { 0 };

	buf_init(&json, 1 << 16);
	buf_printf(&json,
		   "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-0\",\"namespace\":\"ns\","
		   "\"uid\":\"u\"},\"spec\":%s}",
		   spec);
	*ret_blob = blob_new(buf_str(&json));
	return obj_get(*ret_blob);
}

static void test_expand(void **unused)
{
	/* Would break: command lines and values that use variables. */
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "$(A)", "one" },    { "<$(A)$(B)>", "<onetwo>" },
		{ "$(C)", "$(C)" },   { "$$(A)", "$(A)" },
		{ "$$$(A)", "$one" }, { "$A", "$A" },
		{ "$(A", "$(A" },     { "$", "$" },
		{ "a$$b", "a$b" },    { "$()", "$()" },
		{ "", "" },
	};
	struct str one = STR("one"), two = STR("two");
	AUTO_ARENA arena = { 0 };
	struct map values;

	(void)unused;
	arena_init(&arena, 1 << 20);
	map_init(&values);
	(void)map_put(&values, STR("A"), &one);
	(void)map_put(&values, STR("B"), &two);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct str got = env_expand(str_from(cases[i].text), &values, &arena);

		if (!str_eq_c(got, cases[i].want))
			fail_msg("\"%s\" became \"" STR_FMT "\"", cases[i].text, STR_ARG(got));
	}
	map_deinit(&values);
}

static void test_resolv_conf(void **unused)
{
	/* Would break: names of services that do not resolve in pods. */
	static const struct {
		const char *spec, *want;
	} cases[] = {
		{ "{}", "search ns.svc.cluster.local svc.cluster.local cluster.local example.org\n"
			"nameserver 10.96.0.10\noptions ndots:5\n" },
		{ "{\"dnsPolicy\":\"Default\"}",
		  "search example.org\nnameserver 192.0.2.53\noptions edns0\n" },
		{ "{\"hostNetwork\":true}",
		  "search example.org\nnameserver 192.0.2.53\noptions edns0\n" },
		{ "{\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"1.1.1.1\"],"
		  "\"options\":[{\"name\":\"ndots\","
		  "\"value\":\"2\"}]}}",
		  "nameserver 1.1.1.1\noptions ndots:2\n" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_BLOB blob = NULL;
		struct pod_spec spec;
		struct str got;

		arena_init(&arena, 1 << 20);
		pod_spec_decode(pod_of(cases[i].spec, &blob), &arena, &spec);
		got = pod_resolv_conf(
			&spec, STR("10.96.0.10"), STR("cluster.local"),
			STR("# x\nnameserver 192.0.2.53\nsearch example.org\noptions edns0\n"),
			&arena);
		if (!str_eq_c(got, cases[i].want))
			fail_msg("%s: " STR_FMT, cases[i].spec, STR_ARG(got));
	}
}

static void test_grace(void **unused)
{
	/* Would break: a pod whose grace, in nanoseconds, is no number any more and ends at once.
	 */
	static const struct {
		const char *spec;
		int64_t want;
	} cases[] = {
		{ "{}", 30 },
		{ "{\"terminationGracePeriodSeconds\":0}", 0 },
		{ "{\"terminationGracePeriodSeconds\":316224000}", KUBELET_GRACE_SECONDS_MAX },
		{ "{\"terminationGracePeriodSeconds\":316224001}", KUBELET_GRACE_SECONDS_MAX },
		{ "{\"terminationGracePeriodSeconds\":9223372036854775807}",
		  KUBELET_GRACE_SECONDS_MAX },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_BLOB blob = NULL;
		struct pod_spec spec;

		arena_init(&arena, 1 << 20);
		pod_spec_decode(pod_of(cases[i].spec, &blob), &arena, &spec);
		assert_int_equal(spec.grace_seconds, cases[i].want);
	}
}

static void test_hosts(void **unused)
{
	/* Would break: a pod that cannot find itself or its aliases. */
	AUTO_ARENA arena = { 0 };
	AUTO_BLOB blob = NULL;
	struct pod_spec spec;
	struct str got;

	(void)unused;
	arena_init(&arena, 1 << 20);
	pod_spec_decode(pod_of("{\"subdomain\":\"sub\",\"hostAliases\":[{\"ip\":\"1.2.3.4\","
			       "\"hostnames\":[\"a\",\"b\"]}]}",
			       &blob),
			&arena, &spec);
	got = pod_hosts(&spec, STR("10.1.0.9"), STR("cluster.local"), STR_NONE, &arena);
	assert_true(str_has_prefix(got, STR("# Kubernetes-managed hosts file.\n")));
	assert_true(str_contains(got, STR("10.1.0.9\tweb-0.sub.ns.svc.cluster.local\tweb-0\n")));
	assert_true(str_contains(got, STR("\n1.2.3.4\ta\tb\n")));
}

static void test_resources(void **unused)
{
	/* Would break: limits that are not upstream's, and the wrong QoS class. */
	static const struct {
		const char *resources;
		enum qos_class qos;
		uint64_t shares;
		int64_t quota, memory, pod_quota;
	} cases[] = {
		{ "{}", QOS_BEST_EFFORT, 2, 0, 0, 0 },
		{ "{\"requests\":{\"cpu\":\"100m\"}}", QOS_BURSTABLE, 102, 0, 0, 0 },
		{ "{\"limits\":{\"cpu\":\"500m\",\"memory\":\"64Mi\"}}", QOS_GUARANTEED, 512, 50000,
		  64 << 20, 50000 },
		{ "{\"requests\":{\"cpu\":\"1m\"},\"limits\":{\"cpu\":\"2m\"}}", QOS_BURSTABLE, 2,
		  1000, 0, 1000 },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct runtime_resources r, pod;
		AUTO_ARENA arena = { 0 };
		AUTO_BLOB blob = NULL;
		struct pod_spec spec;
		AUTO_BUF json = { 0 };

		arena_init(&arena, 1 << 20);
		buf_init(&json, 1 << 16);
		buf_printf(&json,
			   "{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"resources\":%s}]}",
			   cases[i].resources);
		pod_spec_decode(pod_of(json.ptr, &blob), &arena, &spec);
		assert_int_equal(spec.qos, cases[i].qos);
		container_cgroup_resources(&spec, &spec.containers[0], (int64_t)1 << 30, &r);
		pod_cgroup_resources(&spec, &pod);
		assert_int_equal(r.cpu_shares, cases[i].shares);
		assert_int_equal(r.cpu_quota_us, cases[i].quota);
		assert_int_equal(r.memory_bytes, cases[i].memory);
		assert_int_equal(pod.cpu_quota_us, cases[i].pod_quota);
	}
}

#define MEMINFO                                                                       \
	"MemTotal:       1000 kB\nMemFree:         400 kB\nInactive(file):  100 kB\n" \
	"AnonPages:        50 kB\n"

static void test_host_usage(void **unused)
{
	/* Would break: idle time counted as used, or figures made of a text that has none. */
	static const struct {
		const char *stat, *meminfo;
		bool is_good;
	} cases[] = {
		{ "cpu  1 2 3 1000 2000 4 5 6 7 8\ncpu0 1 2", MEMINFO, true },
		{ "cpu  10 0 11 5\n", MEMINFO, true },
		{ "cpu  10 0 11\n", MEMINFO, false },
		{ "cpu  10 0 x 1\n", MEMINFO, false },
		{ "cpu0 10 0 1 1\n", MEMINFO, false },
		{ "", MEMINFO, false },
		{ "cpu  1 2 3 4\n", "MemTotal: 1000 kB\nMemFree: 10 kB\n", false },
		{ "cpu  1 2 3 4\n", "", false },
	};
	struct runtime_stats stats;

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		stats = (struct runtime_stats){ .wall_ns = 7 };
		assert_int_equal(host_usage_parse(str_from(cases[i].stat),
						  str_from(cases[i].meminfo), 100, &stats),
				 cases[i].is_good);
		assert_int_equal(stats.wall_ns, 7);
		assert_int_equal(stats.cpu_ns, cases[i].is_good ? 210000000 : 0);
		assert_int_equal(stats.memory_bytes, cases[i].is_good ? 600 << 10 : 0);
		assert_int_equal(stats.memory_working_set_bytes, cases[i].is_good ? 500 << 10 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),	  cmocka_unit_test(test_resolv_conf),
		cmocka_unit_test(test_hosts),	  cmocka_unit_test(test_grace),
		cmocka_unit_test(test_resources), cmocka_unit_test(test_host_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
