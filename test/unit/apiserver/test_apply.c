/* SPDX-License-Identifier: Apache-2.0 */
/*
 * managedFields and server-side apply over HTTP: who owns what after each write, which applies are
 * refused and in which words. Breaks when an owner gets or keeps a field that upstream would not
 * give him, or when a conflict is missed or worded otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "fixture.h"

struct row {
	const char *method, *path, *type, *body;
	int status;
	const char *want[5]; /* each must be in the answer */
	const char *not_wanted;
};

#define JSON "application/json"
#define STRATEGIC "application/strategic-merge-patch+json"
#define MERGE "application/merge-patch+json"
#define PATCH "application/json-patch+json"
#define APPLY "application/apply-patch+yaml"
#define CM "/api/v1/namespaces/default/configmaps"
#define PODS "/api/v1/namespaces/default/pods"
#define SVC "/api/v1/namespaces/default/services"
#define DEPLOY "/apis/apps/v1/namespaces/default/deployments"

static void check(const char *body, const struct row *r)
{
	for (size_t i = 0; i < 5 && r->want[i]; i++) {
		if (!strstr(body, r->want[i]))
			print_message("%s %s\nnot there: %s\nin: %s\n", r->method, r->path,
				      r->want[i], body);
		assert_non_null(strstr(body, r->want[i]));
	}
	if (r->not_wanted && strstr(body, r->not_wanted))
		print_message("%s %s\nthere: %s\nin: %s\n", r->method, r->path, r->not_wanted,
			      body);
	assert_true(!r->not_wanted || !strstr(body, r->not_wanted));
}

static void run_rows(const struct row *rows, size_t count)
{
	struct http_fixture f;

	http_fixture_open(&f);
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		const char *body;
		char headers[256] = "";
		int status;

		if (r->type)
			snprintf(headers, sizeof(headers),
				 "Content-Type: %s\r\nUser-Agent: tool/v1.2 (linux)\r\n", r->type);
		status = http_fixture_do(&f, r->method, r->path, headers, r->body, &body);
		if (status != r->status)
			print_message("%s %s\n%d %s\n", r->method, r->path, status, body);
		assert_int_equal(status, r->status);
		check(body, r);
	}
	http_fixture_close(&f);
}

#define SCRIPT(name, ...)                                         \
	static void name(void **state)                            \
	{                                                         \
		static const struct row rows[] = { __VA_ARGS__ }; \
		(void)state;                                      \
		run_rows(rows, sizeof(rows) / sizeof(rows[0]));   \
	}

#define OWNS(manager, operation, version) \
	"\"manager\":\"" manager "\",\"operation\":\"" operation "\",\"apiVersion\":\"" version "\""
#define FIELDS(text) "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" text

#define WEB                                                                                      \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","    \
	"\"labels\":{\"app\":\"web\"}},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{" \
	"\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{" \
	"\"containers\":[{\"name\":\"main\",\"image\":\"nginx\",\"ports\":[{\"containerPort\":"  \
	"80}]}]}}}}"

SCRIPT(test_create,
       { "POST",
	 DEPLOY,
	 JSON,
	 WEB,
	 201,
	 { OWNS("tool", "Update", "apps/v1"),
	   FIELDS("{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{"
		  "\"f:progressDeadlineSeconds\":{},\"f:replicas\":{},\"f:revisionHistoryLimit\":"
		  "{},\"f:selector\":{},\"f:strategy\":{\"f:rollingUpdate\":{\".\":{},"
		  "\"f:maxSurge\":{},\"f:maxUnavailable\":{}},\"f:type\":{}},\"f:template\":{"
		  "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{"
		  "\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},\"f:image\":{},"
		  "\"f:imagePullPolicy\":{},\"f:name\":{},\"f:ports\":{\".\":{},"
		  "\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},"
		  "\"f:containerPort\":{},\"f:protocol\":{}}},\"f:resources\":{},"
		  "\"f:terminationMessagePath\":{},\"f:terminationMessagePolicy\":{}}},"
		  "\"f:dnsPolicy\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{},"
		  "\"f:securityContext\":{},\"f:terminationGracePeriodSeconds\":{}}}}}") } },
       { "POST",
	 CM "?fieldManager=me",
	 JSON,
	 "{\"metadata\":{\"name\":\"c\"},\"data\":{\"b\":\"1\",\"a\":\"2\"}}",
	 201,
	 { OWNS("me", "Update", "v1"),
	   FIELDS("{\"f:data\":{\".\":{},\"f:a\":{},\"f:b\":{}}}}]") } }, )

SCRIPT(test_update,
       { "POST", CM "?fieldManager=a", JSON,
	 "{\"metadata\":{\"name\":\"c\"},\"data\":{\"x\":\"1\",\"y\":\"1\"}}", 201 },
       { "PATCH",
	 CM "/c?fieldManager=b",
	 MERGE,
	 "{\"data\":{\"x\":\"2\",\"z\":\"1\"}}",
	 200,
	 { OWNS("a", "Update", "v1"), FIELDS("{\"f:data\":{\".\":{},\"f:y\":{}}}"),
	   OWNS("b", "Update", "v1"), FIELDS("{\"f:data\":{\"f:x\":{},\"f:z\":{}}}") } },
       { "PATCH",
	 CM "/c?fieldManager=b",
	 MERGE,
	 "{\"data\":{\"y\":null}}",
	 200,
	 { FIELDS("{\"f:data\":{}}"), FIELDS("{\"f:data\":{\"f:x\":{},\"f:z\":{}}}") } },
       { "PATCH",
	 CM "/c",
	 PATCH,
	 "[{\"op\":\"replace\",\"path\":\"/metadata/managedFields\",\"value\":[{}]}]",
	 200,
	 { "\"x\":\"2\"" },
	 "managedFields" },
       { "PATCH",
	 CM "/c?fieldManager=b",
	 MERGE,
	 "{\"data\":{\"y\":\"3\"}}",
	 200,
	 { "\"y\":\"3\"" },
	 "managedFields" },
       { "PATCH",
	 CM "/c?fieldManager=s",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"q\":\"1\"}}",
	 200,
	 { OWNS("before-first-apply", "Update", "v1"),
	   FIELDS("{\"f:data\":{\".\":{},\"f:x\":{},\"f:y\":{},\"f:z\":{}}}"),
	   OWNS("s", "Apply", "v1"), FIELDS("{\"f:data\":{\"f:q\":{}}}") } }, )

#define CONFIG(data)                                                                            \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},\"data\":" \
	"{" data "}}"

SCRIPT(test_apply,
       { "PATCH",
	 CM "/c",
	 APPLY,
	 CONFIG(""),
	 422,
	 { "PatchOptions.meta.k8s.io \\\"\\\" is invalid: fieldManager: Required value: is "
	   "required "
	   "for apply patch" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 CONFIG("\"x\":\"1\",\"y\":\"1\""),
	 201,
	 { OWNS("a", "Apply", "v1"), FIELDS("{\"f:data\":{\"f:x\":{},\"f:y\":{}}}"),
	   "\"data\":{\"x\":\"1\",\"y\":\"1\"}" } },
       { "PATCH",
	 CM "/c?fieldManager=b",
	 APPLY,
	 CONFIG("\"x\":\"2\""),
	 409,
	 { "\"message\":\"Apply failed with 1 conflict: conflict with \\\"a\\\": .data.x\"",
	   "\"reason\":\"Conflict\"", "\"reason\":\"FieldManagerConflict\"",
	   "\"message\":\"conflict with \\\"a\\\"\"", "\"field\":\".data.x\"" } },
       { "PATCH",
	 CM "/c?fieldManager=b",
	 APPLY,
	 CONFIG("\"x\":\"1\",\"z\":\"1\""),
	 200,
	 { OWNS("a", "Apply", "v1"), FIELDS("{\"f:data\":{\"f:x\":{},\"f:y\":{}}}"),
	   OWNS("b", "Apply", "v1"), FIELDS("{\"f:data\":{\"f:x\":{},\"f:z\":{}}}") } },
       /* a gives up both: x stays, since b has it too */
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 CONFIG("\"w\":\"1\""),
	 200,
	 { "\"data\":{\"x\":\"1\",\"z\":\"1\",\"w\":\"1\"}",
	   FIELDS("{\"f:data\":{\"f:w\":{}}}") } },
       { "PATCH",
	 CM "/c?fieldManager=a&force=true",
	 APPLY,
	 CONFIG("\"x\":\"9\""),
	 200,
	 { "\"x\":\"9\"", FIELDS("{\"f:data\":{\"f:x\":{}}}"),
	   FIELDS("{\"f:data\":{\"f:z\":{}}}") },
	 "\"w\"" },
       { "PATCH", CM "/c?fieldManager=u", MERGE, "{\"data\":{\"x\":\"8\",\"z\":\"8\"}}", 200 },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 CONFIG("\"x\":\"1\",\"z\":\"1\""),
	 409,
	 { "Apply failed with 2 conflicts: conflicts with \\\"u\\\" using v1:\\n- .data.x\\n- "
	   ".data.z" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"}",
	 400,
	 { "invalid object type: /v1, Kind=Secret" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"managedFields\":[{}]}}",
	 400,
	 { "metadata.managedFields must be nil" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 CONFIG("\"x\":1"),
	 500,
	 { "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data.x: expected "
	   "string, got &value.valueUnstructured{Value:1}" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"resourceVersion\":\"1\"}}",
	 409,
	 { "the object has been modified" } },
       { "PATCH", CM "/c?fieldManager=a&force=true", "application/apply-patch+cbor", "x", 415 },
       { "PATCH",
	 CM "/c?fieldManager=y",
	 APPLY,
	 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: v}\n",
	 200,
	 { OWNS("y", "Apply", "v1") } }, )

#define DEPLOYMENT(spec)          \
	"{\"apiVersion\":\"apps/" \
	"v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{" spec "}}"
#define CONTAINERS(items) "\"template\":{\"spec\":{\"containers\":[" items "]}}"

SCRIPT(test_lists, { "POST", DEPLOY "?fieldManager=kubectl-create", JSON, WEB, 201 },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT("\"replicas\":5"),
	 409,
	 { "Apply failed with 1 conflict: conflict with \\\"kubectl-create\\\" using apps/v1: "
	   ".spec.replicas" } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT(CONTAINERS(
		 "{\"name\":\"side\",\"image\":\"busybox\"},{\"name\":\"main\",\"env\":[{"
		 "\"name\":\"A\",\"value\":\"1\"}]}")),
	 200,
	 { "\"containers\":[{\"name\":\"side\",\"image\":\"busybox\"", "{\"name\":\"main\"",
	   "\"k:{\\\"name\\\":\\\"side\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{}}" } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT(CONTAINERS("{\"name\":\"main\"}")),
	 200,
	 { "\"name\":\"main\"" },
	 "\"name\":\"A\"" },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT(CONTAINERS("{\"image\":\"x\"}")),
	 500,
	 { ".spec.template.spec.containers: element 0: associative list with keys has an element "
	   "that "
	   "omits all key fields [\\\"name\\\"] (and doesn't have default values for any key "
	   "fields)" } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT(CONTAINERS("{\"name\":\"a\"},{\"name\":\"a\"}")),
	 500,
	 { ".spec.template.spec.containers: duplicate entries for key [name=\\\"a\\\"]" } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT("\"foo\":1"),
	 500,
	 { "(/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema" } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT("\"foo\":1,\"replicas\":\"x\",\"paused\":true,\"bar\":{\"x\":1}"),
	 500,
	 { "(/web; apps/v1, Kind=Deployment): errors:\\n  .spec.foo: field not declared in schema"
	   "\\n  .spec.replicas: expected numeric (int or float), got string"
	   "\\n  .spec.bar: field not declared in schema\"" } }, )

SCRIPT(test_subresources, { "POST", DEPLOY "?fieldManager=m", JSON, WEB, 201 },
       { "PUT",
	 DEPLOY "/web/scale?fieldManager=hpa",
	 JSON,
	 "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"metadata\":{\"name\":\"web\","
	 "\"namespace\":\"default\"},\"spec\":{\"replicas\":7}}",
	 200,
	 { "\"replicas\":7" } },
       { "GET",
	 DEPLOY "/web",
	 NULL,
	 NULL,
	 200,
	 { OWNS("hpa", "Update", "apps/v1"),
	   FIELDS("{\"f:spec\":{\"f:replicas\":{}}},\"subresource\":\"scale\"}") } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=s",
	 APPLY,
	 DEPLOYMENT("\"replicas\":1"),
	 409,
	 { "conflict with \\\"hpa\\\" with subresource \\\"scale\\\" using apps/v1: "
	   ".spec.replicas" } },
       { "PATCH",
	 DEPLOY "/web/scale?fieldManager=s&force=true",
	 APPLY,
	 "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"spec\":{\"replicas\":3}}",
	 200,
	 { "\"kind\":\"Scale\"", "\"replicas\":3" } },
       { "PATCH",
	 DEPLOY "/web/status?fieldManager=c",
	 MERGE,
	 "{\"status\":{\"replicas\":3},\"spec\":{\"replicas\":9}}",
	 200,
	 { "\"status\":{\"replicas\":3}",
	   FIELDS("{\"f:status\":{\"f:replicas\":{}}},\"subresource\":\"status\"}") } },
       { "PATCH",
	 DEPLOY "/web?fieldManager=m",
	 MERGE,
	 "{\"status\":{\"replicas\":4}}",
	 200,
	 { "\"status\":{\"replicas\":3}" } },
       { "PATCH", DEPLOY "/none/status?fieldManager=m", APPLY, DEPLOYMENT(""), 404 }, )

SCRIPT(test_unchanged,
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 CONFIG("\"x\":\"1\""),
	 201,
	 { "\"resourceVersion\":\"" } },
       { "PATCH",
	 CM "/c?fieldManager=a&dryRun=All",
	 APPLY,
	 CONFIG("\"x\":\"2\""),
	 200,
	 { "\"x\":\"2\"" } },
       { "GET", CM "/c", NULL, NULL, 200, { "\"x\":\"1\"" } },
       { "PATCH",
	 CM "/n?fieldManager=a&dryRun=All",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}",
	 400,
	 { "the name of the object (n based on URL) was undeterminable: name must be provided" } },
       { "PATCH",
	 CM "/n?fieldManager=a&dryRun=All",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\","
	 "\"resourceVersion\":\"1\"}}",
	 201,
	 { "\"name\":\"n\"" } },
       { "GET", CM "/n", NULL, NULL, 404 },
       /* of the same, by somebody else: his, without a time */
       { "PATCH",
	 CM "/c?fieldManager=b",
	 APPLY,
	 CONFIG("\"x\":\"1\""),
	 200,
	 { "\"manager\":\"b\",\"operation\":\"Apply\",\"apiVersion\":\"v1\",\"fieldsType\"" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: v, k: w}\n",
	 200,
	 { "\"k\":\"w\"" } },
       { "PATCH",
	 CM "/c?fieldManager=a&fieldValidation=Strict",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"k\":\"v\",\"k\":\"w\"}}",
	 400,
	 { "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\\n  "
	   "line 1: key \\\"k\\\" already set in map" } },
       { "PATCH", CM "/c?fieldManager=a", APPLY, "", 400, { "invalid object type: /, Kind=\"" } },
       { "PATCH",
	 CM "/c?fieldManager=a",
	 APPLY,
	 "[]",
	 400,
	 { "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
	   "unmarshal array into Go value of type map[string]interface {}" } },
       { "PATCH",
	 CM "/n?fieldManager=a",
	 APPLY,
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"uid\":\"u\"}}",
	 409,
	 { "uid mismatch: the provided object specified uid u, and no existing object was "
	   "found" } },
       { "PATCH",
	 CM "/c?force=true",
	 MERGE,
	 "{}",
	 422,
	 { "force: Forbidden: may not be specified for non-apply patch" } }, )

/* What patches make must be an object of the kind; the locks of updates. */
SCRIPT(test_patched,
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"x\":\"1\"}}", 201 },
       { "PATCH",
	 CM "/c?fieldValidation=Strict",
	 MERGE,
	 "{\"dataa\":{}}",
	 422,
	 { "\"message\":\" \\\"\\\" is invalid: patch: Invalid value: ",
	   ": strict decoding error: unknown field \\\"dataa\\\"\"",
	   "\"reason\":\"FieldValueInvalid\"", "\"field\":\"patch\"" } },
       { "PATCH",
	 CM "/c",
	 MERGE,
	 "{\"data\":{\"x\":1}}",
	 422,
	 { "is invalid: patch: Invalid value: ",
	   "ConfigMap in version \\\"v1\\\" cannot be handled as a "
	   "ConfigMap: json: cannot unmarshal number" } },
       { "PATCH",
	 CM "/c",
	 STRATEGIC,
	 "{\"data\":{\"x\":1}}",
	 422,
	 { " \\\"\\\" is invalid: patch: Invalid value: \\\"map[data:map[x:1]]\\\": cannot convert "
	   "int64 "
	   "to string" } },
       { "PATCH",
	 CM "/c",
	 STRATEGIC,
	 "{\"immutable\":\"yes\"}",
	 422,
	 { "\\\"map[immutable:yes]\\\": unrecognized type: bool" } },
       { "PATCH",
	 CM "/c",
	 STRATEGIC,
	 "{\"metadata\":{\"ownerReferences\":7}}",
	 422,
	 { "cannot restore slice from int64" } },
       { "PATCH",
	 CM "/c",
	 STRATEGIC,
	 "{\"metadata\":\"x\"}",
	 422,
	 { "cannot restore struct from: string" } },
       { "PATCH",
	 CM "/c",
	 STRATEGIC,
	 "{\"kind\":5}",
	 422,
	 { "cannot convert int64 to string" } },
       { "PATCH",
	 CM "/c",
	 STRATEGIC,
	 "{\"data\":{\"x\":[1]}}",
	 422,
	 { "unrecognized type: string" } },
       { "PATCH",
	 CM "/c",
	 PATCH,
	 "[{\"op\":\"add\",\"path\":\"/data\",\"value\":\"s\"}]",
	 422,
	 { "is invalid: patch: Invalid value: " } },
       { "PATCH",
	 CM "/c",
	 PATCH,
	 "[{\"op\":\"test\",\"path\":\"/data/x\",\"value\":\"2\"}]",
	 422,
	 { "the server rejected our request due to an error in our request" } },
       { "PATCH",
	 CM "/c",
	 MERGE,
	 "{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"x\":\"2\"}}",
	 409,
	 { "Operation cannot be fulfilled on configmaps \\\"c\\\": the object has been modified; "
	   "please "
	   "apply your changes to the latest version and try again" } },
       { "PATCH",
	 CM "/c?fieldValidation=Ignore",
	 MERGE,
	 "{\"dataa\":{},\"data\":{\"x\":\"3\"}}",
	 200,
	 { "\"x\":\"3\"" },
	 "dataa" },
       { "DELETE",
	 CM "/c",
	 JSON,
	 "{\"preconditions\":{\"uid\":\"u\"}}",
	 409,
	 { "the UID in the precondition (u) does not match the UID in record (" } },
       { "DELETE", CM "/c?dryRun=All", NULL, NULL, 200, { "\"status\":\"Success\"" } },
       { "GET", CM "/c", NULL, NULL, 200, { "\"x\":\"3\"" } }, )

#define HPA "/namespaces/default/horizontalpodautoscalers/h?fieldManager="
#define SCALED                                                                             \
	"\"minReplicas\":1,\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\"," \
	"\"name\":\"d\"}"
#define AUTOSCALER(version, spec)                                                               \
	"{\"apiVersion\":\"autoscaling/" version                                                \
	"\",\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{\"name\":\"h\"},\"spec\":{" spec \
	"}}"
#define CPU(percent)                                                                      \
	"\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{" \
	"\"type\":\"Utilization\",\"averageUtilization\":" percent "}}}]"

/* A field of v1 is a list in v2: who owns it in the one version conflicts in the other. */
SCRIPT(test_versions,
       { "PATCH",
	 "/apis/autoscaling/v1" HPA "one",
	 APPLY,
	 AUTOSCALER("v1", SCALED ",\"targetCPUUtilizationPercentage\":50"),
	 201,
	 { "\"f:targetCPUUtilizationPercentage\":{}" } },
       { "PATCH",
	 "/apis/autoscaling/v2" HPA "two",
	 APPLY,
	 AUTOSCALER("v2", CPU("60")),
	 409,
	 { "conflict with \\\"one\\\": .spec.targetCPUUtilizationPercentage\"" } },
       { "PATCH",
	 "/apis/autoscaling/v2" HPA "two",
	 APPLY,
	 AUTOSCALER("v2", CPU("50")),
	 200,
	 { "\"f:targetCPUUtilizationPercentage\":{}", "\"f:metrics\":{}" } },
       { "PATCH",
	 "/apis/autoscaling/v2" HPA "two&force=true",
	 APPLY,
	 AUTOSCALER("v2", CPU("60")),
	 200,
	 { "\"averageUtilization\":60" },
	 "f:targetCPUUtilizationPercentage" }, )

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),	     cmocka_unit_test(test_update),
		cmocka_unit_test(test_apply),	     cmocka_unit_test(test_lists),
		cmocka_unit_test(test_subresources), cmocka_unit_test(test_unchanged),
		cmocka_unit_test(test_patched),	     cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
