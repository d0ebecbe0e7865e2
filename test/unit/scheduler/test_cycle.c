/* SPDX-License-Identifier: Apache-2.0 */
/* One scheduling decision: which node, or the message about why none. Objects are written as JSON,
 * as users write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "scheduler/cache.h"

#define NODE(name, labels, spec, cpu)                                                   \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"labels\":{" labels \
	"}},\"spec\":{" spec "},\"status\":{\"allocatable\":{\"cpu\":\"" cpu            \
	"\",\"memory\":\"1Gi\",\"pods\":\"3\"}}}"
#define POD(name, labels, spec)                                                     \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\",\"uid\":\"" name \
	"\",\"labels\":{" labels "}},\"spec\":{" spec "}}"
#define ON(node) "\"nodeName\":\"" node "\",\"containers\":[{\"name\":\"c\"}]"
#define ASKS(cpu, memory)                                                             \
	"\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"" cpu \
	"\",\"memory\":\"" memory "\"}}}]"
#define PLAIN "\"containers\":[{\"name\":\"c\"}]"
#define APART                                                                                     \
	"\"affinity\":{\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" \
	"{\"topologyKey\":\"zone\",\"labelSelector\":{\"matchLabels\":{\"app\":\"a\"}}}]}},"
#define TOGETHER                                                                              \
	"\"affinity\":{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" \
	"{\"topologyKey\":\"zone\",\"labelSelector\":{\"matchLabels\":{\"app\":\"a\"}}}]}},"
#define SPREAD                                                                                 \
	"\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"zone\","              \
	"\"whenUnsatisfiable\":\"DoNotSchedule\",\"labelSelector\":{\"matchLabels\":{\"app\":" \
	"\"a\"}}}],"
#define ZONE(z) "\"zone\":\"" z "\""
#define TAINT "\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]"
#define NO_VICTIM(n)                                  \
	"preemption: 0/" n " nodes are available: " n \
	" No preemption victims found for incoming pod."
#define NO_HELP(n) \
	"preemption: 0/" n " nodes are available: " n " Preemption is not helpful for scheduling."

static const struct {
	const char *name;
	const char *nodes[4], *placed[4], *pod, *want_node, *want_message;
} cases[] = {
	{ "takes the only node",
	  { NODE("n1", "", "", "2") },
	  { NULL },
	  POD("p", "", PLAIN),
	  "n1",
	  NULL },
	{ "says when there is no node at all",
	  { NULL },
	  { NULL },
	  POD("p", "", PLAIN),
	  NULL,
	  "no nodes available to schedule pods" },
	{ "takes the emptier node",
	  { NODE("n1", "", "", "2"), NODE("n2", "", "", "2") },
	  { POD("a", "", "\"nodeName\":\"n1\"," ASKS("1", "1Mi")) },
	  POD("p", "", ASKS("500m", "1Mi")),
	  "n2",
	  NULL },
	{ "refuses nodes that are too small, and says how many",
	  { NODE("n1", "", "", "1"), NODE("n2", "", "", "1") },
	  { NULL },
	  POD("p", "", ASKS("2", "1Mi")),
	  NULL,
	  "0/2 nodes are available: 2 Insufficient cpu. " NO_HELP("2") },
	{ "tells a full node from one that is too small",
	  { NODE("n1", "", "", "2") },
	  { POD("a", "", "\"nodeName\":\"n1\"," ASKS("1500m", "1Mi")) },
	  POD("p", "", ASKS("1", "1Mi")),
	  NULL,
	  "0/1 nodes are available: 1 Insufficient cpu. " NO_VICTIM("1") },
	{ "names every resource that is short",
	  { NODE("n1", "", "", "1") },
	  { NULL },
	  POD("p", "", ASKS("2", "2Gi")),
	  NULL,
	  "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. " NO_HELP("1") },
	{ "counts pods",
	  { NODE("n1", "", "", "1") },
	  { POD("a", "", ON("n1")), POD("b", "", ON("n1")), POD("c", "", ON("n1")) },
	  POD("p", "", PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 Too many pods. " NO_VICTIM("1") },
	{ "adds init containers by their maximum",
	  { NODE("n1", "", "", "1") },
	  { NULL },
	  POD("p", "",
	      "\"initContainers\":[{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"1100m\"}}"
	      "}]," PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 Insufficient cpu. " NO_HELP("1") },
	{ "respects taints and tells them from shortage",
	  { NODE("n1", "", TAINT, "2"), NODE("n2", "", "", "1"), NODE("n3", "", "", "1") },
	  { NULL },
	  POD("p", "", ASKS("2", "1Mi")),
	  NULL,
	  "0/3 nodes are available: 1 node(s) had untolerated taint {k: v}, 2 Insufficient "
	  "cpu. " NO_HELP("3") },
	{ "mixes the two sentences about preemption",
	  { NODE("n1", "", TAINT, "2"), NODE("n2", "", "", "1") },
	  { POD("a", "", "\"nodeName\":\"n2\"," ASKS("900m", "1Mi")) },
	  POD("p", "", ASKS("1", "1Mi")),
	  NULL,
	  "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {k: v}. "
	  "preemption: 0/2 nodes are "
	  "available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful "
	  "for scheduling." },
	{ "accepts a tolerated taint",
	  { NODE("n1", "", TAINT, "2") },
	  { NULL },
	  POD("p", "", "\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]," PLAIN),
	  "n1",
	  NULL },
	{ "prefers a node without a soft taint",
	  { NODE("n1", "", "\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]", "2"),
	    NODE("n2", "", "", "2") },
	  { NULL },
	  POD("p", "", PLAIN),
	  "n2",
	  NULL },
	{ "leaves a cordoned node alone",
	  { NODE("n1", "", "\"unschedulable\":true", "2") },
	  { NULL },
	  POD("p", "", PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 node(s) were unschedulable. " NO_HELP("1") },
	{ "follows a node selector",
	  { NODE("n1", "", "", "2"), NODE("n2", "\"disk\":\"ssd\"", "", "2") },
	  { NULL },
	  POD("p", "", "\"nodeSelector\":{\"disk\":\"ssd\"}," PLAIN),
	  "n2",
	  NULL },
	{ "says when no node matches the selector",
	  { NODE("n1", "", "", "2") },
	  { NULL },
	  POD("p", "", "\"nodeSelector\":{\"disk\":\"ssd\"}," PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. " NO_HELP(
		  "1") },
	{ "follows required node affinity by field",
	  { NODE("n1", "", "", "2"), NODE("n2", "", "", "2") },
	  { NULL },
	  POD("p", "",
	      "\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
	      "\"nodeSelectorTerms\":[{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":"
	      "\"In\","
	      "\"values\":[\"n2\"]}]}]}}}," PLAIN),
	  "n2",
	  NULL },
	{ "does not give one host port twice",
	  { NODE("n1", "", "", "2") },
	  { POD("a", "", "\"nodeName\":\"n1\",\"containers\":[{\"ports\":[{\"hostPort\":80}]}]") },
	  POD("p", "", "\"containers\":[{\"ports\":[{\"hostPort\":80,\"hostIP\":\"10.0.0.1\"}]}]"),
	  NULL,
	  "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod "
	  "ports. " NO_VICTIM("1") },
	{ "lets host ports of another protocol be",
	  { NODE("n1", "", "", "2") },
	  { POD("a", "", "\"nodeName\":\"n1\",\"containers\":[{\"ports\":[{\"hostPort\":80}]}]") },
	  POD("p", "", "\"containers\":[{\"ports\":[{\"hostPort\":80,\"protocol\":\"UDP\"}]}]"),
	  "n1",
	  NULL },
	{ "keeps pods apart that want to be",
	  { NODE("n1", ZONE("a"), "", "2"), NODE("n2", ZONE("a"), "", "2"),
	    NODE("n3", ZONE("b"), "", "2") },
	  { POD("a", "\"app\":\"a\"", ON("n1")) },
	  POD("p", "\"app\":\"a\"", APART PLAIN),
	  "n3",
	  NULL },
	{ "respects what placed pods want",
	  { NODE("n1", ZONE("a"), "", "2") },
	  { POD("a", "", APART ON("n1")) },
	  POD("p", "\"app\":\"a\"", PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity "
	  "rules. " NO_VICTIM("1") },
	{ "says when anti-affinity leaves nothing",
	  { NODE("n1", ZONE("a"), "", "2") },
	  { POD("a", "\"app\":\"a\"", ON("n1")) },
	  POD("p", "", APART PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. " NO_VICTIM(
		  "1") },
	{ "puts pods together that want to be",
	  { NODE("n1", ZONE("a"), "", "2"), NODE("n2", ZONE("b"), "", "2") },
	  { POD("a", "\"app\":\"a\"", ON("n2")) },
	  POD("p", "", TOGETHER PLAIN),
	  "n2",
	  NULL },
	{ "lets the first pod of a group in",
	  { NODE("n1", ZONE("a"), "", "2") },
	  { NULL },
	  POD("p", "\"app\":\"a\"", TOGETHER PLAIN),
	  "n1",
	  NULL },
	{ "says when there is nobody to be with",
	  { NODE("n1", ZONE("a"), "", "2") },
	  { NULL },
	  POD("p", "\"app\":\"b\"", TOGETHER PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 node(s) didn't match pod affinity rules. " NO_HELP("1") },
	{ "spreads over zones as it must",
	  { NODE("n1", ZONE("a"), "", "2"), NODE("n2", ZONE("b"), "", "2") },
	  { POD("a", "\"app\":\"a\"", ON("n1")) },
	  POD("p", "\"app\":\"a\"", SPREAD PLAIN),
	  "n2",
	  NULL },
	{ "says when spreading is impossible",
	  { NODE("n1", ZONE("a"), "", "2"), NODE("n2", ZONE("b"), "\"unschedulable\":true", "2") },
	  { POD("a", "\"app\":\"a\"", ON("n1")) },
	  POD("p", "\"app\":\"a\"", SPREAD PLAIN),
	  NULL,
	  "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 "
	  "node(s) were unschedulable. "
	  "preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 "
	  "Preemption is not "
	  "helpful for scheduling." },
	{ "says when a topology label is missing",
	  { NODE("n1", "", "", "2") },
	  { NULL },
	  POD("p", "\"app\":\"a\"", SPREAD PLAIN),
	  NULL,
	  "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints "
	  "(missing required label). " NO_HELP("1") },
	{ "says when the pod may not preempt",
	  { NODE("n1", "", "", "1") },
	  { NULL },
	  POD("p", "", "\"preemptionPolicy\":\"Never\"," ASKS("2", "1Mi")),
	  NULL,
	  "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to "
	  "preemptionPolicy=Never." },
};

static void add(struct cache *cache, const char *json, bool is_node)
{
	AUTO_BLOB blob = json ? blob_new(str_from(json)) : NULL;

	if (!blob)
		return;
	if (is_node)
		(void)cache_node_set(cache, obj_get(blob)); /* events are not looked at */
	else
		(void)cache_pod_set(cache, obj_get(blob)); /* likewise */
}

/* A pod on the wrong node, or one that never gets any; and users read the message to find out why.
 */
static void decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BLOB blob = blob_new(str_from(cases[i].pod));
		struct pod_state *pod = pod_state_new(obj_get(blob));
		struct schedule_plan plan;
		struct cache cache;
		AUTO_ARENA arena = { 0 };

		arena_init(&arena, SCHEDULER_CYCLE_ARENA_BYTES_MAX);
		cache_init(&cache);
		for (size_t k = 0; k < 4; k++)
			add(&cache, cases[i].nodes[k], true);
		for (size_t k = 0; k < 4; k++)
			add(&cache, cases[i].placed[k], false);
		schedule_plan(&cache.cluster, pod, 0, &arena, &plan);
		print_message("%s\n", cases[i].name);
		if (cases[i].want_node) {
			assert_non_null(plan.node);
			assert_true(str_eq_c(plan.node->name, cases[i].want_node));
		} else {
			assert_null(plan.node);
			assert_string_equal(str_c_in(&arena, plan.message), cases[i].want_message);
		}
		pod_state_free(pod);
		cache_deinit(&cache);
	}
}

/* Resources counted twice, or never given back, make a cluster look full or be overfull. */
static void accounting(void **state)
{
	static const char first[] = POD("a", "", "\"nodeName\":\"n1\"," ASKS("500m", "1Mi"));
	static const char grown[] = POD("a", "", "\"nodeName\":\"n1\"," ASKS("700m", "1Mi"));
	struct cache cache;

	(void)state;
	cache_init(&cache);
	add(&cache, NODE("n1", "", "", "2"), true);
	add(&cache, first, false);
	add(&cache, first, false);
	assert_int_equal(cache.cluster.nodes[0]->requested.cpu_milli, 500);
	add(&cache, grown, false);
	assert_int_equal(cache.cluster.nodes[0]->requested.cpu_milli, 700);
	assert_int_equal(cache.cluster.nodes[0]->requested.pods, 1);
	cache_node_remove(&cache, STR("n1"));
	assert_int_equal(cache.cluster.node_count, 0);
	add(&cache, NODE("n1", "", "", "2"), true);
	assert_int_equal(cache.cluster.nodes[0]->requested.cpu_milli, 700);
	assert_true(cache_pod_remove(&cache, STR("a")));
	assert_false(cache_pod_remove(&cache, STR("a")));
	assert_int_equal(cache.cluster.nodes[0]->requested.cpu_milli, 0);
	cache_deinit(&cache);
}

#define OWNED(name, more)                                                                     \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\",\"uid\":\"" name "\"" more \
	",\"ownerReferences\":[{\"uid\":\"rs\",\"controller\":true}]},\"spec\":{" ON("n1") "}}"

static size_t owned_on_first(const struct cache *cache)
{
	const struct pod_owner *owner = map_get(&cache->owners, STR("rs"));

	return owner ? owner->counts[cache->cluster.nodes[0]->slot] : 0;
}

/* Replicas that are counted wrongly per node end up on one node together. */
static void owners(void **state)
{
	struct cache cache;

	(void)state;
	cache_init(&cache);
	add(&cache, NODE("n1", "", "", "2"), true);
	add(&cache, OWNED("a", ""), false);
	add(&cache, OWNED("a", ""), false);
	add(&cache, OWNED("b", ""), false);
	assert_int_equal(owned_on_first(&cache), 2);
	add(&cache, OWNED("b", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""), false);
	assert_int_equal(owned_on_first(&cache), 1);
	assert_true(cache_pod_remove(&cache, STR("a")));
	assert_true(cache_pod_remove(&cache, STR("b")));
	assert_int_equal(cache.owners.count, 0);
	cache_node_remove(&cache, STR("n1"));
	add(&cache, NODE("n2", "", "", "2"), true);
	assert_int_equal(cache.cluster.nodes[0]->slot, 0); /* used again */
	cache_deinit(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(decisions),
					    cmocka_unit_test(accounting),
					    cmocka_unit_test(owners) };

	return cmocka_run_group_tests_name("scheduler/cycle", tests, NULL, NULL);
}
