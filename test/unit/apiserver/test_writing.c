/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a write does more than its options allow, or is refused in other words than clients
 * match on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "apiserver/limits.h"
#include "fixture.h"

#define CM "/api/v1/namespaces/default/configmaps"
#define JSON "Content-Type: application/json\r\n"
#define YAML "Content-Type: application/yaml\r\n"
#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define STRATEGIC "Content-Type: application/strategic-merge-patch+json\r\n"
#define JSON_PATCH "Content-Type: application/json-patch+json\r\n"

struct row {
	const char *method, *path, *headers, *body;
	int status;
	const char *want;   /* in the answer's body, or with "Warning: " in its head */
	const char *absent; /* not in the body */
};

static void run(const struct row *rows, size_t count)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		bool warns = r->want && strncmp(r->want, "Warning: ", 9) == 0;
		int status = http_fixture_do(&f, r->method, r->path, r->headers, r->body, &body);

		if (status != r->status)
			print_message("%s %s: %d\n%s\n", r->method, r->path, status, body);
		assert_int_equal(status, r->status);
		if (r->want && !strstr(warns ? http_fixture_head(&f) : body, r->want))
			fail_msg("%s %s: no %s in\n%s", r->method, r->path, r->want,
				 warns ? http_fixture_head(&f) : body);
		if (r->absent && strstr(body, r->absent))
			fail_msg("%s %s: %s in\n%s", r->method, r->path, r->absent, body);
	}
	http_fixture_close(&f);
}

#define SCRIPT(name, ...)                                         \
	static void name(void **state)                            \
	{                                                         \
		static const struct row rows[] = { __VA_ARGS__ }; \
                                                                  \
		run(rows, sizeof(rows) / sizeof(rows[0]));        \
	}

#define DRY "dryRun: Unsupported value: [\\\"Some\\\"]: supported values: \\\"All\\\""

SCRIPT(test_delete_options, { "POST", CM, JSON, "{\"metadata\":{\"name\":\"a\"}}", 201 },
       /* what is not understood must not delete */
       { "DELETE", CM "/a", JSON, "{\"dryRun\":[\"Some\"]}", 422,
	 "DeleteOptions.meta.k8s.io \\\"\\\" is invalid: " DRY },
       { "DELETE", CM "/a?dryRun=Some", NULL, NULL, 422, DRY },
       { "DELETE", CM "/a?gracePeriodSeconds=x", NULL, NULL, 400,
	 "strconv.ParseInt: parsing \\\"x\\\": invalid syntax" },
       { "DELETE", CM "/a", JSON, "{\"propagationPolicy\":\"Some\"}", 422,
	 "supported values: \\\"Foreground\\\", \\\"Background\\\", \\\"Orphan\\\", \\\"nil\\\"" },
       { "DELETE", CM "/a", JSON, "{\"propagationPolicy\":\"Orphan\",\"orphanDependents\":true}",
	 422, "orphanDependents and deletionPropagation cannot be both set" },
       { "DELETE", CM "/a", JSON, "{\"propagationPolicy\":\"Some\"}", 422,
	 "\"details\":{\"group\":\"meta.k8s.io\",\"kind\":\"DeleteOptions\",\"causes\":[{"
	 "\"reason\":"
	 "\"FieldValueNotSupported\"" },
       { "DELETE", CM "?dryRun=All", NULL, NULL, 200,
	 "\"metadata\":{\"name\":\"a\",\"namespace\":\"default\",\"uid\"" },
       { "DELETE", CM "/a", JSON, "{\"preconditions\":{\"uid\":\"x\"}}", 409,
	 "the UID in the precondition (x) does not match the UID in record (" },
       { "DELETE", CM "/a", JSON, "{\"preconditions\":{\"resourceVersion\":\"1\"}}", 409,
	 "The object might have been modified" },
       { "DELETE", CM "/a", JSON, "{\"dryRun\":[\"All\"]}", 200, "\"status\":\"Success\"" },
       { "GET", CM "/a", NULL, NULL, 200 },
       { "DELETE", CM "/a", NULL, NULL, 200, "\"status\":\"Success\"" },
       { "GET", CM "/a", NULL, NULL, 404 }, )

SCRIPT(test_collections,
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"1\"}}}", 201 },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"b\",\"labels\":{\"x\":\"1\"}}}", 201 },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"c\"}}", 201 },
       { "DELETE", CM "?dryRun=Some", NULL, NULL, 422, DRY },
       { "DELETE", CM "?labelSelector=x&dryRun=All", NULL, NULL, 200, "\"name\":\"b\"" },
       { "DELETE", CM "?labelSelector=x&limit=1", NULL, NULL, 200, "\"name\":\"a\"",
	 "\"name\":\"b\"" },
       { "GET", CM, NULL, NULL, 200, "\"name\":\"b\"", "\"name\":\"a\"" },
       { "DELETE", CM "?labelSelector=x", NULL, NULL, 200, "\"name\":\"b\"", "\"name\":\"c\"" },
       { "GET", CM, NULL, NULL, 200, "\"name\":\"c\"", "\"name\":\"b\"" }, )

#define PODS "/api/v1/namespaces/default/pods"

/* Any number may be asked for: no time is later than some, and from there it is shortened. */
SCRIPT(test_long_graces,
       { "POST", PODS, JSON,
	 "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":"
	 "\"c\",\"image\":\"i\"}]}}",
	 201 },
       { "DELETE", PODS "/a?gracePeriodSeconds=9223372036854775807", NULL, NULL, 200,
	 "\"deletionTimestamp\":\"21" },
       { "GET", PODS "/a", NULL, NULL, 200, "\"deletionGracePeriodSeconds\":9223372036854775807" },
       { "DELETE", PODS "/a?gracePeriodSeconds=5", NULL, NULL, 200,
	 "\"deletionTimestamp\":\"20" }, )

#define TWICE "line 2: key \\\"k\\\" already set in map"

SCRIPT(test_field_validation,
       { "POST", CM "?fieldValidation=Strict", YAML,
	 "metadata: {name: a, foo: 1}\ndata: {k: \"1\", k: \"2\"}\n", 400,
	 "strict decoding error: yaml: unmarshal errors:\\n  " TWICE
	 ", unknown field \\\"metadata.foo\\\"" },
       { "POST", CM "?dryRun=All", YAML,
	 "metadata: {name: a, foo: 1}\ndata: {k: \"1\", k: \"2\"}\n", 201,
	 "Warning: 299 - \"line 2: key \\\"k\\\" already set in map\"" },
       { "POST", CM "?fieldValidation=Ignore", YAML,
	 "metadata: {name: a, foo: 1}\ndata: {k: \"1\", k: \"2\"}\n", 201, "{\"k\":\"2\"}" },
       { "PATCH", CM "/a?fieldValidation=Strict", MERGE, "{\"data\":{\"x\":\"1\",\"x\":\"2\"}}",
	 422, ": strict decoding error: duplicate field \\\"data.x\\\"" },
       { "PATCH", CM "/a?fieldValidation=Strict", MERGE,
	 "{\"data\":{\"x\":\"1\",\"x\":\"2\"},\"foo\":1}", 422,
	 "strict decoding error: duplicate field \\\"data.x\\\", unknown field \\\"foo\\\"" },
       { "PATCH", CM "/a?fieldValidation=Strict", STRATEGIC,
	 "{\"foo\":1,\"metadata\":{\"labels\":{\"a\":null}}}", 422,
	 " \\\"\\\" is invalid: patch: Invalid value: \\\"map[foo:1 "
	 "metadata:map[labels:map[a:<nil>]]]\\\": "
	 "strict decoding error: unknown field \\\"foo\\\"" },
       { "PATCH", CM "/a?fieldValidation=Strict", JSON_PATCH,
	 "[{\"op\":\"add\",\"path\":\"/foo\",\"value\":1}]", 422,
	 "strict decoding error: unknown field \\\"foo\\\"" },
       { "PATCH", CM "/a", MERGE, "{\"data\":{\"x\":\"1\",\"x\":\"2\"}}", 200,
	 "Warning: 299 - \"duplicate field \\\"data.x\\\"\"" },
       { "PATCH", CM "/a?fieldValidation=Ignore", MERGE,
	 "{\"data\":{\"y\":\"1\",\"y\":\"2\"},\"foo\":1}", 200, "\"y\":\"2\"" },
       { "PATCH", CM "/a?fieldValidation=Strict", JSON_PATCH,
	 "[{\"op\":\"add\",\"op\":\"add\",\"no\":1,\"path\":\"/data/z\",\"value\":\"1\"}]", 422,
	 "strict decoding error: json patch duplicate field \\\"[0].op\\\", json patch unknown "
	 "field \\\"[0].no\\\"" }, )

SCRIPT(test_patch_bodies, { "POST", CM, JSON, "{\"metadata\":{\"name\":\"a\"}}", 201 },
       { "GET", CM "?continue=abc&resourceVersion=5", NULL, NULL, 400,
	 "invalid continue token: continue key is not valid: invalid character 'i' looking for "
	 "beginning of value" },
       { "GET", CM "?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi9hIn0", NULL,
	 NULL, 400, "invalid continue token: continue key is not valid: ../a" },
       { "GET", CM "/a?resourceVersion=x", NULL, NULL, 500,
	 "\"message\":\"resourceVersion: Invalid value" },
       { "GET", CM "?resourceVersion=x", NULL, NULL, 400,
	 "\"message\":\"invalid resource version: resourceVersion: Invalid value" },
       { "GET", CM "?includeObject=None",
	 "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n", NULL, 200,
	 "\"object\":null}" },
       { "GET", CM, "Accept: application/json;as=Table;g=meta.k8s.io;v=v1beta1\r\n", NULL, 200,
	 "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1beta1\"" },
       { "GET", CM "/a",
	 "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1\r\n", NULL, 406,
	 "the requested object is not a list (*core.ConfigMap)" },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"1\"}}", 500,
	 "\"message\":\"resourceVersion should not be set on objects to be "
	 "created\",\"code\":500" },
       { "PUT", CM "/a", JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"x\"}}", 500,
	 "strconv.ParseUint: parsing \\\"x\\\": invalid syntax" },
       { "PUT", CM "/a", JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"0\"}}", 200,
	 NULL },
       { "PATCH", CM "/a", MERGE, "{", 400, "error decoding patch: unexpected end of JSON input" },
       { "PATCH", CM "/a?fieldValidation=Ignore", MERGE, "{", 400, "Invalid JSON Patch" },
       { "PATCH", CM "/a", MERGE, "[]", 400,
	 "error decoding patch: json: cannot unmarshal array into Go value of type "
	 "map[string]interface {}" },
       { "PATCH", CM "/a", STRATEGIC, "{", 400, "\"message\":\"unexpected end of JSON input\"" },
       { "PATCH", CM "/a", JSON_PATCH, "{}", 400,
	 "cannot unmarshal object into Go value of type []handlers.jsonPatchOp" },
       { "PATCH", CM "/a", JSON_PATCH, "[{\"op\":1}]", 400,
	 "cannot unmarshal number into Go struct field jsonPatchOp.op of type string" },
       { "PATCH", CM "/a", JSON_PATCH, "[{\"op\":\"foo\",\"path\":\"/a\"}]", 422,
	 "the server rejected our request due to an error in our request" }, )

#define GROUP "/apis/policy/v1/namespaces/default/poddisruptionbudgets"

SCRIPT(test_versions, { "POST", CM, JSON, "{\"metadata\":{\"name\":\"a\"}}", 201 },
       { "PUT", CM "/a", JSON, "{\"metadata\":{\"name\":\"a\",\"uid\":\"x\"}}", 409,
	 "Operation cannot be fulfilled on configmaps \\\"a\\\": StorageError: invalid object, "
	 "Code: 4, Key: "
	 "/registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition "
	 "failed: UID in "
	 "precondition: x, UID in object meta: " },
       { "PUT", CM "/a", JSON, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}", 200 },
       /* kinds that want to know what they overwrite */
       { "POST", GROUP, JSON, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"minAvailable\":1}}",
	 201 },
       { "PUT", GROUP "/a", JSON, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"minAvailable\":2}}",
	 422, "metadata.resourceVersion: Invalid value: 0: must be specified for an update" },
       /* kinds that are made by the first PUT */
       { "PUT", "/api/v1/namespaces/default/services/s", JSON,
	 "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":80}]}}", 201,
	 "\"clusterIP\":\"10." },
       { "PUT", "/apis/node.k8s.io/v1/runtimeclasses/r", JSON,
	 "{\"metadata\":{\"name\":\"r\"},\"handler\":\"x\"}", 201 },
       { "PUT", CM "/none", JSON, "{\"metadata\":{\"name\":\"none\"}}", 404 }, )

#define OWNER(name) "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"" name "\",\"uid\":\"u1\"}"
#define OWNED(owners) "{\"metadata\":{\"name\":\"a\",\"ownerReferences\":[" owners "]}}"

/* Would break: an owner that a client repeats is counted twice. */
SCRIPT(test_repeated_owners,
       { "POST", CM, JSON, OWNED(OWNER("x") "," OWNER("y") "," OWNER("x") "," OWNER("x")), 201,
	 "Warning: 299 - \".metadata.ownerReferences contains duplicate entries; API server dedups "
	 "owner references in 1.20+, and may reject such requests as early as 1.24; please fix "
	 "your requests; duplicate UID(s) observed: u1, u1\"" },
       { "GET", CM "/a", NULL, NULL, 200, "\"ownerReferences\":[" OWNER("x") "," OWNER("y") "]" },
       { "PUT", CM "/a", JSON, OWNED(OWNER("z") "," OWNER("z")), 200,
	 "\"ownerReferences\":[" OWNER("z") "]" },
       { "PATCH", CM "/a", MERGE, OWNED(OWNER("x") "," OWNER("x")), 200,
	 "Warning: 299 - \".metadata.ownerReferences contains duplicate entries after mutating "
	 "admission happens; API server dedups" }, )

/* Would break: clients that read the deleted object out of the answer, as they may for some kinds;
 * addresses of a balancer without their mode. */
SCRIPT(test_answers,
       { "POST", "/apis/storage.k8s.io/v1/volumeattributesclasses", JSON,
	 "{\"metadata\":{\"name\":\"c\"},\"driverName\":\"example.com/driver\",\"parameters\":{"
	 "\"a\":\"b\"}}",
	 201 },
       { "DELETE", "/apis/storage.k8s.io/v1/volumeattributesclasses/c", NULL, NULL, 200,
	 "\"driverName\":\"example.com/driver\"" },
       { "POST", "/api/v1/namespaces/default/services", JSON,
	 "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":"
	 "80}]"
	 "}}",
	 201 },
       { "PATCH", "/api/v1/namespaces/default/services/s/status", MERGE,
	 "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"},{\"hostname\":\"a.b\"}"
	 "]}}}",
	 200, "\"ingress\":[{\"ip\":\"192.0.2.1\",\"ipMode\":\"VIP\"},{\"hostname\":\"a.b\"}]" }, )

#define POD_OF(name)                                                                               \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":" \
	"[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define RUNS(ready)                                                                          \
	"{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":" \
	"\"" ready "\"}]}}"
#define EVICT(name) \
	"POST", PODS "/" name "/eviction", JSON, "{\"metadata\":{\"name\":\"" name "\"}}"

/* Would break: two evictions, faster than the budget's status follows, take more than it allows; or
 * a pod that serves nobody cannot be got rid of. */
#define DEPLOY "/apis/apps/v1/namespaces/default/deployments"

SCRIPT(test_scale_names,
       { "POST", DEPLOY, JSON,
	 "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	 "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"
	 "\"name\":\"c\",\"image\":\"i\"}]}}}}",
	 201 },
       { "PUT", DEPLOY "/d/scale", JSON,
	 "{\"metadata\":{\"name\":\"e\"},\"spec\":{\"replicas\":1}}", 400,
	 "the name of the object (e) does not match the name on the URL (d)" },
       { "PUT", DEPLOY "/d/scale", JSON,
	 "{\"metadata\":{\"name\":\"d\",\"namespace\":\"kube-system\"},\"spec\":{\"replicas\":1}}", 400,
	 "the namespace of the provided object does not match the namespace sent on the request" })

SCRIPT(test_taken,
       { "POST", CM, JSON,
	 "{\"metadata\":{\"name\":\"t\",\"finalizers\":[\"example.com/f\"]}}", 201 },
       { "DELETE", CM "/t", NULL, NULL, 200, "\"deletionTimestamp\":\"" },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"t\"}}", 409,
	 "\"message\":\"object is being deleted: configmaps \\\"t\\\" already exists\"" })

SCRIPT(test_budgets, { "POST", PODS, JSON, POD_OF("a"), 201 },
       { "POST", PODS, JSON, POD_OF("b"), 201 },
       { "PATCH", PODS "/a/status", MERGE, RUNS("True"), 200 },
       { "PATCH", PODS "/b/status", MERGE, RUNS("True"), 200 },
       { "POST", GROUP, JSON,
	 "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"minAvailable\":1,\"selector\":{"
	 "\"matchLabels\":{"
	 "\"a\":\"b\"}}}}",
	 201 },
       { EVICT("a"), 429, "The disruption budget x is still being processed by the server." },
       { "PATCH", GROUP "/x/status", MERGE,
	 "{\"status\":{\"observedGeneration\":1,\"disruptionsAllowed\":1,\"desiredHealthy\":1,"
	 "\"currentHealthy\":2,\"expectedPods\":2,\"conditions\":[{\"type\":\"DisruptionAllowed\","
	 "\"status\":\"True\",\"reason\":\"SufficientPods\",\"message\":\"\","
	 "\"lastTransitionTime\":"
	 "\"2026-01-01T00:00:00Z\"}]}}",
	 200 },
       { "POST", PODS "/a/eviction?dryRun=All", JSON, "{\"metadata\":{\"name\":\"a\"}}", 201 },
       { "POST", PODS "/a/eviction", JSON,
	 "{\"metadata\":{\"name\":\"a\"},\"deleteOptions\":{\"dryRun\":[\"All\"]}}", 201 },
       { "POST", PODS "/a/eviction", JSON,
	 "{\"metadata\":{\"name\":\"a\"},\"deleteOptions\":{\"dryRun\":[\"Some\"]}}", 422,
	 "dryRun: Unsupported value" },
       { "GET", PODS "/a", NULL, NULL, 200 },
       { "GET", GROUP "/x", NULL, NULL, 200, "\"disruptionsAllowed\":1" },
       { EVICT("a"), 201, "\"status\":\"Success\"" },
       { "GET", GROUP "/x", NULL, NULL, 200, "\"disruptedPods\":{\"a\":\"" },
       { "GET", GROUP "/x", NULL, NULL, 200, "\"disruptionsAllowed\":0" },
       { "GET", GROUP "/x", NULL, NULL, 200, "\"reason\":\"InsufficientPods\"" },
       { EVICT("b"), 429, "The disruption budget x does not allow evicting pods currently\"" },
       { "PATCH", GROUP "/x/status", MERGE, "{\"status\":{\"currentHealthy\":1}}", 200 },
       { EVICT("b"), 429, "needs 1 healthy pods and has 1 currently" },
       { "PATCH", GROUP "/x/status", MERGE,
	 "{\"status\":{\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":\"False\","
	 "\"reason\":\"SyncFailed\",\"message\":\"who knows\",\"lastTransitionTime\":"
	 "\"2026-01-01T00:00:00Z\"}]}}",
	 200 },
       { EVICT("b"), 429, "because it failed sync: who knows" },
       { "PATCH", GROUP "/x/status", MERGE, "{\"status\":{\"disruptionsAllowed\":-1}}", 422 },
       { "PATCH", PODS "/b/status", MERGE, RUNS("False"), 200 }, { EVICT("b"), 201 }, )

/* Breaks when one thing that is wrong twice is told twice in the message, or once in the causes. */
static void test_repeated_cause(void **state)
{
#define TYPE(what)                                           \
	"spec.metrics[0].type: Unsupported value: \\\"" what \
	"\\\": supported values: \\\"ContainerResource"
	static const struct row rows[] = {
		{ "POST", "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", JSON,
		  "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"maxReplicas\":1,\"scaleTargetRef\":{"
		  "\"kind\":"
		  "\"A\",\"name\":\"a\"},\"metrics\":[{\"type\":\"Moon\"}]}}",
		  422, "\"h\\\" is invalid: " TYPE("Moon"), "[" TYPE("Moon") },
		{ "POST", "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", JSON,
		  "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"maxReplicas\":1,\"scaleTargetRef\":{"
		  "\"kind\":"
		  "\"A\",\"name\":\"a\"},\"metrics\":[{\"type\":\"Moon\"}]}}",
		  422, "\"field\":\"spec.metrics[0].type\"},{\"reason\":\"FieldValueNotSupported\"",
		  NULL },
	};
#undef TYPE

	run(rows, sizeof(rows) / sizeof(rows[0]));
}

static enum store_fault always_full(void *arg, uint64_t write_index)
{
	return STORE_FAULT_FULL;
}

static void test_full_disk(void **state)
{
	/* A store that is full must be told in the words that etcd has for it; reading goes on, and
	 * so does writing once there is room again. */
	static const struct step refused[] = {
		{ "POST", "/api/v1/namespaces/default/configmaps", "{'metadata':{'name':'a'}}", 500,
		  "\"message\":\"etcdserver: mvcc: database space exceeded\",\"code\":500" },
		{ "GET", "/api/v1/namespaces/default/configmaps/a", NULL, 404, NULL },
		{ "GET", "/readyz", NULL, 200, NULL },
	};
	static const struct step taken = { "POST", "/api/v1/namespaces/default/configmaps",
					   "{'metadata':{'name':'a'}}", 201, NULL };
	const struct store_disk_faults faults = { .fault = always_full };
	struct http_fixture f = { 0 };

	http_fixture_open(&f);
	f.user = "admin";
	f.group = "system:masters";
	http_fixture_until(&f, "/readyz", 200, NULL);
	store_disk_set_faults(f.disk, &faults);
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
		run_step(&f, &refused[i]);
	store_disk_set_faults(f.disk, NULL);
	run_step(&f, &taken);
	http_fixture_close(&f);
}

/* More than begin at once. Would break: some are left, or the answer does not come. */
static void test_large_collection(void **state)
{
	struct http_fixture f;
	const char *body;
	char text[64];
	size_t count = 0;

	(void)state; /* it makes its own */
	http_fixture_open(&f);
	for (int i = 0; i < 2 * DELETIONS_RUNNING_MAX + 3; i++) {
		snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"c%d\"}}", i);
		assert_int_equal(http_fixture_do(&f, "POST", CM, JSON, text, &body), 201);
	}
	assert_int_equal(http_fixture_do(&f, "DELETE", CM, NULL, NULL, &body), 200);
	while ((body = strstr(body, "\"uid\":\""))) {
		body++;
		count++;
	}
	assert_int_equal(count, 2 * DELETIONS_RUNNING_MAX + 3);
	assert_int_equal(http_fixture_do(&f, "GET", CM, NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"items\":[]"));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeated_cause),	cmocka_unit_test(test_delete_options),
		cmocka_unit_test(test_collections),	cmocka_unit_test(test_large_collection),
		cmocka_unit_test(test_long_graces),	cmocka_unit_test(test_field_validation),
		cmocka_unit_test(test_patch_bodies),	cmocka_unit_test(test_versions),
		cmocka_unit_test(test_repeated_owners), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_scale_names),	cmocka_unit_test(test_taken),
		cmocka_unit_test(test_budgets),		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
