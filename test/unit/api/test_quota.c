/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when namespaces get more than quotas and limit ranges say, or are refused in other words than
 * upstream's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "api/limit_range.h"
#include "api/quota.h"
#include "base/time.h"

static yyjson_doc *parse(const char *text)
{
	struct err err = { 0 };
	yyjson_doc *doc = json_parse(str_from(text), SIZE_MAX, &err);

	if (!doc)
		fail_msg("%s: %s", text, err.msg);
	return doc;
}

static void assert_text(const char *name, struct str got, const char *want)
{
	if (!str_eq_c(got, want))
		fail_msg("%s\n got: " STR_FMT "\nwant: %s", name, STR_ARG(got), want);
}

/* --- usage --- */

static const struct {
	const char *name;
	const struct kind *kind;
	const char *object, *want;
} usages[] = {
	{ "a pod is the sum of its containers", &kind_pod,
	  "{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":\"1Gi\"},"
	  "\"limits\":{\"cpu\":\"1\"}}},{\"resources\":{\"requests\":{\"cpu\":\"400m\"}}}]}}",
	  "count/pods=1,cpu=500m,limits.cpu=1,memory=1Gi,pods=1,requests.cpu=500m,requests.memory=1Gi" },
	{ "or its largest init container, with the sidecars before it", &kind_pod,
	  "{\"spec\":{\"initContainers\":[{\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}},"
	  "{\"resources\":{\"requests\":{\"cpu\":\"3\"}}}],"
	  "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"2\"}}}]}}",
	  "count/pods=1,cpu=4,pods=1,requests.cpu=4" },
	{ "what the pod asks for as a whole counts, and overhead on top", &kind_pod,
	  "{\"spec\":{\"overhead\":{\"cpu\":\"250m\",\"memory\":\"1Mi\"},\"resources\":{\"requests\":{\"cpu\":\"2\"}},"
	  "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}}",
	  "count/pods=1,cpu=2250m,memory=1Mi,pods=1,requests.cpu=2250m,requests.memory=1Mi" },
	{ "extended resources count as requests only", &kind_pod,
	  "{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"example.com/gpu\":\"2\"},"
	  "\"limits\":{\"example.com/gpu\":\"2\"}}}]}}",
	  "count/pods=1,pods=1,requests.example.com/gpu=2" },
	{ "a pod that ended is an object and no more", &kind_pod,
	  "{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]},"
	  "\"status\":{\"phase\":\"Succeeded\"}}",
	  "count/pods=1" },
	{ "so is one whose grace is over", &kind_pod,
	  "{\"metadata\":{\"deletionTimestamp\":\"1970-01-01T00:00:10Z\","
	  "\"deletionGracePeriodSeconds\":30},\"spec\":{}}",
	  "count/pods=1" },
	{ "node ports of a service", &kind_service,
	  "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":1},{\"port\":2}]}}",
	  "count/services=1,services=1,services.nodeports=2" },
	{ "a load balancer without node ports of its own", &kind_service,
	  "{\"spec\":{\"type\":\"LoadBalancer\",\"allocateLoadBalancerNodePorts\":false,\"ports\":[{\"port\":1},"
	  "{\"port\":2,\"nodePort\":30000}]}}",
	  "count/services=1,services=1,services.loadbalancers=1,services.nodeports=1" },
	{ "a claim, also by its class", &kind_persistentvolumeclaim,
	  "{\"spec\":{\"storageClassName\":\"gold\",\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}",
	  "count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,"
	  "gold.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi" },
	{ "other kinds count themselves", &kind_secret, "{}", "count/secrets=1,secrets=1" },
	{ "by group where they have one", &kind_deployment, "{}", "count/deployments.apps=1" },
};

static void test_usage(void **state)
{
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_JSON object = parse(usages[i].object);
		struct resource_list usage;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		resource_list_init(&usage, &arena);
		quota_usage(usages[i].kind, yyjson_doc_get_root(object), 100 * TIME_NS_PER_SECOND,
			    &usage);
		assert_text(usages[i].name, resource_list_text(&usage, NULL), usages[i].want);
		for (size_t k = 0; k < usage.count; k++)
			if (!quota_is_about(usages[i].kind, usage.items[k].name))
				fail_msg("%s: " STR_FMT, usages[i].name,
					 STR_ARG(usage.items[k].name));
	}
}

/* --- scopes --- */

#define BEST_EFFORT "{\"spec\":{\"containers\":[{\"name\":\"a\"}]}}"
#define BURSTABLE \
	"{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}}]}}"
#define IMPORTANT "{\"spec\":{\"priorityClassName\":\"high\",\"activeDeadlineSeconds\":5}}"

static const struct {
	const char *spec, *pod;
	bool selects;
} scopes[] = {
	{ "{}", BEST_EFFORT, true },
	{ "{\"scopes\":[\"BestEffort\"]}", BEST_EFFORT, true },
	{ "{\"scopes\":[\"BestEffort\"]}", BURSTABLE, false },
	{ "{\"scopes\":[\"NotBestEffort\"]}", BURSTABLE, true },
	{ "{\"scopes\":[\"Terminating\"]}", IMPORTANT, true },
	{ "{\"scopes\":[\"NotTerminating\"]}", IMPORTANT, false },
	{ "{\"scopes\":[\"Terminating\",\"NotBestEffort\"]}", IMPORTANT, false },
	{ "{\"scopes\":[\"PriorityClass\"]}", IMPORTANT, true },
	{ "{\"scopes\":[\"PriorityClass\"]}", BEST_EFFORT, false },
	{ "{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\",\"operator\":\"In\","
	  "\"values\":[\"low\",\"high\"]}]}}",
	  IMPORTANT, true },
	{ "{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\",\"operator\":\"NotIn\","
	  "\"values\":[\"high\"]}]}}",
	  IMPORTANT, false },
	{ "{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\","
	  "\"operator\":\"DoesNotExist\"}]}}",
	  BEST_EFFORT, true },
	{ "{\"scopes\":[\"CrossNamespacePodAffinity\"]}",
	  "{\"spec\":{\"affinity\":{\"podAntiAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":"
	  "[{\"weight\":1,\"podAffinityTerm\":{\"namespaces\":[\"x\"]}}]}}}}",
	  true },
	{ "{\"scopes\":[\"CrossNamespacePodAffinity\"]}", BEST_EFFORT, false },
};

static void test_scopes(void **state)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		char text[1024];
		AUTO_JSON quota = NULL;
		AUTO_JSON pod = parse(scopes[i].pod);

		snprintf(text, sizeof(text), "{\"spec\":%s}", scopes[i].spec);
		quota = parse(text);
		if (quota_selects(yyjson_doc_get_root(quota), &kind_pod, yyjson_doc_get_root(pod)) !=
		    scopes[i].selects)
			fail_msg("%s %s", scopes[i].spec, scopes[i].pod);
	}
}

/* --- charging --- */

static const struct {
	const char *name;
	const struct kind *kind;
	const char *status, *object, *old;
	const char *used, *refusal; /* one of them; used NULL: nothing changes */
} charges[] = {
	{ "the last one that fits", &kind_configmap,
	  "{\"hard\":{\"configmaps\":\"2\"},\"used\":{\"configmaps\":\"1\"}}", "{}", NULL, "configmaps=2", NULL },
	{ "one more", &kind_configmap, "{\"hard\":{\"configmaps\":\"2\"},\"used\":{\"configmaps\":\"2\"}}", "{}", NULL,
	  NULL, "exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2" },
	{ "only what is exceeded is told", &kind_pod,
	  "{\"hard\":{\"pods\":\"5\",\"requests.cpu\":\"1\"},\"used\":{\"pods\":\"1\",\"requests.cpu\":\"600m\"}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}]}}", NULL, NULL,
	  "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1" },
	{ "a pod must say what is limited", &kind_pod,
	  "{\"hard\":{\"limits.memory\":\"1Gi\",\"cpu\":\"1\"},\"used\":{\"limits.memory\":\"0\",\"cpu\":\"0\"}}",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"1m\"}}},"
	  "{\"name\":\"b\"}]}}",
	  NULL, NULL, "failed quota: q: must specify cpu for: b; limits.memory for: a,b" },
	{ "what nobody has counted yet cannot be charged", &kind_pod, "{\"hard\":{\"pods\":\"1\"}}",
	  "{\"spec\":{\"containers\":[]}}", NULL, NULL, "status unknown for quota: q, resources: pods" },
	{ "a change costs the difference", &kind_service,
	  "{\"hard\":{\"services.nodeports\":\"2\",\"services\":\"9\"},"
	  "\"used\":{\"services.nodeports\":\"1\",\"services\":\"1\"}}",
	  "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":1},{\"port\":2}]}}",
	  "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":1}]}}", "services=1,services.nodeports=2", NULL },
	{ "giving back is fine in a quota that is overdrawn", &kind_service,
	  "{\"hard\":{\"services.nodeports\":\"0\"},\"used\":{\"services.nodeports\":\"2\"}}",
	  "{\"spec\":{\"type\":\"ClusterIP\",\"ports\":[{\"port\":1}]}}",
	  "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":1}]}}", "services.nodeports=1", NULL },
	{ "what is not limited changes nothing", &kind_secret,
	  "{\"hard\":{\"configmaps\":\"2\"},\"used\":{\"configmaps\":\"2\"}}", "{}", NULL, NULL, NULL },
};

static void test_charges(void **state)
{
	for (size_t i = 0; i < sizeof(charges) / sizeof(charges[0]); i++) {
		char text[1024];
		AUTO_ARENA arena = { 0 };
		AUTO_JSON quota = NULL;
		AUTO_JSON object = parse(charges[i].object);
		AUTO_JSON old = charges[i].old ? parse(charges[i].old) : NULL;
		struct quota_request request = { .kind = charges[i].kind,
						 .object = yyjson_doc_get_root(object),
						 .old = old ? yyjson_doc_get_root(old) : NULL };
		struct resource_list used;
		struct str refusal = STR_NONE;
		bool changed = false, fine;

		snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"q\"},\"status\":%s}",
			 charges[i].status);
		quota = parse(text);
		arena_init(&arena, ARENA_DEFAULT_MAX);
		resource_list_init(&used, &arena);
		fine = quota_charge(yyjson_doc_get_root(quota), &request, &used, &changed, &refusal);
		print_message("%s\n", charges[i].name);
		assert_int_equal(fine, charges[i].refusal == NULL);
		if (charges[i].refusal)
			assert_text(charges[i].name, refusal, charges[i].refusal);
		else
			assert_int_equal(changed, charges[i].used != NULL);
		if (charges[i].used)
			assert_text(charges[i].name, resource_list_text(&used, NULL),
				    charges[i].used);
	}
}

/* --- limit ranges --- */

#define LIMITS(items) "{\"spec\":{\"limits\":[" items "]}}"
#define CONTAINER(bounds) "{\"type\":\"Container\"," bounds "}"
#define POD(resources) \
	"{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{" resources "}}]}}"

static const struct {
	const char *range, *object;
	const struct kind *kind;
	const char *want;
} bounds[] = {
	{ LIMITS(CONTAINER("\"min\":{\"cpu\":\"100m\"}")), POD("\"requests\":{\"cpu\":\"100m\"}"), &kind_pod, "" },
	{ LIMITS(CONTAINER("\"min\":{\"cpu\":\"100m\"}")), POD("\"requests\":{\"cpu\":\"50m\"}"), &kind_pod,
	  "minimum cpu usage per Container is 100m, but request is 50m" },
	{ LIMITS(CONTAINER("\"min\":{\"cpu\":\"100m\"}")), POD(""), &kind_pod,
	  "minimum cpu usage per Container is 100m.  No request is specified" },
	{ LIMITS(CONTAINER("\"max\":{\"memory\":\"1Gi\"}")), POD("\"limits\":{\"memory\":\"2Gi\"}"), &kind_pod,
	  "maximum memory usage per Container is 1Gi, but limit is 2Gi" },
	{ LIMITS(CONTAINER("\"max\":{\"memory\":\"1Gi\"}")), POD(""), &kind_pod,
	  "maximum memory usage per Container is 1Gi.  No limit is specified" },
	{ LIMITS(CONTAINER("\"maxLimitRequestRatio\":{\"cpu\":\"2\"}")),
	  POD("\"requests\":{\"cpu\":\"1\"},\"limits\":{\"cpu\":\"3\"}"), &kind_pod,
	  "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000" },
	{ LIMITS(CONTAINER("\"max\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}")),
	  POD("\"limits\":{\"cpu\":\"2\",\"memory\":\"2Gi\"}"), &kind_pod,
	  "[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit "
	  "is 2Gi]" },
	{ LIMITS("{\"type\":\"Pod\",\"max\":{\"cpu\":\"1\"}}"),
	  "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"600m\"}}},"
	  "{\"resources\":{\"limits\":{\"cpu\":"
	  "\"600m\"}}}]}}",
	  &kind_pod, "maximum cpu usage per Pod is 1, but limit is 1200m" },
	{ LIMITS("{\"type\":\"PersistentVolumeClaim\",\"min\":{\"storage\":\"2Gi\"}}"),
	  "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}", &kind_persistentvolumeclaim,
	  "minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi" },
	{ LIMITS("{\"type\":\"PersistentVolumeClaim\",\"min\":{\"storage\":\"2Gi\"}}"), POD(""), &kind_pod, "" },
};

static void test_bounds(void **state)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_JSON range = parse(bounds[i].range);
		AUTO_JSON object = parse(bounds[i].object);

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_text(bounds[i].range,
			    limit_range_violations(yyjson_doc_get_root(range), bounds[i].kind,
						   yyjson_doc_get_root(object), &arena),
			    bounds[i].want);
	}
}

static void test_defaults(void **state)
{
	/* What a container says itself must stay; what was set must be told. */
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_JSON range = parse(LIMITS(CONTAINER(
		"\"default\":{\"cpu\":\"1\"},\"defaultRequest\":{\"cpu\":\"500m\",\"memory\":\"1Mi\"}")));
	AUTO_JSON object = parse("{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\","
				 "\"resources\":{\"requests\":{\"cpu\":\"7\"},\"limits\":{\"cpu\":\"7\"}}}]}}");
	AUTO_JSON_MUT pod = json_thaw(yyjson_doc_get_root(object));

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, 4096);
	limit_range_default(yyjson_doc_get_root(range), pod, yyjson_mut_doc_get_root(pod), &arena);
	json_mut_write(yyjson_mut_doc_get_root(pod), &text);
	assert_text("defaults", buf_str(&text),
		    "{\"metadata\":{\"annotations\":{\"kubernetes.io/limit-ranger\":\"LimitRanger plugin set: cpu,"
	  " memory "
		    "request for container a; cpu limit for container a; memory request for container b\"}},"
		    "\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"500m\","
	  "\"memory\":"
		    "\"1Mi\"},\"limits\":{\"cpu\":\"1\"}}},{\"name\":\"b\",\"resources\":{\"requests\":{\"cpu\":\"7\","
		    "\"memory\":\"1Mi\"},\"limits\":{\"cpu\":\"7\"}}}]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),	cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_charges), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
