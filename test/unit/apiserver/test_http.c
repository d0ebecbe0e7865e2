/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and the answers clients of the original match on, as scripts: each row is sent in turn
 * to one fresh server. Breaks when a status, a wording or a rule of the registry differs from
 * upstream's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include "fixture.h"

struct row {
	const char *method, *path, *type, *body;
	int status;
	const char *want[5]; /* each must be in the answer */
	const char *not_wanted;
};

#define JSON "application/json"
#define MERGE "application/merge-patch+json"
#define STRATEGIC "application/strategic-merge-patch+json"
#define CM "/api/v1/namespaces/default/configmaps"
#define PODS "/api/v1/namespaces/default/pods"
#define SVC "/api/v1/namespaces/default/services"
#define DEPLOY "/apis/apps/v1/namespaces/default/deployments"

static void run_rows(struct http_fixture *f, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		const char *body;
		char headers[256] = "";
		int status;

		if (r->type)
			snprintf(headers, sizeof(headers), "Content-Type: %s\r\n", r->type);
		status = http_fixture_do(f, r->method, r->path, headers, r->body, &body);
		if (status != r->status)
			print_message("%s %s\n%d %s\n", r->method, r->path, status, body);
		assert_int_equal(status, r->status);
		for (size_t j = 0; j < 5 && r->want[j]; j++) {
			if (!strstr(body, r->want[j]))
				print_message("%s %s\nnot there: %s\nin: %s\n", r->method, r->path,
					      r->want[j], body);
			assert_non_null(strstr(body, r->want[j]));
		}
		if (r->not_wanted && strstr(body, r->not_wanted))
			print_message("%s %s\nthere: %s\nin: %s\n", r->method, r->path,
				      r->not_wanted, body);
		assert_true(!r->not_wanted || !strstr(body, r->not_wanted));
	}
}

#define SCRIPT(name, ...)                                           \
	static void name(void **state)                              \
	{                                                           \
		static const struct row rows[] = { __VA_ARGS__ };   \
		struct http_fixture f;                              \
                                                                    \
		http_fixture_open(&f);                              \
		run_rows(&f, rows, sizeof(rows) / sizeof(rows[0])); \
		http_fixture_close(&f);                             \
	}

SCRIPT(test_crud,
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}",
	 201,
	 { "\"kind\":\"ConfigMap\"", "\"apiVersion\":\"v1\"", "\"uid\":\"",
	   "\"creationTimestamp\":\"", "\"resourceVersion\":\"" } },
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"name\":\"a\"}}",
	 409,
	 { "configmaps \\\"a\\\" already exists", "\"reason\":\"AlreadyExists\"",
	   "\"details\":{\"name\":\"a\",\"kind\":\"configmaps\"}" } },
       { "GET", CM "/a", NULL, NULL, 200, { "\"k\":\"v\"" } },
       { "GET", CM "/b", NULL, NULL, 404, { "configmaps \\\"b\\\" not found", "\"code\":404" } },
       { "GET",
	 DEPLOY "/b",
	 NULL,
	 NULL,
	 404,
	 { "deployments.apps \\\"b\\\" not found", "\"group\":\"apps\"" } },
       { "PUT",
	 CM "/a",
	 JSON,
	 "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"w\"}}",
	 200,
	 { "\"k\":\"w\"" } },
       { "PUT",
	 CM "/a",
	 JSON,
	 "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"},\"data\":{\"k\":\"x\"}}",
	 409,
	 { "Operation cannot be fulfilled on configmaps \\\"a\\\": the object has been modified; "
	   "please apply your changes to the latest version and try again",
	   "\"reason\":\"Conflict\"" } },
       { "PUT",
	 CM "/a",
	 JSON,
	 "{\"metadata\":{\"name\":\"z\"}}",
	 400,
	 { "the name of the object (z) does not match the name on the URL (a)" } },
       { "PUT",
	 CM "/missing",
	 JSON,
	 "{\"metadata\":{\"name\":\"missing\"}}",
	 404,
	 { "not found" } },
       { "PATCH",
	 CM "/a",
	 MERGE,
	 "{\"data\":{\"n\":\"1\",\"k\":null}}",
	 200,
	 { "\"n\":\"1\"" },
	 "\"k\":" },
       { "PATCH",
	 CM "/a",
	 "application/json-patch+json",
	 "[{\"op\":\"add\",\"path\":\"/data/m\",\"value\":\"2\"}]",
	 200,
	 { "\"m\":\"2\"" } },
       { "PATCH",
	 CM "/a",
	 "application/json-patch+json",
	 "[{\"op\":\"test\",\"path\":\"/data/m\",\"value\":\"3\"}]",
	 422,
	 { "the server rejected our request due to an error in our request" } },
       { "PATCH",
	 CM "/a",
	 "application/json-patch+json",
	 "{\"op\":1}",
	 400,
	 { "\"reason\":\"BadRequest\"" } },
       { "PATCH",
	 CM "/a",
	 STRATEGIC,
	 "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}",
	 200,
	 { "\"x\":\"y\"" } },
       { "PATCH",
	 CM "/a",
	 MERGE,
	 "{\"metadata\":{\"resourceVersion\":\"1\"}}",
	 409,
	 { "the object has been modified" } },
       { "PATCH", CM "/b", MERGE, "{}", 404, { "not found" } },
       { "PATCH",
	 CM "/a",
	 "text/plain",
	 "{}",
	 415,
	 { "the body of the request was in an unknown format - accepted media types include:" } },
       { "DELETE",
	 CM "/a",
	 NULL,
	 NULL,
	 200,
	 { "\"status\":\"Success\"", "\"kind\":\"configmaps\"", "\"uid\":\"" } },
       { "DELETE", CM "/a", NULL, NULL, 404, { "configmaps \\\"a\\\" not found" } },
       { "POST",
	 CM "?dryRun=All",
	 JSON,
	 "{\"metadata\":{\"name\":\"dry\"}}",
	 201,
	 { "\"name\":\"dry\"" },
	 "resourceVersion" },
       { "GET", CM "/dry", NULL, NULL, 404, { "not found" } },
       { "POST",
	 CM "?dryRun=Some",
	 JSON,
	 "{\"metadata\":{\"name\":\"dry\"}}",
	 422,
	 { "dryRun: Unsupported value: [\\\"Some\\\"]" } },
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"generateName\":\"gen-\"}}",
	 201,
	 { "\"name\":\"gen-" } },
       { "POST",
	 CM,
	 "application/yaml",
	 "metadata:\n  name: yy\ndata:\n  a: b\n",
	 201,
	 { "\"a\":\"b\"" } },
       { "POST",
	 CM "?fieldValidation=Strict",
	 JSON,
	 "{\"metadata\":{\"name\":\"s\"},\"foo\":1}",
	 400,
	 { "strict decoding error: unknown field \\\"foo\\\"" } },
       { "POST",
	 "/api/v1/namespaces/nowhere/configmaps",
	 JSON,
	 "{\"metadata\":{\"name\":\"s\"}}",
	 404,
	 { "namespaces \\\"nowhere\\\" not found" } },
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"name\":\"s\",\"namespace\":\"other\"}}",
	 400,
	 { "the namespace of the provided object does not match the namespace sent on the "
	   "request" } }, )

SCRIPT(test_bad_input, { "POST", CM, JSON, "{", 400, { "\"kind\":\"Status\"", "BadRequest" } },
       { "POST", CM, JSON, "", 400, { "BadRequest" } },
       { "POST", CM, JSON, "[]", 400, { "BadRequest" } },
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"name\":5}}",
	 400,
	 { "BadRequest", "cannot unmarshal number" } },
       { "POST",
	 CM,
	 JSON,
	 "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}",
	 400,
	 { "BadRequest" } },
       { "POST", CM, "application/yaml", "a: [", 400, { "yaml" } },
       { "POST", CM, "application/x-foo", "{}", 415, { "unknown format" } },
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"name\":\"Not_A_Name\"}}",
	 422,
	 { "ConfigMap \\\"Not_A_Name\\\" is invalid: metadata.name: Invalid value: "
	   "\\\"Not_A_Name\\\"",
	   "\"causes\":[{\"reason\":\"FieldValueInvalid\"" } },
       { "GET", CM "?labelSelector=a%20b%20c", NULL, NULL, 400, { "BadRequest" } },
       { "GET",
	 CM "?fieldSelector=spec.foo%3D1",
	 NULL,
	 NULL,
	 400,
	 { "\\\"spec.foo\\\" is not a known field selector: only \\\"metadata.name\\\", "
	   "\\\"metadata.namespace\\\"" } },
       { "GET",
	 PODS "?fieldSelector=spec.foo%3D1",
	 NULL,
	 NULL,
	 400,
	 { "field label not supported: spec.foo" } },
       { "GET", CM "?resourceVersion=abc", NULL, NULL, 400, { "Invalid value: \\\"abc\\\"" } },
       { "GET",
	 CM "?resourceVersion=999999",
	 NULL,
	 NULL,
	 504,
	 { "Too large resource version: 999999", "ResourceVersionTooLarge" } },
       { "GET", CM "?continue=x!", NULL, NULL, 400, { "continue key is not valid" } },
       { "GET", CM "?limit=-1", NULL, NULL, 200, { "ConfigMapList" } },
       { "GET",
	 CM "?limit=x",
	 NULL,
	 NULL,
	 400,
	 { "strconv.ParseInt: parsing \\\"x\\\": invalid syntax" } },
       { "GET",
	 CM "?resourceVersionMatch=Exact",
	 NULL,
	 NULL,
	 422,
	 { "resourceVersionMatch is forbidden unless resourceVersion is provided" } },
       { "GET",
	 CM "?timeout=soon",
	 NULL,
	 NULL,
	 400,
	 { "invalid timeout specified in the request URL - time: invalid duration \\\"soon\\\"" } },
       { "GET", CM "?timeout=5m", NULL, NULL, 200, { "ConfigMapList" } },
       { "PUT",
	 CM,
	 JSON,
	 "{}",
	 405,
	 { "the server does not allow this method on the requested resource" } },
       { "POST", CM "/a", JSON, "{}", 405, { "MethodNotAllowed" } },
       { "POST", "/version", JSON, "{}", 405, { "MethodNotAllowed" } },
       { "GET",
	 "/api/v1/nonsense",
	 NULL,
	 NULL,
	 404,
	 { "the server could not find the requested resource" } },
       { "GET", "/apis/none/v1/things", NULL, NULL, 404, { "404 page not found" } },
       { "GET", "/nonsense", NULL, NULL, 404, { "could not find" } },
       { "GET", CM "/a/nonsense", NULL, NULL, 404, { "could not find" } },
       { "GET", "/api/v1/namespaces/%zz", NULL, NULL, 400, { "Status" } },
       { "DELETE", CM "/a?propagationPolicy=Never", NULL, NULL, 422, { "propagationPolicy" } },
       { "DELETE",
	 "/api/v1/namespaces/default",
	 NULL,
	 NULL,
	 403,
	 { "namespaces \\\"default\\\" is forbidden: this namespace may not be deleted" } },
       { "GET", "/healthz", NULL, NULL, 200, { "ok" } }, )

#define POD(name, rest)                   \
	"{\"metadata\":{\"name\":\"" name \
	"\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}" rest "}}"

SCRIPT(test_pods,
       { "POST",
	 PODS,
	 JSON,
	 POD("p", "]"),
	 201,
	 { "\"serviceAccountName\":\"default\"", "node.kubernetes.io/not-ready",
	   "\"tolerationSeconds\":300", "\"priority\":0", "\"phase\":\"Pending\"" } },
       { "POST",
	 PODS,
	 JSON,
	 POD("q", "],\"serviceAccountName\":\"robot\""),
	 403,
	 { "error looking up service account default/robot: serviceaccount \\\"robot\\\" not "
	   "found" } },
       { "POST",
	 PODS,
	 JSON,
	 POD("q", "],\"priorityClassName\":\"none\""),
	 403,
	 { "no PriorityClass with name none was found" } },
       { "POST",
	 PODS,
	 JSON,
	 POD("crit", "],\"priorityClassName\":\"system-node-critical\""),
	 201,
	 { "\"priority\":2000001000" } },
       { "POST", PODS, JSON, POD("two", ",{\"name\":\"d\",\"image\":\"i\"}]"), 201, { "\"two\"" } },
       { "POST",
	 PODS,
	 JSON,
	 "{\"metadata\":{\"name\":\"e\"},\"spec\":{\"containers\":[]}}",
	 422,
	 { "spec.containers: Required value" } },
       { "GET", PODS "/p/log", NULL, NULL, 200, { "" } },
       { "GET",
	 PODS "/two/log",
	 NULL,
	 NULL,
	 400,
	 { "a container name must be specified for pod two, choose one of: [c d]" } },
       { "POST",
	 PODS,
	 JSON,
	 POD("one", "],\"initContainers\":[{\"name\":\"i\",\"image\":\"i\"}]"),
	 201,
	 { "\"one\"" } },
       { "GET", PODS "/one/log", NULL, NULL, 200, { "" } },
       { "GET",
	 PODS "/two/log?container=x",
	 NULL,
	 NULL,
	 400,
	 { "container x is not valid for pod two" } },
       { "GET",
	 PODS "/%ff%fex",
	 NULL,
	 NULL,
	 404,
	 { "pods \\\"\xef\xbf\xbd\xef\xbf\xbdx\\\" not found" } },
       { "GET", PODS "/none/log", NULL, NULL, 404, { "pods \\\"none\\\" not found" } },
       { "POST",
	 PODS "/p/exec?command=ls",
	 NULL,
	 "",
	 400,
	 { "pod p does not have a host assigned" } },
       { "POST",
	 PODS "/p/binding",
	 JSON,
	 "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n1\"}}",
	 201,
	 { "\"status\":\"Success\"" } },
       { "GET",
	 PODS "/p",
	 NULL,
	 NULL,
	 200,
	 { "\"nodeName\":\"n1\"", "\"type\":\"PodScheduled\"" } },
       { "POST",
	 PODS "/p/binding",
	 JSON,
	 "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n2\"}}",
	 409,
	 { "pod p is already assigned to node \\\"n1\\\"" } },
       { "POST",
	 PODS "/p/binding",
	 JSON,
	 "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\"}}",
	 422,
	 { "target.name: Required value" } },
       { "POST", PODS "/p/exec?command=ls", NULL, "", 404, { "nodes \\\"n1\\\" not found" } },
       { "PATCH",
	 PODS "/p/status",
	 MERGE,
	 "{\"status\":{\"phase\":\"Running\"},\"metadata\":{\"labels\":{\"no\":\"no\"}}}",
	 200,
	 { "\"phase\":\"Running\"" } },
       { "PATCH",
	 PODS "/p",
	 MERGE,
	 "{\"status\":{\"phase\":\"Failed\"}}",
	 200,
	 { "\"phase\":\"Running\"" } },
       { "GET",
	 PODS "?fieldSelector=spec.nodeName%3Dn1",
	 NULL,
	 NULL,
	 200,
	 { "\"name\":\"p\"" },
	 "\"name\":\"two\"" },
       { "GET",
	 PODS "?fieldSelector=metadata.name%3Dtwo",
	 NULL,
	 NULL,
	 200,
	 { "\"name\":\"two\"" },
	 "\"name\":\"p\"" },
       { "DELETE",
	 PODS "/p",
	 NULL,
	 NULL,
	 200,
	 { "\"deletionTimestamp\":\"", "\"deletionGracePeriodSeconds\":30" } },
       { "DELETE",
	 PODS "/p?gracePeriodSeconds=60",
	 NULL,
	 NULL,
	 200,
	 { "\"deletionGracePeriodSeconds\":30" } },
       { "DELETE",
	 PODS "/p?gracePeriodSeconds=5",
	 NULL,
	 NULL,
	 200,
	 { "\"deletionGracePeriodSeconds\":5" } },
       { "DELETE",
	 PODS "/p",
	 JSON,
	 "{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"other\"}}",
	 409,
	 { "the UID in the precondition (other) does not match the UID in record (" } },
       { "DELETE", PODS "/p", JSON, "{\"gracePeriodSeconds\":0}", 200, { "\"name\":\"p\"" } },
       { "GET", PODS "/p", NULL, NULL, 404, { "not found" } },
       { "DELETE", PODS "/two", NULL, NULL, 200, { "\"name\":\"two\"" } },
       { "GET", PODS "/two", NULL, NULL, 404, { "not found" } },
       { "POST",
	 PODS "/crit/eviction",
	 JSON,
	 "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"crit\"}}",
	 201,
	 { "Success" } },
       { "GET", PODS "/crit", NULL, NULL, 404, { "not found" } }, )

SCRIPT(test_finalizers,
       { "POST",
	 CM,
	 JSON,
	 "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"example.com/keep\"]}}",
	 201,
	 { "example.com/keep" } },
       { "DELETE",
	 CM "/f",
	 NULL,
	 NULL,
	 200,
	 { "\"deletionTimestamp\":\"", "\"deletionGracePeriodSeconds\":0" } },
       { "GET", CM "/f", NULL, NULL, 200, { "\"deletionTimestamp\":\"" } },
       { "PATCH",
	 CM "/f",
	 MERGE,
	 "{\"metadata\":{\"finalizers\":null}}",
	 200,
	 { "\"name\":\"f\"" } },
       { "GET", CM "/f", NULL, NULL, 404, { "not found" } },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"g\"}}", 201, { "g" } },
       { "DELETE",
	 CM "/g?propagationPolicy=Foreground",
	 NULL,
	 NULL,
	 200,
	 { "\"foregroundDeletion\"", "deletionTimestamp" } },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"h\"}}", 201, { "h" } },
       { "DELETE",
	 CM "/h",
	 JSON,
	 "{\"propagationPolicy\":\"Orphan\"}",
	 200,
	 { "\"orphan\"", "deletionTimestamp" } },
       /* to a patch the uid is a field; to a PUT it is a precondition */
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"u\"}}", 201, { "u" } },
       { "PATCH",
	 CM "/u",
	 MERGE,
	 "{\"metadata\":{\"uid\":\"abc\"}}",
	 422,
	 { "metadata.uid: Invalid value: \\\"abc\\\": field is immutable" } },
       { "PUT",
	 CM "/u",
	 JSON,
	 "{\"metadata\":{\"name\":\"u\",\"uid\":\"abc\"}}",
	 409,
	 { "Precondition failed: UID in precondition: abc" } },
       /* what once was the only way, and what is asked for about both */
       { "POST",
	 "/api/v1/namespaces/default/replicationcontrollers",
	 JSON,
	 "{\"metadata\":{\"name\":\"rc\"},\"spec\":{\"selector\":{\"a\":\"b\"},\"template\":{"
	 "\"metadata\":{"
	 "\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}"
	 "}",
	 201,
	 { "\"name\":\"rc\"" } },
       { "DELETE",
	 "/api/v1/namespaces/default/replicationcontrollers/rc",
	 NULL,
	 NULL,
	 200,
	 { "\"finalizers\":[\"orphan\"]", "deletionTimestamp" } },
       { "DELETE",
	 "/api/v1/namespaces/default/replicationcontrollers/rc?propagationPolicy=Background",
	 NULL,
	 NULL,
	 200,
	 { "\"name\":\"rc\"" } },
       { "GET", "/api/v1/namespaces/default/replicationcontrollers/rc", NULL, NULL, 404, { "" } },
       /* questions have no paths of their own */
       { "GET", "/api/v1/namespaces/default/bindings/a", NULL, NULL, 404, { "NotFound" } },
       { "GET", "/api/v1/namespaces/default/bindings", NULL, NULL, 405, { "MethodNotAllowed" } },
       { "BREW", CM "/a", NULL, NULL, 405, { "MethodNotAllowed" } },
       { "POST",
	 "/api/v1/namespaces",
	 JSON,
	 "{\"metadata\":{\"name\":\"ns1\"}}",
	 201,
	 { "\"finalizers\":[\"kubernetes\"]", "\"phase\":\"Active\"" } },
       { "DELETE",
	 "/api/v1/namespaces/ns1",
	 NULL,
	 NULL,
	 200,
	 { "\"phase\":\"Terminating\"", "deletionTimestamp" } },
       { "POST",
	 "/api/v1/namespaces/ns1/configmaps",
	 JSON,
	 "{\"metadata\":{\"name\":\"a\"}}",
	 403,
	 { "configmaps \\\"a\\\" is forbidden: unable to create new content in namespace ns1 "
	   "because it is being terminated",
	   "NamespaceTerminating" } },
       { "GET", "/api/v1/namespaces/ns1", NULL, NULL, 200, { "\"kubernetes\"" } },
       { "PUT",
	 "/api/v1/namespaces/ns1/finalize",
	 JSON,
	 "{\"metadata\":{\"name\":\"ns1\"},\"spec\":{}}",
	 200,
	 { "ns1" } },
       { "GET", "/api/v1/namespaces/ns1", NULL, NULL, 404, { "not found" } },
       { "DELETE", CM "?labelSelector=none%3Dx", NULL, NULL, 200, { "\"items\":[]" } },
       { "POST", CM, JSON, "{\"metadata\":{\"name\":\"i\"}}", 201, { "i" } },
       { "DELETE", CM, NULL, NULL, 200, { "\"kind\":\"ConfigMapList\"", "\"name\":\"i\"" } },
       { "GET", CM "/i", NULL, NULL, 404, { "not found" } }, )

#define SERVICE(name, spec) \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"ports\":[{\"port\":80" spec "}}"

SCRIPT(test_services,
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("a", "}]"),
	 201,
	 { "\"clusterIP\":\"10.96.0.", "\"clusterIPs\":[\"10.96.0.", "\"ipFamilies\":[\"IPv4\"]",
	   "\"ipFamilyPolicy\":\"SingleStack\"" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("b", "}],\"clusterIP\":\"10.96.0.9\""),
	 201,
	 { "\"clusterIP\":\"10.96.0.9\"" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("c", "}],\"clusterIP\":\"10.96.0.9\""),
	 422,
	 { "failed to allocate IP 10.96.0.9: provided IP is already allocated" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("c", "}],\"clusterIP\":\"10.1.0.9\""),
	 422,
	 { "failed to allocate IP 10.1.0.9: the provided network does not match the current "
	   "range" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("h", "}],\"clusterIP\":\"None\",\"selector\":{\"a\":\"b\"}"),
	 201,
	 { "\"clusterIPs\":[\"None\"]" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("n", ",\"nodePort\":30080}],\"type\":\"NodePort\""),
	 201,
	 { "\"nodePort\":30080" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("m", ",\"nodePort\":30080}],\"type\":\"NodePort\""),
	 422,
	 { "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("m", ",\"nodePort\":80}],\"type\":\"NodePort\""),
	 422,
	 { "provided port is not in the valid range. The range of valid ports is 30000-32767" } },
       { "POST", SVC, JSON, SERVICE("m", "}],\"type\":\"NodePort\""), 201, { "\"nodePort\":3" } },
       { "DELETE", SVC "/n", NULL, NULL, 200, { "\"name\":\"n\"" } },
       { "POST",
	 SVC,
	 JSON,
	 SERVICE("n2", ",\"nodePort\":30080}],\"type\":\"NodePort\""),
	 201,
	 { "\"nodePort\":30080" } },
       { "PATCH",
	 SVC "/n2",
	 MERGE,
	 "{\"spec\":{\"type\":\"ClusterIP\"}}",
	 200,
	 { "\"type\":\"ClusterIP\"" } },
       { "PUT", SVC "/b", JSON, SERVICE("b", "}]"), 200, { "\"clusterIP\":\"10.96.0.9\"" } },
       { "DELETE", SVC "/b", NULL, NULL, 200, { "b" } },
       { "POST", SVC, JSON, SERVICE("c", "}],\"clusterIP\":\"10.96.0.9\""), 201, { "10.96.0.9" } },
       { "GET",
	 SVC "/kubernetes",
	 NULL,
	 NULL,
	 200,
	 { "\"clusterIP\":\"10.96.0.1\"", "\"component\":\"apiserver\"" } },
       { "GET",
	 "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
	 NULL,
	 NULL,
	 200,
	 { "192.0.2.1", "6443" } }, )

#define CIDRS "/apis/networking.k8s.io/v1/servicecidrs"
#define ADDRESSES "/apis/networking.k8s.io/v1/ipaddresses"
#define NEXT(address) SERVICE("d", "}],\"clusterIP\":\"" address "\"")
#define NO_NETWORK                                                                            \
	{                                                                                     \
		"spec.clusterIPs: Invalid value: [\\\"10.97.0.2\\\"]: failed to allocate IP " \
		"10.97.0.2: the provided network does not match the current range"            \
	}

/* The server's own network, a further one, and what its condition does. */
SCRIPT(test_service_networks,
       { "GET", CIDRS "/kubernetes", NULL, NULL, 200, { "\"cidrs\":[\"10.96.0.0/24\"]" } },
       { "POST", SVC, JSON, NEXT("10.97.0.2"), 422, NO_NETWORK },
       { "POST",
	 CIDRS,
	 JSON,
	 "{\"metadata\":{\"name\":\"next\"},\"spec\":{\"cidrs\":[\"10.97.0.0/30\"]}}",
	 201,
	 { "10.97.0.0/30" } },
       { "PATCH",
	 CIDRS "/next/status",
	 MERGE,
	 "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"a\","
	 "\"message\":\"\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
	 200,
	 { "False" } },
       { "POST", SVC, JSON, NEXT("10.97.0.2"), 422, NO_NETWORK },
       { "PATCH",
	 CIDRS "/next/status",
	 MERGE,
	 "{\"status\":{\"conditions\":[]}}",
	 200,
	 { "next" } },
       { "POST", SVC, JSON, NEXT("10.97.0.3"), 422, { "10.97.0.3: the provided network" } },
       { "POST", SVC, JSON, NEXT("10.97.0.2"), 201, { "\"clusterIPs\":[\"10.97.0.2\"]" } },
       { "GET",
	 ADDRESSES "/10.97.0.2",
	 NULL,
	 NULL,
	 200,
	 { "managed-by\":\"ipallocator.k8s.io\"", "\"name\":\"d\"" } },
       { "DELETE", SVC "/d", NULL, NULL, 200, { "d" } },
       { "GET", ADDRESSES "/10.97.0.2", NULL, NULL, 404, { "not found" } }, )

#define DEPLOYMENT                                                                                \
	"{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{" \
	"\"a\":\"b\"}},"                                                                          \
	"\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"       \
	"\"name\":\"c\",\"image\":\"i\"}]}}}}"

SCRIPT(test_scale,
       { "POST",
	 DEPLOY,
	 JSON,
	 DEPLOYMENT,
	 201,
	 { "\"generation\":1", "\"progressDeadlineSeconds\":600" } },
       { "GET",
	 DEPLOY "/d/scale",
	 NULL,
	 NULL,
	 200,
	 { "\"kind\":\"Scale\"", "\"apiVersion\":\"autoscaling/v1\"", "\"replicas\":2",
	   "\"selector\":\"a=b\"" } },
       { "PATCH",
	 DEPLOY "/d/scale",
	 MERGE,
	 "{\"spec\":{\"replicas\":5}}",
	 200,
	 { "\"kind\":\"Scale\"", "\"spec\":{\"replicas\":5}" } },
       { "GET", DEPLOY "/d", NULL, NULL, 200, { "\"replicas\":5", "\"generation\":2" } },
       { "PUT",
	 DEPLOY "/d/scale",
	 JSON,
	 "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":-1}}",
	 422,
	 { "Scale.autoscaling \\\"d\\\" is invalid: spec.replicas: Invalid value: -1: must be "
	   "greater than or equal to 0" } },
       { "PUT",
	 DEPLOY "/d/scale",
	 JSON,
	 "{\"metadata\":{\"name\":\"d\",\"resourceVersion\":\"1\"},\"spec\":{\"replicas\":1}}",
	 409,
	 { "the object has been modified" } },
       { "PATCH",
	 DEPLOY "/d/status",
	 MERGE,
	 "{\"status\":{\"replicas\":4}}",
	 200,
	 { "\"generation\":2" } },
       { "PATCH", DEPLOY "/d", MERGE, "{\"spec\":{\"replicas\":5}}", 200, { "\"generation\":2" } },
       { "GET", PODS "/x/scale", NULL, NULL, 404, { "could not find" } }, )

SCRIPT(test_documents,
       { "GET", "/version", NULL, NULL, 200, { "\"gitVersion\": \"v1.36.0+cube\"" } },
       { "GET", "/livez?verbose", NULL, NULL, 200, { "[+]ping ok", "livez check passed" } },
       { "GET", "/readyz", NULL, NULL, 200, { "ok" } },
       { "GET", "/readyz/ping", NULL, NULL, 200, { "ok" } },
       { "GET", "/api", NULL, NULL, 200, { "\"versions\":[\"v1\"]" } },
       { "GET", "/apis", NULL, NULL, 200, { "APIGroupList", "\"groupVersion\":\"apps/v1\"" } },
       { "GET",
	 "/apis/apps",
	 NULL,
	 NULL,
	 200,
	 { "\"preferredVersion\":{\"groupVersion\":\"apps/v1\"" } },
       { "GET",
	 "/apis/apps/v1",
	 NULL,
	 NULL,
	 200,
	 { "\"name\":\"deployments/scale\"", "\"shortNames\":[\"deploy\"]" } },
       { "GET", "/api/v1", NULL, NULL, 200, { "\"name\":\"pods\"", "\"name\":\"pods/log\"" } },
       { "GET", "/apis/none", NULL, NULL, 404, { "could not find" } },
       { "GET", "/", NULL, NULL, 200, { "/apis/apps/v1", "/readyz" } },
       { "GET",
	 "/metrics",
	 NULL,
	 NULL,
	 200,
	 { "apiserver_storage_size_bytes", "process_start_time_seconds" } },
       { "GET",
	 CM,
	 NULL,
	 NULL,
	 200,
	 { "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"",
	   "\"items\":[" } }, )

static void test_forms(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(
			&f, "GET", "/apis",
			"Accept: "
			"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\n",
			NULL, &body),
		200);
	assert_non_null(strstr(body, "\"apiVersion\":\"apidiscovery.k8s.io/v2\""));
	assert_non_null(strstr(http_fixture_head(&f), "v=v2;as=APIGroupDiscoveryList"));
	assert_int_equal(
		http_fixture_do(
			&f, "GET", "/api/v1/namespaces",
			"Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n",
			NULL, &body),
		200);
	assert_non_null(strstr(body, "\"kind\":\"Table\""));
	assert_non_null(strstr(body, "\"columnDefinitions\""));
	assert_int_equal(
		http_fixture_do(
			&f, "GET", "/api/v1/namespaces/default",
			"Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io\r\n",
			NULL, &body),
		200);
	assert_non_null(strstr(body, "\"kind\":\"PartialObjectMetadata\""));
	assert_null(strstr(body, "\"spec\""));
	assert_int_equal(http_fixture_do(&f, "GET", "/api/v1/namespaces/default",
					 "Accept: application/yaml\r\n", NULL, &body),
			 200);
	assert_non_null(strstr(body, "kind: Namespace\n"));
	assert_int_equal(http_fixture_do(&f, "GET", "/api/v1/namespaces/default",
					 "Accept: text/html\r\n", NULL, &body),
			 406);
	assert_non_null(strstr(body, "NotAcceptable"));
	assert_int_equal(http_fixture_do(&f, "POST", CM, "Content-Type: application/json\r\n",
					 "{\"metadata\":{\"name\":\"w\"},\"foo\":1}", &body),
			 201);
	assert_non_null(strstr(http_fixture_head(&f), "299 - \"unknown field \\\"foo\\\"\""));
	assert_int_equal(
		http_fixture_do(&f, "POST", CM, "Content-Length: 4000000\r\n", NULL, &body), 413);
	assert_non_null(strstr(body, "Request entity too large: limit is 3145728"));
	http_fixture_close(&f);
}

static const struct row anonymous_rows[] = {
	{ "GET", "/readyz", NULL, NULL, 200, { "ok" } },
	{ "GET", "/version", NULL, NULL, 200, { "gitVersion" } },
	{ "GET",
	  "/apis",
	  NULL,
	  NULL,
	  403,
	  { "forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/apis\\\"" } },
	{ "GET",
	  PODS,
	  NULL,
	  NULL,
	  403,
	  { "pods is forbidden: User \\\"system:anonymous\\\" cannot list resource "
	    "\\\"pods\\\" in API group \\\"\\\" in the namespace \\\"default\\\"",
	    "\"details\":{\"kind\":\"pods\"}" } },
	{ "GET",
	  "/api/v1/nodes/n",
	  NULL,
	  NULL,
	  403,
	  { "nodes \\\"n\\\" is forbidden: User \\\"system:anonymous\\\" cannot get "
	    "resource \\\"nodes\\\" in API group \\\"\\\" at the cluster scope" } },
	{ "GET", PODS "/p/log", NULL, NULL, 403, { "cannot get resource \\\"pods/log\\\"" } },
};
static const struct row node_rows[] = {
	{ "GET", "/apis", NULL, NULL, 200, { "APIGroupList" } },
	{ "GET", "/api/v1/nodes?fieldSelector=metadata.name=n", NULL, NULL, 200, { "NodeList" } },
	{ "DELETE", "/api/v1/nodes/n", NULL, NULL, 403, { "cannot delete resource" } },
	{ "POST",
	  "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
	  JSON,
	  "{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"services\"}}}",
	  201,
	  { "\"allowed\":true" } },
	{ "POST",
	  "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
	  JSON,
	  "{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"resource\":"
	  "\"deployments\",\"group\":\"apps\"}}}",
	  201,
	  { "\"allowed\":false" } },
	{ "POST",
	  DEPLOY,
	  JSON,
	  "{}",
	  403,
	  { "cannot create resource \\\"deployments\\\" in API group \\\"apps\\\"" } },
};

static void test_authorization(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	f.user = NULL;
	run_rows(&f, anonymous_rows, sizeof(anonymous_rows) / sizeof(anonymous_rows[0]));
	assert_int_equal(http_fixture_do(&f, "GET", "/version",
					 "Authorization: Bearer nonsense\r\n", NULL, &body),
			 401);
	assert_non_null(strstr(
		body, "\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401"));
	f.user = "admin";
	f.group = "system:masters";
	http_fixture_disconnect(&f);
	http_fixture_connect(&f, &f);
	assert_int_equal(http_fixture_do(&f, "GET", PODS, "Impersonate-User: x\r\n", NULL, &body),
			 403);
	assert_non_null(strstr(body, "User \\\"x\\\" cannot list"));
	http_fixture_disconnect(&f);
	http_fixture_connect(&f, &f);
	f.user = "system:node:n";
	f.group = "system:nodes";
	run_rows(&f, node_rows, sizeof(node_rows) / sizeof(node_rows[0]));
	http_fixture_close(&f);
}

#define RBAC "/apis/rbac.authorization.k8s.io/v1/"

static const struct row rbac_admin_rows[] = {
	{ "POST",
	  RBAC "clusterroles",
	  JSON,
	  "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"verbs\":[\"list\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"pods\",\"*/log\"]}]}",
	  201,
	  { "r" } },
	{ "POST",
	  RBAC "namespaces/default/rolebindings",
	  JSON,
	  "{\"metadata\":{\"name\":\"b\"},\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"rbac."
	  "authorization.k8s.io\",\"name\":\"jane\"}],\"roleRef\":{\"apiGroup\":\"rbac."
	  "authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"r\"}}",
	  201,
	  { "b" } },
	{ "POST",
	  RBAC "namespaces/default/roles",
	  JSON,
	  "{\"metadata\":{\"name\":\"one\"},\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"configmaps\"],\"resourceNames\":[\"a\"]}]}",
	  201,
	  { "one" } },
	{ "POST",
	  RBAC "namespaces/default/rolebindings",
	  JSON,
	  "{\"metadata\":{\"name\":\"c\"},\"subjects\":[{\"kind\":\"Group\",\"apiGroup\":\"rbac."
	  "authorization.k8s.io\",\"name\":\"team\"}],\"roleRef\":{\"apiGroup\":\"rbac."
	  "authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"one\"}}",
	  201,
	  { "c" } },
};

static const struct row rbac_user_rows[] = {
	{ "GET", PODS, NULL, NULL, 200, { "PodList" } },
	{ "GET", "/api/v1/pods", NULL, NULL, 403, { "at the cluster scope" } },
	{ "GET", "/api/v1/namespaces/kube-system/pods", NULL, NULL, 403, { "kube-system" } },
	{ "GET", PODS "/x", NULL, NULL, 403, { "cannot get" } },
	{ "GET", CM "/a", NULL, NULL, 404, { "not found" } },
	{ "GET", CM "/b", NULL, NULL, 403, { "cannot get" } },
	{ "GET", CM, NULL, NULL, 403, { "cannot list" } },
};

/* Bindings give a user what their roles say, there where they are, and nothing else. */
static void test_rbac(void **state)
{
	struct http_fixture f;

	http_fixture_open(&f);
	run_rows(&f, rbac_admin_rows, sizeof(rbac_admin_rows) / sizeof(rbac_admin_rows[0]));
	http_fixture_disconnect(&f);
	http_fixture_connect(&f, &f);
	f.user = "jane";
	f.group = "team";
	run_rows(&f, rbac_user_rows, sizeof(rbac_user_rows) / sizeof(rbac_user_rows[0]));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crud),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_pods),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_service_networks),
		cmocka_unit_test(test_finalizers),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_authorization),
		cmocka_unit_test(test_rbac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
