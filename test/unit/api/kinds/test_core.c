/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in the smaller core kinds, and what may change in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/buf.h"

#include "base/attr.h"

static void test_space(void **state)
{
	static const char base[] = "metadata: {name: node}";
	static const struct kind_case cases[] = {
		{ "a finalizer of nobody", "spec: {finalizers: [foo]}",
		  "spec.finalizers[0]: Invalid value: \"foo\": name is neither a standard "
		  "finalizer name nor is it fully qualified" },
	};

	check_creates(&kind_namespace, base, cases, ARRAY_COUNT(cases));
}

static void test_space_status(void **state)
{
	static const struct kind_update update = { "metadata: {name: node}", "", "status" };
	static const struct kind_case cases[] = {
		{ "ends without an end", "status: {phase: Terminating}",
		  "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if "
		  "`deletionTimestamp` is empty" },
	};

	check_updates(&kind_namespace, &update, cases, ARRAY_COUNT(cases));
}

static void test_node(void **state)
{
	static const char base[] = "metadata: {name: node}";
	static const struct kind_case cases[] = {
		{ "a taint without an effect", "spec: {taints: [{key: a}]}",
		  "metadata.taints[0].effect: Required value" },
		{ "one taint twice",
		  "!spec: {taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoSchedule}]}",
		  "metadata.taints[1]: Duplicate value: "
		  "{\"key\":\"a\",\"effect\":\"NoSchedule\"}" },
		{ "a taint of another effect", "spec: {taints: [{key: a, effect: Maybe}]}",
		  "metadata.taints[0].effect: Unsupported value: \"Maybe\": supported values: "
		  "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"" },
		{ "one range twice", "spec: {podCIDRs: [10.0.0.0/24, 10.0.0.0/24]}",
		  "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.0.0/24\"]: may specify no "
		  "more than one CIDR for each IP family\n"
		  "spec.podCIDRs[1]: Duplicate value: \"10.0.0.0/24\"" },
		{ "ranges of one family", "spec: {podCIDRs: [10.0.0.0/24, 10.0.1.0/24]}",
		  "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.1.0/24\"]: may specify no "
		  "more than one CIDR for each IP family" },
		{ "less than nothing", "status: {capacity: {cpu: -1}, allocatable: {pods: 0.5}}",
		  "status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to "
		  "0\nstatus.allocatable.pods: Invalid value: \"500m\": must be an integer" },
	};

	check_creates(&kind_node, base, cases, ARRAY_COUNT(cases));
}

static void test_node_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: node}\nspec: {podCIDR: 10.0.0.0/24, providerID: a}", "", ""
	};
	static const struct kind_case cases[] = {
		{ "another range", "spec: {podCIDR: 10.0.1.0/24}",
		  "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" "
		  "to valid" },
		{ "another machine", "spec: {providerID: b}",
		  "spec.providerID: Forbidden: node updates may not change providerID except from "
		  "\"\" to valid" },
		{ "cordoned", "spec: {unschedulable: true}", "" },
		{ "a field of nobody",
		  "spec: {configSource: {configMap: {name: a, namespace: b, "
		  "kubeletConfigKey: c}}}",
		  "" },
	};

	check_updates(&kind_node, &update, cases, ARRAY_COUNT(cases));
}

static void write_data(const char *head, struct buf *to)
{
	enum { BYTES = 600000 };

	buf_init(to, BYTES + 128);
	buf_put_c(to, head);
	for (size_t i = 0; i < BYTES; i++)
		buf_put_char(to, 'x');
	buf_put_c(to, "}");
}

/* What is too large as a whole is said of no field. */
static void check_size(void)
{
	AUTO_BUF base = { 0 }, change = { 0 };
	struct kind_case cases[] = {
		{ "too much", NULL, "[]: Too long: may not be more than 1048576 bytes" },
	};

	write_data("metadata: {name: c}\ndata: {a: ", &base);
	write_data("data: {b: ", &change);
	cases[0].change = change.ptr;
	check_creates(&kind_configmap, base.ptr, cases, 1);
}

static void test_frozen_map(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: c}\ndata: {a: b}\nimmutable: true", "", ""
	};
	static const struct kind_case cases[] = {
		{ "other data", "data: {a: c}",
		  "data: Forbidden: field is immutable when `immutable` is set" },
		{ "thawed", "!immutable: null",
		  "immutable: Forbidden: field is immutable when `immutable` is set" },
		{ "labels", "metadata: {labels: {a: b}}", "" },
	};

	check_updates(&kind_configmap, &update, cases, ARRAY_COUNT(cases));
	check_size();
}

static void test_secret(void **state)
{
	static const char base[] = "metadata: {name: s}";
	static const struct kind_case cases[] = {
		{ "a key that is no file", "data: {\"a b\": \"\"}",
		  "data[a b]: Invalid value: \"a b\": a valid config key must consist of "
		  "alphanumeric characters..." },
		{ "half a certificate", "type: kubernetes.io/tls\nstringData: {tls.crt: a}",
		  "data[tls.key]: Required value" },
		{ "credentials that are no JSON",
		  "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: bad}",
		  "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": "
		  "invalid character 'b' looking for beginning of value" },
		{ "credentials in part",
		  "type: kubernetes.io/dockercfg\nstringData: {.dockercfg: '{'}",
		  "data[.dockercfg]: Invalid value: \"<secret contents redacted>\": unexpected "
		  "end of JSON input" },
		{ "credentials", "type: kubernetes.io/dockercfg\nstringData: {.dockercfg: '{}'}",
		  "" },
		{ "nobody", "type: kubernetes.io/basic-auth\nstringData: {user: a}",
		  "data[%s][username]: Required value\ndata[%s][password]: Required value" },
		{ "somebody", "type: kubernetes.io/basic-auth\nstringData: {username: \"\"}", "" },
		{ "an empty key",
		  "type: kubernetes.io/ssh-auth\nstringData: {ssh-privatekey: \"\"}",
		  "data[%s][ssh-privatekey]: Required value" },
	};

	check_creates(&kind_secret, base, cases, ARRAY_COUNT(cases));
}

static void test_secret_update(void **state)
{
	static const struct kind_update update = { "metadata: {name: s}\ntype: Opaque", "", "" };
	static const struct kind_case cases[] = {
		{ "another type", "type: a/b", "type: Invalid value: \"a/b\": field is immutable" },
	};

	check_updates(&kind_secret, &update, cases, ARRAY_COUNT(cases));
}

static void test_event(void **state)
{
	static const char base[] = "metadata: {name: e}\ninvolvedObject: {namespace: default}";
	static const struct kind_case cases[] = {
		{ "about elsewhere", "involvedObject: {namespace: other}",
		  "involvedObject.namespace: Invalid value: \"other\": does not match "
		  "event.namespace" },
		{ "timed and about elsewhere",
		  "eventTime: \"2024-01-01T00:00:00.000000Z\"\nreportingComponent: a.b/c\n"
		  "reportingInstance: i\naction: a\nreason: r\ninvolvedObject: {namespace: other}",
		  "" },
		{ "timed and silent", "eventTime: \"2024-01-01T00:00:00.000000Z\"",
		  "reportingComponent: Required value\nreportingComponent: Invalid value: \"\": "
		  "name part must be non-empty\nreportingComponent: Invalid value: \"\": name "
		  "part "
		  "must consist of...\nreportingInstance: Required value\naction: "
		  "Required value\nreason: Required value" },
	};

	check_creates(&kind_event, base, cases, ARRAY_COUNT(cases));
}

static void test_new_event(void **state)
{
	static const char base[] =
		"metadata: {name: e}\neventTime: \"2024-01-01T00:00:00.000000Z\"\nregarding: "
		"{namespace: default}\ntype: Normal\naction: a\nreason: r\nreportingController: "
		"a/b\nreportingInstance: i";
	static const struct kind_case cases[] = {
		{ "of an unknown type", "type: Foo",
		  "type: Invalid value: \"\": has invalid value: Foo" },
		{ "counted", "deprecatedCount: 2",
		  "count: Invalid value: \"\": needs to be unset" },
	};

	check_creates(&kind_events_event, base, cases, ARRAY_COUNT(cases));
}

static void test_lease(void **state)
{
	static const char base[] = "metadata: {name: l}\nspec: {}";
	static const struct kind_case cases[] = {
		{ "for no time", "spec: {leaseDurationSeconds: 0}",
		  "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" },
		/* how a leader that ends gives it back */
		{ "of nobody", "spec: {holderIdentity: \"\", leaseDurationSeconds: 1}", "" },
	};

	check_creates(&kind_lease, base, cases, ARRAY_COUNT(cases));
}

static void test_node_status(void **state)
{
	static const struct kind_update update = { "metadata: {name: node}", "", "status" };
	static const struct kind_case cases[] = {
		{ "half a pod", "status: {capacity: {pods: 0.5}}",
		  "status.capacity.pods: Invalid value: \"500m\": must be an integer\n"
		  "status.allocatable.pods: Invalid value: \"500m\": must be an integer" },
		{ "one address twice",
		  "!status: {addresses: [{type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, "
		  "address: 10.0.0.1}, {type: InternalIP, address: 10.0.0.1}]}",
		  "status.addresses[2]: Duplicate value: "
		  "{\"Type\":\"InternalIP\",\"Address\":\"10.0.0.1\"}" },
	};

	check_updates(&kind_node, &update, cases, ARRAY_COUNT(cases));
}

static void test_quota_update(void **state)
{
	static const struct kind_update update = { "metadata: {name: q}\nspec: {hard: {pods: 5}, "
						   "scopes: [BestEffort, NotTerminating]}",
						   "", "" };
	static const struct kind_case cases[] = {
		{ "another order", "!spec: {scopes: [NotTerminating, BestEffort]}", "" },
		{ "one less", "!spec: {scopes: [BestEffort]}",
		  "spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable" },
	};

	check_updates(&kind_resourcequota, &update, cases, ARRAY_COUNT(cases));
}

static void test_quota(void **state)
{
	static const char base[] = "metadata: {name: q}\nspec: {hard: {pods: \"5\"}}";
	static const struct kind_case cases[] = {
		{ "half a pod", "spec: {hard: {pods: 500m}}",
		  "spec.hard[pods]: Invalid value: \"500m\": must be an integer" },
		{ "an unknown amount", "spec: {hard: {foo: \"1\"}}",
		  "spec.hard[foo]: Invalid value: \"foo\": must be a standard resource type or "
		  "fully qualified\nspec.hard[foo]: Invalid value: \"foo\": must be a standard "
		  "resource for quota" },
		{ "scopes that exclude each other", "spec: {scopes: [BestEffort, NotBestEffort]}",
		  "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting "
		  "scopes" },
		{ "a scope of something else", "spec: {hard: {cpu: 1}, scopes: [BestEffort]}",
		  "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to "
		  "resource" },
		{ "values of nothing",
		  "spec: {scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: "
		  "In}]}}",
		  "spec.scopeSelector.matchExpressions.values: Required value: must be at least "
		  "one value when `operator` is 'In' or 'NotIn' for scope selector" },
	};

	check_creates(&kind_resourcequota, base, cases, ARRAY_COUNT(cases));
}

static void test_limits(void **state)
{
	static const char base[] =
		"metadata: {name: l}\nspec: {limits: [{type: Container, max: {cpu: 2}}]}";
	static const struct kind_case cases[] = {
		{ "least above most",
		  "!spec: {limits: [{type: Container, max: {cpu: 1}, min: {cpu: 2}, default: {cpu: "
		  "1}, defaultRequest: {cpu: 1}}]}",
		  "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max "
		  "value 1\nspec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": min value 2 "
		  "is greater than default request value 1\nspec.limits[0].default[cpu]: Invalid "
		  "value: \"2\": min value 2 is greater than default value 1" },
		{ "defaults of pods", "!spec: {limits: [{type: Pod, default: {cpu: 1}}]}",
		  "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'" },
		{ "pods have no defaults to compare with",
		  "!spec: {limits: [{type: Pod, min: {cpu: 2}, default: {cpu: 1}}]}",
		  "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'" },
		{ "no such type", "!spec: {limits: [{type: Node}]}",
		  "spec.limits[0].type: Invalid value: \"Node\": must be a standard limit type or "
		  "fully qualified" },
		{ "a type of one's own", "!spec: {limits: [{type: example.com/a}]}", "" },
		{ "more than the most there can be",
		  "!spec: {limits: [{type: Pod, min: {cpu: 1}, max: {cpu: 2}, "
		  "maxLimitRequestRatio: {cpu: 3}}]}",
		  "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is "
		  "greater than max/min = 2.000000" },
		{ "one type twice", "!spec: {limits: [{type: Pod}, {type: Pod}]}",
		  "spec.limits[1].type: Duplicate value: \"Pod\"" },
		{ "claims of any size", "!spec: {limits: [{type: PersistentVolumeClaim}]}",
		  "spec.limits[0].limits: Required value: either minimum or maximum storage value "
		  "is required, but neither was provided" },
	};

	check_creates(&kind_limitrange, base, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_space),	      cmocka_unit_test(test_space_status),
		cmocka_unit_test(test_node),	      cmocka_unit_test(test_node_update),
		cmocka_unit_test(test_frozen_map),    cmocka_unit_test(test_secret),
		cmocka_unit_test(test_secret_update), cmocka_unit_test(test_event),
		cmocka_unit_test(test_new_event),     cmocka_unit_test(test_lease),
		cmocka_unit_test(test_node_status),   cmocka_unit_test(test_quota_update),
		cmocka_unit_test(test_quota),	      cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
