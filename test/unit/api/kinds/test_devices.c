/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims of devices, classes and slices. Breaks when a scheduler or driver would get what upstream
 * refuses, or clients other causes than upstream's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static void test_resourceclaim(void **state)
{
	static const char base[] = "metadata: {name: c}\nspec: {devices: {requests: [{name: r, "
				   "exactly: {deviceClassName: d}}]}}";
	static const struct kind_case cases[] = {
		{ "no way", "!spec: {devices: {requests: [{name: r}]}}",
		  "spec.devices.requests[0]: Required value: exactly one of `exactly` or "
		  "`firstAvailable` is required" },
		{ "no class",
		  "!spec: {devices: {requests: [{name: r, exactly: {deviceClassName: \"\"}}]}}",
		  "spec.devices.requests[0].exactly.deviceClassName: Required value" },
		{ "all, but some",
		  "!spec: {devices: {requests: [{name: r, exactly: {deviceClassName: d, "
		  "allocationMode: All, count: 2}}]}}",
		  "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified "
		  "when allocationMode is 'All'" },
		{ "a constraint on nobody",
		  "spec: {devices: {constraints: [{requests: [x], matchAttribute: a/b}]}}",
		  "spec.devices.constraints[0].requests[0]: Invalid value: \"x\": must be the name "
		  "of a request in the claim or the name of a request and a subrequest separated "
		  "by '/'" },
	};

	check_creates(&kind_resourceclaim, base, cases, ARRAY_COUNT(cases));
}

#define REQUEST(inside) \
	"!spec: {devices: {requests: [{name: r, exactly: {deviceClassName: d, " inside "}}]}}"
#define AT "spec.devices.requests[0].exactly."

static const char claim_base[] = "metadata: {name: c}\nspec: {devices: {requests: [{name: r, "
				 "exactly: {deviceClassName: d}}]}}";

static void test_requests(void **state)
{
	static const struct kind_case cases[] = {
		{ "twice",
		  "!spec: {devices: {requests: [{name: r, exactly: {deviceClassName: d}}, "
		  "{name: r, exactly: {deviceClassName: d}}]}}",
		  "spec.devices.requests[1]: Duplicate value: \"r\"" },
		{ "no name", "!spec: {devices: {requests: [{exactly: {deviceClassName: d}}]}}",
		  "spec.devices.requests[0].name: Invalid value: \"\": a lowercase RFC 1123 "
		  "label..." },
		{ "no class", "!spec: {devices: {requests: [{name: r, exactly: {}}]}}",
		  AT "deviceClassName: Required value" },
		{ "an expression that is none",
		  REQUEST("selectors: [{cel: {expression: \"1 +\"}}]"),
		  AT "selectors[0].cel.expression: Invalid value: \"1 +\": compilation failed: "
		     "ERROR..."
		     "\n..."
		     "\n..." },
		{ "an expression of another type",
		  REQUEST("selectors: [{cel: {expression: device.driver}}]"),
		  AT
		  "selectors[0].cel.expression: Invalid value: \"device.driver\": must evaluate to "
		  "bool or the unknown type, not string" },
		{ "a field that devices do not have",
		  REQUEST("selectors: [{cel: {expression: device.color}}]"),
		  AT "selectors[0].cel.expression: Invalid value: \"device.color\": compilation "
		     "failed: ERROR: <input>:1:7: undefined field 'color'"
		     "\n..."
		     "\n..." },
		{ "good expressions",
		  REQUEST("selectors: [{cel: {expression: 'device.attributes[\"a.b\"].fast'}}, "
			  "{cel: "
			  "{expression: "
			  "'device.capacity[\"a.b\"].memory.compareTo(quantity(\"1Gi\")) >= "
			  "0'}}]"),
		  "" },
		{ "no selector", REQUEST("selectors: [{}]"),
		  AT "selectors[0].cel: Required value" },
		{ "how many of all", REQUEST("allocationMode: All, count: 2"),
		  AT
		  "count: Invalid value: 2: must not be specified when allocationMode is 'All'" },
		{ "none", REQUEST("count: -1"),
		  AT "count: Invalid value: -1: must be greater than zero" },
		{ "another mode", REQUEST("allocationMode: Some"),
		  AT "allocationMode: Unsupported value: \"Some\": supported values: \"All\", "
		     "\"ExactCount\"" },
	};

	check_creates(&kind_resourceclaim, claim_base, cases, ARRAY_COUNT(cases));
}

static void test_claim_parts(void **state)
{
	static const struct kind_case cases[] = {
		{ "tolerations",
		  REQUEST("tolerations: [{key: -, operator: Exists, value: v}, {operator: Equal, "
			  "value: "
			  "-}, {operator: Has, effect: Never}]"),
		  AT
		  "tolerations[0].key: Invalid value: \"-\": name part must..."
		  "\n" AT "tolerations[0].value: Invalid value: \"v\": must be empty for operator "
		  "`Exists`"
		  "\n" AT "tolerations[1].value: Invalid value: \"-\": a valid label must..."
		  "\n" AT "tolerations[2].operator: Unsupported value: \"Has\": supported values: "
		  "\"Equal\", "
		  "\"Exists\""
		  "\n" AT "tolerations[2].effect: Unsupported value: \"Never\": supported values: "
		  "\"NoExecute\", \"NoSchedule\", \"None\"" },
		{ "constraints",
		  "spec: {devices: {constraints: [{requests: [r, r, x, r/s, A], matchAttribute: "
		  "a}, {}, "
		  "{distinctAttribute: a.b/c}]}}",
		  "spec.devices.constraints[0].requests[2]: Invalid value: \"x\": must be the name "
		  "of "
		  "a request in the claim or the name of a request and a subrequest separated by "
		  "'/'\n"
		  "spec.devices.constraints[0].requests[3]: Invalid value: \"r/s\": must be the "
		  "name...\n"
		  "spec.devices.constraints[0].requests[4]: Invalid value: \"A\": a lowercase "
		  "RFC...\n"
		  "spec.devices.constraints[0].requests[4]: Invalid value: \"A\": must be the "
		  "name...\n"
		  "spec.devices.constraints[0].requests[1]: Duplicate value: \"r\"\n"
		  "spec.devices.constraints[0].matchAttribute: Invalid value: \"a\": a fully "
		  "qualified "
		  "name must be a domain and a name separated by a slash\n"
		  "spec.devices.constraints[1]: Required value: exactly one of \"matchAttribute\" "
		  "or "
		  "\"distinctAttribute\" is required, but multiple fields are set" },
		{ "configurations",
		  "spec: {devices: {config: [{}, {opaque: {driver: \"\", parameters: null}}]}}",
		  "spec.devices.config[0].opaque: Required value\n"
		  "spec.devices.config[1].opaque.driver: Required value\n"
		  "spec.devices.config[1].opaque.driver: Invalid value: \"\": a lowercase RFC 1123 "
		  "subdomain...\n"
		  "spec.devices.config[1].opaque.parameters: Required value" },
	};

	check_creates(&kind_resourceclaim, claim_base, cases, ARRAY_COUNT(cases));
}

static void test_template(void **state)
{
	static const char base[] =
		"metadata: {name: t}\nspec: {spec: {devices: {requests: [{name: r, "
		"exactly: {deviceClassName: d}}]}}}";
	static const struct kind_case cases[] = {
		{ "labels", "spec: {metadata: {labels: {\"a b\": c}}}",
		  "spec.metadata.labels: Invalid value: \"a b\": name part must..." },
		{ "a request", "!spec: {spec: {devices: {requests: [{name: r}]}}}",
		  "spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or "
		  "`firstAvailable` is required" },
	};

	check_creates(&kind_resourceclaimtemplate, base, cases, ARRAY_COUNT(cases));
}

#define RESULT "{request: r, driver: a.b, pool: p, device: x}"
#define ALLOCATED "status: {allocation: {devices: {results: [" RESULT "]}}}"

static void test_claim_status(void **state)
{
	static const struct kind_update fresh = { claim_base, "", "status" };
	static const struct kind_case fresh_cases[] = {
		{ "given", ALLOCATED, "" },
		{ "a bad result",
		  "status: {allocation: {devices: {results: [{request: q, pool: A/b, shareID: "
		  "X}]}}}",
		  "status.allocation.devices.results[0].request: Invalid value: \"q\": must be the "
		  "name...\n"
		  "status.allocation.devices.results[0].driver: Required value\n"
		  "status.allocation.devices.results[0].driver: Invalid value: \"\": a "
		  "lowercase...\n"
		  "status.allocation.devices.results[0].pool: Invalid value: \"A\": a "
		  "lowercase...\n"
		  "status.allocation.devices.results[0].device: Invalid value: \"\": a "
		  "lowercase...\n"
		  "status.allocation.devices.results[0].shareID: Invalid value: \"X\": uid must "
		  "be..." },
		{ "a bad configuration",
		  "status: {allocation: {devices: {config: [{opaque: {driver: d, parameters: "
		  "{}}}]}}}",
		  "status.allocation.devices.config[0].source: Required value" },
		{ "used but not given",
		  "!status: {reservedFor: [{resource: pods, name: p, uid: u}, {uid: u}]}",
		  "status.reservedFor[1].resource: Required value\n"
		  "status.reservedFor[1].name: Required value\n"
		  "status.reservedFor[1]: Duplicate value: \"u\"\n"
		  "status.reservedFor: Forbidden: may not be specified when `allocated` is not "
		  "set" },
		{ "a device that was not given",
		  "status: {devices: [{driver: a.b, pool: p, device: x}]}",
		  "status.devices[0]: Invalid value: \"a.b/p/x\": must be an allocated device in "
		  "the "
		  "claim" },
	};

	check_updates(&kind_resourceclaim, &fresh, fresh_cases, ARRAY_COUNT(fresh_cases));
}

static void test_given_claim(void **state)
{
	static const struct kind_update given = { claim_base, ALLOCATED, "status" };
	static const struct kind_case given_cases[] = {
		{ "given otherwise",
		  "status: {allocation: {devices: {results: [{request: r, driver: a.b, pool: p, "
		  "device: z}]}}}",
		  "status.allocation: Invalid value: ..." },
		{ "not any more", "!status: {allocation: null}", "" },
		{ "what a driver says",
		  "status: {devices: [{driver: a.b, pool: p, device: x, data: [1], conditions: "
		  "[{type: "
		  "T, status: x, lastTransitionTime: null, reason: 1a}]}]}",
		  "status.devices[0].conditions[0].status: Unsupported value: \"x\": supported "
		  "values: "
		  "\"False\", \"True\", \"Unknown\"\n"
		  "status.devices[0].conditions[0].lastTransitionTime: Required value: must be "
		  "set\n"
		  "status.devices[0].conditions[0].reason: Invalid value: \"1a\": a condition "
		  "reason "
		  "must start with...\n"
		  "status.devices[0].data: Invalid value: \"<value omitted>\": must be a valid "
		  "JSON "
		  "object" },
		{ "addresses",
		  "status: {devices: [{driver: a.b, pool: p, device: x, networkData: {ips: "
		  "[10.0.0.1/24, 10.0.0.1, 10.0.0.1/024, 10.0.0.1/24]}}]}",
		  "status.devices[0].networkData.ips[1]: Invalid value: \"10.0.0.1\": must be a "
		  "valid "
		  "address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)\n"
		  "status.devices[0].networkData.ips[2]: Invalid value: \"10.0.0.1/024\": must "
		  "be...\n"
		  "status.devices[0].networkData.ips[3]: Duplicate value: \"10.0.0.1/24\"" },
	};

	check_updates(&kind_resourceclaim, &given, given_cases, ARRAY_COUNT(given_cases));
}

static void test_resourceclaim_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: c}\nspec: {devices: {requests: [{name: r, exactly: "
		"{deviceClassName: d}}]}}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "another class",
		  "!spec: {devices: {requests: [{name: r, exactly: {deviceClassName: e}}]}}",
		  "spec: Invalid value: ..." },
	};

	check_updates(&kind_resourceclaim, &update, cases, ARRAY_COUNT(cases));
}

static void test_deviceclass(void **state)
{
	static const char base[] = "metadata: {name: d}\nspec: {}";
	static const struct kind_case cases[] = {
		{ "no configuration", "spec: {config: [{}]}",
		  "spec.config[0].opaque: Required value" },
		{ "a resource of Kubernetes", "spec: {extendedResourceName: cpu}",
		  "spec.extendedResourceName: Invalid value: \"cpu\": must be a valid extended "
		  "resource "
		  "name" },
		{ "a resource", "spec: {extendedResourceName: a.b/c}", "" },
	};

	check_creates(&kind_deviceclass, base, cases, ARRAY_COUNT(cases));
}

#define DEVICE(inside) "spec: {devices: [{name: a, " inside "}]}"
#define CAPACITY(inside)                                                                           \
	DEVICE("allowMultipleAllocations: true, capacity: {m: {value: 10, requestPolicy: {" inside \
	       "}}}")
#define POLICY "spec.devices[0].capacity[m].requestPolicy"

static const char slice_base[] = "metadata: {name: s}\nspec: {driver: d, nodeName: node, pool: "
				 "{name: p, generation: 1, resourceSliceCount: 1}}";

static void test_resourceslice(void **state)
{
	static const struct kind_case cases[] = {
		{ "nowhere", "!spec: {nodeName: null}",
		  "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
		  "`perDeviceNodeSelection` is required" },
		{ "in two places", "spec: {allNodes: true}",
		  "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, "
		  "`nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple "
		  "fields "
		  "are set" },
		{ "not on all", "spec: {allNodes: false}",
		  "spec.allNodes: Invalid value: false: must be either unset or set to true" },
		{ "a selector of many terms",
		  "!spec: {nodeName: null, nodeSelector: {nodeSelectorTerms: [{}, {}]}}",
		  "spec.nodeSelector.nodeSelectorTerms: Invalid value: "
		  "[{\"MatchExpressions\":null,\"MatchFields\":null},{\"MatchExpressions\":null,"
		  "\"MatchFields\":null}]: must have exactly "
		  "one "
		  "node selector term" },
		{ "a pool of nothing",
		  "spec: {pool: {name: \"\", generation: -1, resourceSliceCount: 0}}",
		  "spec.pool.name: Required value\n"
		  "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero\n"
		  "spec.pool.generation: Invalid value: -1: must be greater than or equal to "
		  "zero" },
		{ "one device twice", "!spec: {devices: [{name: a}, {name: a}]}",
		  "spec.devices[1]: Duplicate value: \"a\"" },
		{ "devices and counters",
		  "spec: {devices: [{name: a}], sharedCounters: [{name: A, counters: {}}]}",
		  "spec: Invalid value: \"\": only one of `sharedCounters` or `devices` is "
		  "allowed\n"
		  "spec.sharedCounters[0].name: Invalid value: \"A\": a lowercase RFC 1123 "
		  "label...\n"
		  "spec.sharedCounters[0].counters: Required value" },
		{ "attributes",
		  DEVICE("attributes: {x: {}, two: {int: 1, bool: true}, a/b/c: {int: 1}, /z: "
			 "{int: "
			 "1}, "
			 "1: {int: 1}, v: {version: \"1.0\"}}"),
		  "spec.devices[0].attributes[/z]: Invalid value: \"\": the domain must not be "
		  "empty\n"
		  "spec.devices[0].attributes[1]: Invalid value: \"1\": a valid C identifier "
		  "must...\n"
		  "spec.devices[0].attributes[x]: Invalid value: \"\": exactly one value must be "
		  "specified\n"
		  "spec.devices[0].attributes[two]: Invalid value: "
		  "{\"Int\":1,\"Bool\":true,\"String\":\"\",\"Version\":\"\",\"Ints\":null,"
		  "\"Bools\":null,\"Strings\":null,\"Versions\":null}: "
		  "exactly one "
		  "value must be specified\n"
		  "spec.devices[0].attributes[v].version: Invalid value: \"1.0\": must be a string "
		  "compatible with semver.org spec 2.0.0" },
	};

	check_creates(&kind_resourceslice, slice_base, cases, ARRAY_COUNT(cases));
}

static void test_slice_devices(void **state)
{
	static const struct kind_case cases[] = {
		{ "taints", DEVICE("taints: [{key: \"\", value: -}]"),
		  "spec.devices[0].taints[0].key: Invalid value: \"\": name part must be "
		  "non-empty\n"
		  "spec.devices[0].taints[0].key: Invalid value: \"\": name part must...\n"
		  "spec.devices[0].taints[0].value: Invalid value: \"-\": a valid label...\n"
		  "spec.devices[0].taints[0].effect: Required value" },
		{ "its own place", DEVICE("nodeName: n1"),
		  "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` "
		  "can "
		  "only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice "
		  "spec" },
		{ "each in its place",
		  "!spec: {nodeName: null, perDeviceNodeSelection: true, devices: [{name: a, "
		  "nodeName: "
		  "n1}, {name: b}, {name: c, nodeName: n1, allNodes: true}]}",
		  "spec.devices[1]: Required value: exactly one of `nodeName`, `nodeSelector`, or "
		  "`allNodes` is required when `perDeviceNodeSelection` is set to true in the "
		  "ResourceSlice spec\n"
		  "spec.devices[2]: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one "
		  "of..." },
		{ "conditions",
		  DEVICE("bindingConditions: [a, a], bindingFailureConditions: [a, -]"),
		  "spec.devices[0].bindingFailureConditions[1]: Invalid value: \"-\": name part "
		  "must...\n"
		  "spec.devices[0].bindingConditions[1]: Duplicate value: \"a\"\n"
		  "spec.devices[0].bindingFailureConditions[0]: Invalid value: \"a\": "
		  "bindingFailureConditions must not overlap with bindingConditions" },
		{ "conditions that never fail", DEVICE("bindingConditions: [a]"),
		  "spec.devices[0].bindingFailureConditions: Invalid value: null: "
		  "bindingFailureConditions are required to use bindingConditions" },
		{ "consumed",
		  DEVICE("consumesCounters: [{counterSet: s}, {counterSet: s, counters: {A: "
			 "{value: 1}}}]"),
		  "spec.devices[0].consumesCounters[0].counters: Required value\n"
		  "spec.devices[0].consumesCounters[1].counters: Invalid value: \"A\": a "
		  "lowercase...\n"
		  "spec.devices[0].consumesCounters[1]: Duplicate value: \"s\"" },
	};

	check_creates(&kind_resourceslice, slice_base, cases, ARRAY_COUNT(cases));
}

static void test_shared_capacity(void **state)
{
	static const struct kind_case cases[] = {
		{ "of one user", DEVICE("capacity: {m: {value: 1, requestPolicy: {default: 1}}}"),
		  POLICY ": Forbidden: allowMultipleAllocations must be true" },
		{ "two policies", CAPACITY("validValues: [1], validRange: {min: 1}"),
		  POLICY ": Forbidden: exactly one policy can be specified, cannot specify "
			 "\"validValues\" and \"validRange\" at the same time" },
		{ "nothing by default", CAPACITY("validValues: [1]"),
		  POLICY ".default: Required value: required when validValues is defined" },
		{ "values", CAPACITY("default: 5, validValues: [4, 2, 12]"),
		  POLICY
		  ".validValues[1]: Invalid value: \"2\": values must be sorted in ascending "
		  "order\n" POLICY
		  ".validValues[2]: Invalid value: \"12\": option is larger than capacity value: "
		  "10\n" POLICY
		  ".validValues: Invalid value: \"5\": default value is not valid according to the "
		  "requestPolicy" },
		{ "a range", CAPACITY("default: 1, validRange: {min: 2, max: 11, step: 4}"),
		  POLICY
		  ".validRange.min: Invalid value: \"1\": default is less than min: 2\n" POLICY
		  ".validRange.max: Invalid value: \"11\": max is larger than capacity value: "
		  "10\n" POLICY
		  ".validRange.step: Invalid value: \"1\": value is not a multiple of a given step "
		  "(4) from (2)\n" POLICY ".validRange.step: Invalid value: \"11\": value is not a "
		  "multiple of a given step "
		  "(4) from (2)" },
		{ "a step too far", CAPACITY("default: 2, validRange: {min: 2, step: 9}"),
		  POLICY
		  ".validRange.step: Invalid value: \"9\": one step 11 is larger than capacity "
		  "value: 10" },
		{ "good ones", CAPACITY("default: 4, validRange: {min: 2, max: 10, step: 2}"), "" },
	};

	check_creates(&kind_resourceslice, slice_base, cases, ARRAY_COUNT(cases));
}

static void test_resourceslice_update(void **state)
{
	static const struct kind_update update = { slice_base, "", "" };
	static const struct kind_case cases[] = {
		{ "another pool", "spec: {pool: {name: x}}",
		  "spec.pool.name: Invalid value: \"x\": field is immutable" },
	};

	check_updates(&kind_resourceslice, &update, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resourceclaim),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_claim_parts),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_claim_status),
		cmocka_unit_test(test_given_claim),
		cmocka_unit_test(test_resourceclaim_update),
		cmocka_unit_test(test_deviceclass),
		cmocka_unit_test(test_resourceslice),
		cmocka_unit_test(test_slice_devices),
		cmocka_unit_test(test_shared_capacity),
		cmocka_unit_test(test_resourceslice_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
