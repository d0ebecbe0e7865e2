/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller plans: garbage collection, taints, evictions, subnets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "controllers/daemonset.h"
#include "controllers/garbage.h"
#include "controllers/limits.h"
#include "controllers/namespace.h"
#include "controllers/node.h"
#include "controllers/node_cidr.h"
#include "controllers/pod.h"
#include "controllers/volume_protection.h"

static const struct {
	const char *name;
	struct garbage_view view;
	enum garbage_action want;
} garbage_cases[] = {
	{ "keeps what has no owners", { .dependents = 1 }, GARBAGE_KEEP },
	{ "keeps what an owner holds", { .solid_owners = 1 }, GARBAGE_KEEP },
	{ "deletes what lost its only owner", { .gone_owners = 1 }, GARBAGE_DELETE_BACKGROUND },
	{ "drops only the reference while another owner lives",
	  { .solid_owners = 1, .gone_owners = 1 },
	  GARBAGE_DROP_OWNERS },
	{ "does not judge kinds it does not know",
	  { .unknown_owners = 1, .gone_owners = 1 },
	  GARBAGE_KEEP },
	{ "deletes a leaf of a foreground deletion",
	  { .waiting_owners = 1 },
	  GARBAGE_DELETE_BACKGROUND },
	{ "carries a foreground deletion on",
	  { .waiting_owners = 1, .dependents = 2 },
	  GARBAGE_DELETE_FOREGROUND },
	{ "opens a circle",
	  { .waiting_owners = 1, .dependents = 1, .deleting_dependents = 1, .blocked_owners = 1 },
	  GARBAGE_UNBLOCK_OWNERS },
	{ "and then carries on",
	  { .waiting_owners = 1, .dependents = 1, .deleting_dependents = 1 },
	  GARBAGE_DELETE_FOREGROUND },
	{ "waits for dependents that block",
	  { .deleting = true, .has_foreground = true, .blocking_dependents = 1 },
	  GARBAGE_DELETE_DEPENDENTS },
	{ "finishes when none blocks",
	  { .deleting = true, .has_foreground = true, .dependents = 1 },
	  GARBAGE_FINISH_FOREGROUND },
	{ "orphans when asked to",
	  { .deleting = true, .has_orphan = true, .dependents = 1 },
	  GARBAGE_ORPHAN_DEPENDENTS },
	{ "leaves what is being deleted to others",
	  { .deleting = true, .gone_owners = 1 },
	  GARBAGE_KEEP },
};

/* Deleting one object too many here loses somebody's data. */
static void garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(garbage_cases) / sizeof(garbage_cases[0]); i++) {
		print_message("%s\n", garbage_cases[i].name);
		assert_int_equal(garbage_plan(&garbage_cases[i].view), garbage_cases[i].want);
	}
}

/* A pod evicted too early is an outage; one never evicted is a dead application. */
static void evictions(void **state)
{
	static const struct {
		const char *tolerations, *taints;
		int64_t want;
	} rows[] = {
		{ "[]", "[]", INT64_MAX },
		{ "[]", "[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]", INT64_MAX },
		{ "[]", "[{\"key\":\"k\",\"effect\":\"NoExecute\"}]", 0 },
		{ "[{\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
		  "\"tolerationSeconds\":300}]",
		  "[{\"key\":\"k\",\"effect\":\"NoExecute\"}]", 300 },
		{ "[{\"operator\":\"Exists\"}]", "[{\"key\":\"k\",\"effect\":\"NoExecute\"}]",
		  INT64_MAX },
		{ "[{\"key\":\"k\",\"value\":\"a\"}]",
		  "[{\"key\":\"k\",\"value\":\"b\",\"effect\":\"NoExecute\"}]", 0 },
		{ "[{\"key\":\"k\",\"value\":\"b\",\"tolerationSeconds\":-5}]",
		  "[{\"key\":\"k\",\"value\":\"b\",\"effect\":\"NoExecute\"}]", 0 },
		/* of several that tolerate it the first counts, of several taints the shortest time */
		{ "[{\"key\":\"k\",\"operator\":\"Exists\"},{\"operator\":\"Exists\","
		  "\"tolerationSeconds\":9},{\"key\":\"k\",\"operator\":\"Exists\","
		  "\"effect\":\"NoExecute\",\"tolerationSeconds\":8}]",
		  "[{\"key\":\"k\",\"effect\":\"NoExecute\"}]", INT64_MAX },
		{ "[{\"key\":\"k\",\"value\":\"v\",\"tolerationSeconds\":7},{\"operator\":\"Exists\","
		  "\"effect\":\"NoExecute\",\"tolerationSeconds\":9}]",
		  "[{\"key\":\"x\",\"effect\":\"NoExecute\"},{\"key\":\"k\",\"value\":\"v\","
		  "\"effect\":\"NoExecute\"}]",
		  7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_JSON tolerations = json_parse(str_from(rows[i].tolerations), 1000, NULL);
		AUTO_JSON taints = json_parse(str_from(rows[i].taints), 1000, NULL);

		assert_true(taint_eviction_seconds(yyjson_doc_get_root(tolerations),
						   yyjson_doc_get_root(taints)) == rows[i].want);
	}
}

/* Many tolerations and many taints must not be a product: this takes minutes when they are. */
static void many_tolerations(void **state)
{
	enum { COUNT = 60000 };
	AUTO_BUF tolerations = { 0 }, taints = { 0 };
	AUTO_JSON read = NULL;
	AUTO_JSON nodes = NULL;

	(void)state;
	buf_init(&tolerations, 64u << 20);
	buf_init(&taints, 64u << 20);
	for (int i = 0; i < COUNT; i++) {
		buf_printf(&tolerations, "%s{\"key\":\"k%d\",\"operator\":\"Exists\"}", i ? "," : "[",
			   i);
		buf_printf(&taints, "%s{\"key\":\"k%d\",\"effect\":\"NoExecute\"}", i ? "," : "[",
			   COUNT - 1 - i);
	}
	buf_put_char(&tolerations, ']');
	buf_put_char(&taints, ']');
	read = json_parse(buf_str(&tolerations), SIZE_MAX, NULL);
	nodes = json_parse(buf_str(&taints), SIZE_MAX, NULL);
	assert_true(taint_eviction_seconds(yyjson_doc_get_root(read),
					   yyjson_doc_get_root(nodes)) == INT64_MAX);
}

/* Two nodes with one subnet send each other's traffic astray. */
static void subnets(void **state)
{
	static const struct {
		const char *cluster;
		int bits;
		size_t index;
		const char *want;
	} rows[] = {
		{ "10.244.0.0/16", 24, 0, "10.244.0.0/24" },
		{ "10.244.0.0/16", 24, 255, "10.244.255.0/24" },
		{ "10.0.0.0/8", 26, 5, "10.0.1.64/26" },
		{ "fd00::/48", 64, 258, "fd00:0:0:102::/64" },
	};
	struct cidr cluster, subnet;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[CIDR_TEXT_BYTES];

		assert_int_equal(cidr_parse(str_from(rows[i].cluster), &cluster, NULL), 0);
		cidr_subnet(&cluster, rows[i].bits, rows[i].index, &subnet);
		assert_string_equal(cidr_format(&subnet, text), rows[i].want);
		assert_int_equal(cidr_subnet_index(&cluster, rows[i].bits, &subnet), rows[i].index);
	}
	assert_int_equal(cidr_parse(STR("10.244.0.0/16"), &cluster, NULL), 0);
	assert_int_equal(cidr_subnet_count(&cluster, 24), 256);
	assert_int_equal(cidr_subnet_count(&cluster, 8), 0);
	assert_int_equal(cidr_parse(STR("10.244.0.1/16"), &cluster, NULL), -1);
	assert_int_equal(cidr_parse(STR("10.244.0.0"), &cluster, NULL), -1);
	assert_int_equal(cidr_parse(STR("10.244.0.0/33"), &cluster, NULL), -1);
}

/* maxSurge rounds up and maxUnavailable down, or rollouts stand still. */
static void scaled_values(void **state)
{
	static const struct {
		const char *text;
		int64_t total;
		bool up;
		int64_t want;
	} rows[] = {
		{ "\"25%\"", 10, true, 3 }, { "\"25%\"", 10, false, 2 }, { "\"100%\"", 7, true, 7 },
		{ "\"0%\"", 7, true, 0 },   { "4", 10, true, 4 },	 { "\"x\"", 10, true, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_JSON doc = json_parse(str_from(rows[i].text), 100, NULL);

		assert_int_equal(
			scaled_value(yyjson_doc_get_root(doc), rows[i].total, rows[i].up, -1),
			rows[i].want);
	}
}

#define DAEMON(name_, ...)                                                                  \
	{                                                                                   \
		.name = STR_INIT(name_), .ready = true, .available = true, .updated = true, \
		##__VA_ARGS__                                                               \
	}
#define OLD_DAEMON(name_, ok)                                             \
	{                                                                 \
		.name = STR_INIT(name_), .ready = (ok), .available = (ok) \
	}

static const struct {
	const char *name;
	int64_t max_unavailable;
	bool on_delete;
	struct {
		bool run, stay;
		struct daemon_pod pods[3];
	} nodes[4];	  /* ends with one that may do neither */
	const char *want; /* per node: + create, names removed */
	int64_t desired, available, updated;
} daemon_cases[] = {
	{ "makes a pod where one is missing",
	  1,
	  false,
	  { { true, true, { { .name = STR_NONE } } } },
	  "+",
	  1,
	  0,
	  0 },
	{ "leaves a node alone that has its pod",
	  1,
	  false,
	  { { true, true, { DAEMON("a") } } },
	  "",
	  1,
	  1,
	  1 },
	{ "waits for a pod on its way out",
	  1,
	  false,
	  { { true, true, { DAEMON("a", .deleting = true) } } },
	  "",
	  1,
	  1,
	  1 },
	{ "keeps the older of two",
	  1,
	  false,
	  { { true, true, { DAEMON("young", .created_ns = 9), DAEMON("old", .created_ns = 1) } } },
	  "young",
	  1,
	  1,
	  1 },
	{ "removes what has ended",
	  1,
	  false,
	  { { true, true, { DAEMON("a", .ended = true) } } },
	  "a",
	  1,
	  1,
	  1 },
	{ "removes a pod that may not stay",
	  1,
	  false,
	  { { false, false, { DAEMON("a") } }, { true, true, { DAEMON("b") } } },
	  "a",
	  1,
	  1,
	  1 },
	{ "lets a pod stay where no new one would go",
	  1,
	  false,
	  { { false, true, { DAEMON("a") } }, { true, true, { DAEMON("b") } } },
	  "",
	  1,
	  1,
	  1 },
	{ "updates one node at a time",
	  1,
	  false,
	  { { true, true, { OLD_DAEMON("a", true) } }, { true, true, { OLD_DAEMON("b", true) } } },
	  "a",
	  2,
	  2,
	  0 },
	{ "waits for the updated one",
	  1,
	  false,
	  { { true, true, { { .name = STR_INIT("a"), .updated = true } } },
	    { true, true, { OLD_DAEMON("b", true) } } },
	  "",
	  2,
	  1,
	  1 },
	{ "updates what is not available at once",
	  1,
	  false,
	  { { true, true, { OLD_DAEMON("a", false) } }, { true, true, { OLD_DAEMON("b", true) } } },
	  "a",
	  2,
	  1,
	  0 },
	{ "leaves updates to the user when asked to",
	  1,
	  true,
	  { { true, true, { OLD_DAEMON("a", true) } } },
	  "",
	  1,
	  1,
	  0 },
};

/* A node without its daemon has no network or logs; two at once fight each other. */
static void daemons(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(daemon_cases) / sizeof(daemon_cases[0]); i++) {
		struct daemon_node nodes[4] = { { .name = STR_NONE } };
		struct daemon_pod pods[4][3];
		struct daemon_view view = { .nodes = nodes,
					    .max_unavailable = daemon_cases[i].max_unavailable,
					    .on_delete = daemon_cases[i].on_delete };
		struct daemon_status status;
		char text[128] = "";

		while (view.node_count < 4 &&
		       (daemon_cases[i].nodes[view.node_count].run ||
			daemon_cases[i].nodes[view.node_count].pods[0].name.len)) {
			struct daemon_node *node = &nodes[view.node_count];

			node->should_run = daemon_cases[i].nodes[view.node_count].run;
			node->may_stay = daemon_cases[i].nodes[view.node_count].stay;
			memcpy(pods[view.node_count], daemon_cases[i].nodes[view.node_count].pods,
			       sizeof(pods[0]));
			node->pods = pods[view.node_count++];
			while (node->pod_count < 3 && node->pods[node->pod_count].name.len)
				node->pod_count++;
		}
		daemonset_plan(&view, &status);
		for (size_t n = 0; n < view.node_count; n++) {
			if (nodes[n].create)
				strncat(text, "+", sizeof(text) - strlen(text) - 1);
			for (size_t k = 0; k < nodes[n].pod_count; k++)
				if (nodes[n].pods[k].remove)
					strncat(text, nodes[n].pods[k].name.ptr,
						sizeof(text) - strlen(text) - 1);
		}
		print_message("%s\n", daemon_cases[i].name);
		assert_string_equal(text, daemon_cases[i].want);
		assert_int_equal(status.desired, daemon_cases[i].desired);
		assert_int_equal(status.available, daemon_cases[i].available);
		assert_int_equal(status.updated, daemon_cases[i].updated);
	}
}

static const struct {
	const char *name, *claim, *pod;
	bool uses;
	enum protection want;
} protection_cases[] = {
	{ "nobody uses it", "'finalizers':['kubernetes.io/pvc-protection'],'deletionTimestamp':'x'",
	  "{'metadata':{'name':'p','namespace':'n'},'spec':{'nodeName':'a'}}", false,
	  PROTECTION_REMOVE },
	{ "a pod on a node uses it",
	  "'finalizers':['kubernetes.io/pvc-protection'],'deletionTimestamp':'x'",
	  "{'metadata':{'name':'p','namespace':'n'},'spec':{'nodeName':'a','volumes':[{'name':'v',"
	  "'persistentVolumeClaim':{'claimName':'c'}}]}}",
	  true, PROTECTION_AS_IT_IS },
	{ "a pod that waits for a node does not",
	  "'finalizers':['kubernetes.io/pvc-protection'],'deletionTimestamp':'x'",
	  "{'metadata':{'name':'p','namespace':'n'},'spec':{'volumes':[{'name':'v',"
	  "'persistentVolumeClaim':{'claimName':'c'}}]}}",
	  false, PROTECTION_REMOVE },
	{ "another namespace's pod does not",
	  "'finalizers':['kubernetes.io/pvc-protection'],'deletionTimestamp':'x'",
	  "{'metadata':{'name':'p','namespace':'m'},'spec':{'nodeName':'a','volumes':[{'name':'v',"
	  "'persistentVolumeClaim':{'claimName':'c'}}]}}",
	  false, PROTECTION_REMOVE },
	{ "others' finalizers are not its business", "'finalizers':['x/y'],'deletionTimestamp':'x'",
	  "{'metadata':{'name':'p','namespace':'n'}}", false, PROTECTION_AS_IT_IS },
	{ "old claims get it", "'finalizers':['x/y']", "{'metadata':{'name':'p','namespace':'n'}}",
	  false, PROTECTION_ADD },
	{ "new ones have it", "'finalizers':['kubernetes.io/pvc-protection']",
	  "{'metadata':{'name':'p','namespace':'n'}}", false, PROTECTION_AS_IT_IS },
};

static struct blob *quoted(const char *before, const char *text, const char *after)
{
	char json[1024];

	snprintf(json, sizeof(json), "%s%s%s", before, text, after);
	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	return blob_new(str_from(json));
}

/* A volume that goes while it is written to is lost data; one that never goes is lost space. */
static void protection(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(protection_cases) / sizeof(protection_cases[0]); i++) {
		struct blob *claim = quoted("{'metadata':{'name':'c','namespace':'n',",
					    protection_cases[i].claim, "}}"),
			    *pod = quoted("", protection_cases[i].pod, "");
		bool uses = protection_pod_uses(obj_get(pod), obj_get(claim));

		print_message("%s\n", protection_cases[i].name);
		assert_int_equal(uses, protection_cases[i].uses);
		assert_int_equal(
			protection_plan(obj_get(claim), STR("kubernetes.io/pvc-protection"), uses),
			protection_cases[i].want);
		blob_unref(claim);
		blob_unref(pod);
	}
}

/* A namespace that goes while somebody keeps something of it leaves that behind for ever. */
static void namespaces(void **state)
{
	static struct str unknown[] = { STR_INIT("b.io/v1"), STR_INIT("a.io/v1") };
	static const struct api_remain others[] = { { STR_INIT("w.io"), STR_INIT("flunders"), 2 } };
	static const struct {
		struct namespace_view view;
		bool finalize;
		size_t condition;
		const char *reason, *message;
	} cases[] = {
		{ { .count = 0 },
		  true,
		  0,
		  "ResourcesDiscovered",
		  "All resources successfully discovered" },
		{ { .unknown = unknown, .unknown_count = 2 },
		  false,
		  0,
		  "DiscoveryFailed",
		  "Discovery failed for some groups, 2 failing: unable to retrieve the complete "
		  "list of "
		  "server APIs: a.io/v1: stale GroupVersion discovery: a.io/v1, b.io/v1: stale "
		  "GroupVersion discovery: b.io/v1" },
		{ { .is_asking = true },
		  false,
		  3,
		  "ContentRemoved",
		  "All content successfully removed" },
		{ { .others = others, .other_count = 1 },
		  false,
		  3,
		  "SomeResourcesRemain",
		  "Some resources are remaining: flunders.w.io has 2 resource instances" },
		{ { .failures = STR_INIT("flunders.w.io: answered 500") },
		  false,
		  2,
		  "ContentDeletionFailed",
		  "Failed to delete all resource types: flunders.w.io: answered 500" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct namespace_plan plan;
		struct arena arena;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		namespace_plan(&cases[i].view, &arena, &plan);
		assert_int_equal(plan.finalize, cases[i].finalize);
		assert_string_equal(plan.conditions[cases[i].condition].reason, cases[i].reason);
		assert_true(str_eq(plan.conditions[cases[i].condition].message,
				   str_from(cases[i].message)));
		arena_deinit(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protection), cmocka_unit_test(garbage),
		cmocka_unit_test(daemons),    cmocka_unit_test(evictions), cmocka_unit_test(many_tolerations),
		cmocka_unit_test(subnets),    cmocka_unit_test(scaled_values),
		cmocka_unit_test(namespaces),
	};

	return cmocka_run_group_tests_name("controllers/plans", tests, NULL, NULL);
}
