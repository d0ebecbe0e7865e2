/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in kinds of the smaller groups, and what may change in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static void test_autoscaler(void **state)
{
	static const char base[] = "metadata: {name: h}\nspec: {maxReplicas: 3, scaleTargetRef: "
				   "{kind: Deployment, name: d}}";
	static const struct kind_case cases[] = {
		{ "fewer than one", "spec: {minReplicas: 0, maxReplicas: 0}",
		  "spec.minReplicas: Invalid value: 0: must be greater than or equal to "
		  "1\nspec.maxReplicas: Invalid value: 0: must be greater than 0\n"
		  "spec.metrics: Forbidden: must specify at least one Object or External metric to "
		  "support scaling to zero replicas" },
		{ "no policy",
		  "!spec: {behavior: {scaleUp: {policies: []}, scaleDown: {policies: []}}}",
		  "spec.behavior.scaleUp.policies: Required value: must specify at least one "
		  "Policy\n"
		  "spec.behavior.scaleDown.policies: Required value: must specify at least one "
		  "Policy" },
		{ "a policy of nothing", "spec: {behavior: {scaleUp: {policies: [{}]}}}",
		  "spec.behavior.scaleUp.policies[0].type: Unsupported value: \"\": supported "
		  "values: "
		  "\"Percent\", \"Pods\"\n"
		  "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than "
		  "zero\n"
		  "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be "
		  "greater "
		  "than zero" },
		{ "most below least", "spec: {minReplicas: 4}",
		  "spec.maxReplicas: Invalid value: 3: must be greater than or equal to "
		  "`minReplicas`" },
		{ "nothing to scale", "spec: {scaleTargetRef: {name: \"\"}}",
		  "spec.scaleTargetRef.name: Required value" },
		{ "a source that is not there", "spec: {metrics: [{type: Pods}]}",
		  "spec.metrics[0].pods: Required value: must populate information for the given "
		  "metric source" },
		{ "two sources",
		  "spec: {metrics: [{type: Pods, pods: {metric: {name: a}, target: {type: "
		  "AverageValue, averageValue: 1}}, resource: {name: cpu, target: {type: "
		  "Utilization, averageUtilization: 5}}}]}",
		  "spec.metrics[0].resource: Forbidden: must populate the given metric source "
		  "only" },
		{ "no target",
		  "spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: "
		  "Utilization}}}]}",
		  "spec.metrics[0].resource.target.averageUtilization: Required value: must set "
		  "either a target raw value or a target utilization" },
		{ "an unknown target",
		  "spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Foo, "
		  "averageUtilization: 0}}}]}",
		  "spec.metrics[0].resource.target.type: Invalid value: \"Foo\": must be either "
		  "Utilization, Value, or "
		  "AverageValue\nspec.metrics[0].resource.target.averageUtilization: Invalid "
		  "value: 0: must be greater than 0" },
		{ "behavior",
		  "spec: {behavior: {scaleUp: {stabilizationWindowSeconds: 3601, selectPolicy: "
		  "Foo, policies: [{type: Pods, value: 0, periodSeconds: 1801}]}}}",
		  "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be "
		  "less than or equal to 3600\nspec.behavior.scaleUp.selectPolicy: Unsupported "
		  "value: \"Foo\": supported values: \"Disabled\", \"Max\", "
		  "\"Min\"\nspec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be "
		  "greater than zero\nspec.behavior.scaleUp.policies[0].periodSeconds: Invalid "
		  "value: 1801: must be less than or equal to 1800" },
	};

	check_creates(&kind_horizontalpodautoscaler, base, cases, ARRAY_COUNT(cases));
}

static void test_autoscaler_v1(void **state)
{
	static const char base[] = "metadata: {name: h}\nspec: {maxReplicas: 3, scaleTargetRef: "
				   "{kind: Deployment, name: d}}";
	static const struct kind_case cases[] = {
		{ "no percent", "spec: {targetCPUUtilizationPercentage: 0}",
		  "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be "
		  "greater than 0" },
	};

	check_creates(&kind_horizontalpodautoscaler_v1, base, cases, ARRAY_COUNT(cases));
}

static void test_budget(void **state)
{
	static const char base[] = "metadata: {name: b}\nspec: {minAvailable: 1}";
	static const struct kind_case cases[] = {
		{ "both", "spec: {maxUnavailable: 1}",
		  "spec: Invalid value: "
		  "{\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":1,"
		  "\"UnhealthyPodEvictionPolicy\":null}: minAvailable "
		  "and maxUnavailable cannot be both set" },
		{ "more than all", "spec: {minAvailable: 101%}",
		  "spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%" },
		{ "an unknown policy", "spec: {unhealthyPodEvictionPolicy: Foo}",
		  "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Foo\": supported values: "
		  "\"AlwaysAllow\", \"IfHealthyBudget\"" },
	};

	check_creates(&kind_poddisruptionbudget, base, cases, ARRAY_COUNT(cases));
}

static void test_budget_status(void **state)
{
	static const struct kind_update update = { "metadata: {name: b}\nspec: {minAvailable: 1}",
						   "", "status" };
	static const struct kind_case cases[] = {
		{ "fewer than none", "status: {disruptionsAllowed: -1, observedGeneration: -1}",
		  "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to "
		  "0" },
		{ "conditions",
		  "!status: {conditions: [{type: T, status: \"True\", reason: R, "
		  "lastTransitionTime: "
		  "\"2024-01-01T00:00:00Z\"}, {type: T, status: \"True\", observedGeneration: "
		  "-1}]}",
		  "status.conditions[1].type: Duplicate value: \"T\"\n"
		  "status.conditions[1].observedGeneration: Invalid value: -1: must be greater "
		  "than or "
		  "equal to zero\n"
		  "status.conditions[1].lastTransitionTime: Required value: must be set\n"
		  "status.conditions[1].reason: Required value: must be set" },
	};

	check_updates(&kind_poddisruptionbudget, &update, cases, ARRAY_COUNT(cases));
}

static void test_flow_status(void **state)
{
	static const struct kind_update update = { "metadata: {name: l}\nspec: {type: Limited, "
						   "limited: {limitResponse: {type: Reject}}}",
						   "", "status" };
	static const struct kind_case cases[] = {
		{ "conditions", "!status: {conditions: [{type: A}, {type: A}, {}]}",
		  "status.conditions[1].type: Duplicate value: \"A\"\n"
		  "status.conditions[2].type: Required value: must not be empty" },
	};

	check_updates(&kind_prioritylevelconfiguration, &update, cases, ARRAY_COUNT(cases));
}

static void test_role(void **state)
{
	static const char base[] = "metadata: {name: r}\nrules: []";
	static const struct kind_case cases[] = {
		{ "no verbs", "rules: [{apiGroups: [\"\"], resources: [pods]}]",
		  "rules[0].verbs: Required value: verbs must contain at least one value" },
		{ "no resources", "rules: [{verbs: [get]}]",
		  "rules[0].apiGroups: Required value: resource rules must supply at least one api "
		  "group\nrules[0].resources: Required value: resource rules must supply at least "
		  "one resource" },
		{ "paths in a namespace", "rules: [{verbs: [get], nonResourceURLs: [/a]}]",
		  "rules[0].nonResourceURLs: Invalid value: [\"/a\"]: namespaced rules cannot "
		  "apply to non-resource URLs" },
	};

	check_creates(&kind_role, base, cases, ARRAY_COUNT(cases));
}

static void test_clusterrole(void **state)
{
	static const char base[] = "metadata: {name: r}\nrules: []";
	static const struct kind_case cases[] = {
		{ "paths and resources",
		  "rules: [{verbs: [get], nonResourceURLs: [/a], resources: [pods]}]",
		  "rules[0].nonResourceURLs: Invalid value: [\"/a\"]: rules cannot apply to both "
		  "regular resources and non-resource URLs" },
		{ "an aggregate of none", "aggregationRule: {}",
		  "aggregationRule.clusterRoleSelectors: Required value: at least one "
		  "clusterRoleSelector required if aggregationRule is non-nil" },
	};

	check_creates(&kind_clusterrole, base, cases, ARRAY_COUNT(cases));
}

static void test_binding(void **state)
{
	static const char base[] =
		"metadata: {name: b}\nroleRef: {kind: Role, name: r}\nsubjects: []";
	static const struct kind_case cases[] = {
		{ "an unknown kind", "subjects: [{kind: Foo, name: a}]",
		  "subjects[0].kind: Unsupported value: \"Foo\": supported values: "
		  "\"ServiceAccount\", \"User\", \"Group\"" },
		{ "an account without a namespace", "subjects: [{kind: ServiceAccount, name: a}]",
		  "subjects[0].namespace: Required value" },
		{ "an empty group is the default",
		  "!roleRef: {apiGroup: \"\", kind: Role, name: a}", "" },
		{ "no role", "!roleRef: {kind: Role, name: \"\"}", "roleRef.name: Required value" },
		{ "a role of another kind", "!roleRef: {kind: Foo, name: a}",
		  "roleRef.kind: Unsupported value: \"Foo\": supported values: \"Role\", "
		  "\"ClusterRole\"" },
	};

	check_creates(&kind_rolebinding, base, cases, ARRAY_COUNT(cases));
}

static void test_binding_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: b}\nroleRef: {kind: Role, name: r}\nsubjects: []", "", ""
	};
	static const struct kind_case cases[] = {
		{ "another role", "roleRef: {name: s}",
		  "roleRef: Invalid value: "
		  "{\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\","
		  "\"Name\":\"s\"}: cannot change roleRef" },
	};

	check_updates(&kind_rolebinding, &update, cases, ARRAY_COUNT(cases));
}

static void test_priorityclass(void **state)
{
	static const char base[] = "metadata: {name: p}\nvalue: 5";
	static const struct kind_case cases[] = {
		{ "too high", "value: 1000000001",
		  "value: Forbidden: maximum allowed value of a user defined priority is "
		  "1000000000" },
		{ "of the system", "metadata: {name: system-foo}",
		  "metadata.name: Forbidden: priority class names with 'system-' prefix are "
		  "reserved for system use only. error: system-foo is not a known system priority "
		  "class" },
	};

	check_creates(&kind_priorityclass, base, cases, ARRAY_COUNT(cases));
}

static void test_priorityclass_update(void **state)
{
	static const struct kind_update update = { "metadata: {name: p}\nvalue: 5", "", "" };
	static const struct kind_case cases[] = {
		{ "another value", "value: 6",
		  "Value: Forbidden: may not be changed in an update." },
		{ "another policy", "preemptionPolicy: Never",
		  "preemptionPolicy: Invalid value: \"Never\": field is immutable" },
		{ "text", "description: a", "" },
	};

	check_updates(&kind_priorityclass, &update, cases, ARRAY_COUNT(cases));
}

static void test_runtimeclass(void **state)
{
	static const char base[] = "metadata: {name: r}\nhandler: runc";
	static const struct kind_case cases[] = {
		{ "a handler in capitals", "handler: R",
		  "handler: Invalid value: \"R\": a lowercase RFC 1123 label..." },
		{ "one toleration twice",
		  "scheduling: {tolerations: [{key: a, operator: Exists}, {key: a, operator: "
		  "Exists, "
		  "tolerationSeconds: 1, effect: \"\"}]}",
		  "scheduling.tolerations[1].effect: Invalid value: \"\": effect must be "
		  "'NoExecute' "
		  "when `tolerationSeconds` is set\n"
		  "scheduling.tolerations[1]: Duplicate value: ..." },
		{ "overhead of nothing known", "overhead: {podFixed: {foo: \"1\"}}",
		  "overhead.limits[foo]: Invalid value: \"foo\": must be a standard resource "
		  "type or fully qualified\noverhead.limits[foo]: Invalid value: \"foo\": must "
		  "be a standard resource for containers" },
	};

	check_creates(&kind_runtimeclass, base, cases, ARRAY_COUNT(cases));
}

static const char request_base[] =
	"metadata: {name: r}\nspec: {request: eA==, signerName: a.b/c, usages: [client auth]}";

static void test_signing_request(void **state)
{
	static const struct kind_case cases[] = {
		{ "any name", "metadata: {name: a_B:c}", "" },
		{ "no usage", "!spec: {usages: []}", "spec.usages: Required value" },
		{ "odd and repeated usages", "!spec: {usages: [signing, fly, signing]}",
		  "spec.usages[1]: Unsupported value: \"fly\": supported values: \"any\", \"cert "
		  "sign\", "
		  "...\nspec.usages[2]: Duplicate value: \"signing\"" },
		{ "no signer", "spec: {signerName: \"\"}", "spec.signerName: Required value" },
		{ "a signer without a domain", "spec: {signerName: x}",
		  "spec.signerName: Invalid value: \"x\": must be a fully qualified domain and "
		  "path of "
		  "the form 'example.com/signer-name'" },
		{ "a signer with two paths", "spec: {signerName: a.b/c/d}",
		  "spec.signerName: Invalid value: \"a.b/c/d\": must be a fully qualified ..." },
		{ "a domain of one part, and bad parts", "spec: {signerName: A/_}",
		  "spec.signerName: Invalid value: \"A\": validating label \"A\": a lowercase RFC "
		  "1123 label must ...\n"
		  "spec.signerName: Invalid value: \"A\": should be a domain with at least two "
		  "segments separated by dots\n"
		  "spec.signerName: Invalid value: \"_\": validating label \"_\": a lowercase RFC "
		  "1123 subdomain must ..." },
		{ "the signer of old", "spec: {signerName: kubernetes.io/legacy-unknown}",
		  "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy "
		  "signerName is not allowed via this API version" },
		{ "too short", "spec: {expirationSeconds: 599}",
		  "spec.expirationSeconds: Invalid value: 599: may not specify a duration less "
		  "than 600 "
		  "seconds (10 minutes)" },
	};

	check_creates(&kind_certificatesigningrequest, request_base, cases, ARRAY_COUNT(cases));
}

static void test_signing_request_status(void **state)
{
	static const struct kind_update update = {
		request_base, "status: {conditions: [{type: Failed, status: \"True\"}]}", "status"
	};
	static const struct kind_update approval = {
		request_base,
		"status: {certificate: eA==, conditions: [{type: Approved, status: \"True\"}]}",
		"approval"
	};
	static const struct kind_case cases[] = {
		{ "another condition",
		  "status: {conditions: [{type: Failed, status: \"True\"}, {type: Ready, status: "
		  "Unknown}]}",
		  "" },
		{ "no status and no type",
		  "status: {conditions: [{type: Failed, status: \"True\"}, {type: \"\"}]}",
		  "status.conditions[1].type: Required value\n"
		  "status.conditions[1].status: Required value" },
		{ "an odd status",
		  "status: {conditions: [{type: Failed, status: \"True\"}, {type: Ready, status: "
		  "maybe}]}",
		  "status.conditions[1].status: Unsupported value: \"maybe\": supported values: "
		  "\"False\", \"True\", \"Unknown\"" },
		{ "not failed any more",
		  "status: {conditions: [{type: Failed, status: \"False\"}]}",
		  "status.conditions[0].status: Unsupported value: \"False\": supported values: "
		  "\"True\"" },
		{ "twice",
		  "!status: {conditions: [{type: Failed, status: \"True\"}, {type: Failed, status: "
		  "\"True\"}]}",
		  "status.conditions[1].type: Duplicate value: \"Failed\"" },
		{ "without what was there", "!status: {conditions: []}",
		  "status.conditions: Forbidden: updates may not remove a condition of type "
		  "\"Failed\"" },
		{ "approved here",
		  "status: {conditions: [{type: Failed, status: \"True\"}, {type: Approved, "
		  "status: \"True\"}]}",
		  "status.conditions: Forbidden: updates may not add a condition of type "
		  "\"Approved\"" },
	};
	static const struct kind_case approval_cases[] = {
		{ "another certificate is dropped", "status: {certificate: eQ==}", "" },
		{ "denied as well",
		  "status: {conditions: [{type: Denied, status: \"True\"}, {type: Approved, "
		  "status: \"True\"}]}",
		  "status.conditions: Invalid value: \"Approved\": Approved and Denied conditions "
		  "are "
		  "mutually exclusive" },
	};

	check_updates(&kind_certificatesigningrequest, &update, cases, ARRAY_COUNT(cases));
	check_updates(&kind_certificatesigningrequest, &approval, approval_cases,
		      ARRAY_COUNT(approval_cases));
}

static void test_apiservice(void **state)
{
	static const char base[] = "metadata: {name: v1.a.b}\nspec: {group: a.b, version: v1, "
				   "groupPriorityMinimum: 1, versionPriority: 1}";
	static const struct kind_case cases[] = {
		{ "another name", "metadata: {name: x}",
		  "metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`: "
		  "\"v1.a.b\"" },
		{ "priorities", "spec: {groupPriorityMinimum: 0, versionPriority: 1001}",
		  "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than "
		  "20000\nspec.versionPriority: Invalid value: 1001: must be positive and less "
		  "than 1000" },
		{ "a service without a name", "spec: {service: {namespace: a}}",
		  "spec.service.name: Required value" },
		{ "no version", "!metadata: {name: .a.b}\nspec: {version: \"\"}",
		  "spec.version: Invalid value: \"\": a DNS-1035 label..." },
		{ "trusting everybody here", "spec: {insecureSkipTLSVerify: true}",
		  "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have "
		  "insecureSkipTLSVerify" },
	};

	check_creates(&kind_apiservice, base, cases, ARRAY_COUNT(cases));
}

static const char flow_base[] =
	"metadata: {name: f}\nspec: {matchingPrecedence: 100, priorityLevelConfiguration: "
	"{name: l}, rules: [{subjects: [{kind: User, user: {name: u}}], resourceRules: "
	"[{verbs: [get], apiGroups: [\"\"], resources: [pods], namespaces: [a]}]}]}";

static void test_flow_rules(void **state)
{
	static const struct kind_case cases[] = {
		{ "unknown verbs",
		  "!spec: {rules: [{subjects: [{kind: User, user: {name: u}}], nonResourceRules: "
		  "[{verbs: [get, fly], nonResourceURLs: [\"*\", /a]}, {verbs: [proxy], "
		  "nonResourceURLs: [/a*, /*, /, //, \"/ b\"]}]}]}",
		  "spec.rules[0].nonResourceRules[0].verbs: Unsupported value: [\"get\",\"fly\"]: "
		  "supported values: \"create\", \"delete\", \"deletecollection\", \"get\", "
		  "\"list\", "
		  "\"patch\", \"proxy\", \"update\", \"watch\"\n"
		  "spec.rules[0].nonResourceRules[0].nonResourceURLs: Invalid value: "
		  "[\"*\",\"/a\"]: if "
		  "'*' is present, must not specify other non-resource URLs\n"
		  "spec.rules[0].nonResourceRules[1].nonResourceURLs[0]: Invalid value: \"/a*\": "
		  "wildcard can only do suffix matching\n"
		  "spec.rules[0].nonResourceRules[1].nonResourceURLs[3]: Invalid value: \"//\": "
		  "must not "
		  "contain double slash\n"
		  "spec.rules[0].nonResourceRules[1].nonResourceURLs[4]: Invalid value: \"/ b\": "
		  "must "
		  "not contain white-space" },
		{ "subjects",
		  "!spec: {rules: [{subjects: [{kind: Robot}, {kind: ServiceAccount, "
		  "serviceAccount: "
		  "{name: A, namespace: B}, user: {name: u}}, {kind: ServiceAccount, "
		  "serviceAccount: "
		  "{name: \"*\"}}], nonResourceRules: [{verbs: [get], nonResourceURLs: [/]}]}]}",
		  "spec.rules[0].subjects[0].kind: Unsupported value: \"Robot\": supported values: "
		  "\"Group\", \"ServiceAccount\", \"User\"\n"
		  "spec.rules[0].subjects[1].serviceAccount.name: Invalid value: \"A\": a "
		  "lowercase...\n"
		  "spec.rules[0].subjects[1].serviceAccount.namespace: Invalid value: \"B\": a "
		  "lowercase...\n"
		  "spec.rules[0].subjects[1].user: Forbidden: user is forbidden when subject kind "
		  "is not "
		  "'User'\n"
		  "spec.rules[0].subjects[2].serviceAccount.namespace: Required value: must "
		  "specify "
		  "namespace for service account" },
		{ "another way to tell flows apart", "spec: {distinguisherMethod: {type: ByColor}}",
		  "spec.distinguisherMethod.type: Unsupported value: {\"type\":\"ByColor\"}: "
		  "supported "
		  "values: \"ByNamespace\", \"ByUser\"" },
	};

	check_creates(&kind_flowschema, flow_base, cases, ARRAY_COUNT(cases));
}

static void test_flowschema(void **state)
{
	static const struct kind_case cases[] = {
		{ "precedence", "spec: {matchingPrecedence: 10001}",
		  "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000" },
		{ "first of all", "spec: {matchingPrecedence: 1}",
		  "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may "
		  "have matchingPrecedence 1" },
		{ "no level", "!spec: {priorityLevelConfiguration: {name: \"\"}}",
		  "spec.priorityLevelConfiguration.name: Required value: must reference a priority "
		  "level" },
		{ "nobody, nothing", "!spec: {rules: [{subjects: []}]}",
		  "spec.rules[0].subjects: Required value: subjects must contain at least one "
		  "value\nspec.rules[0]: Required value: at least one of resourceRules and "
		  "nonResourceRules has to be non-empty" },
		{ "a user without one",
		  "!spec: {rules: [{subjects: [{kind: User}], nonResourceRules: [{verbs: [get], "
		  "nonResourceURLs: [a]}]}]}",
		  "spec.rules[0].subjects[0].user: Required value: user is required when subject "
		  "kind is 'User'\nspec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid "
		  "value: \"a\": must start with slash" },
		{ "all and more",
		  "!spec: {rules: [{subjects: [{kind: User, user: {name: u}}], resourceRules: "
		  "[{verbs: [\"*\", get], apiGroups: [\"\"], resources: [pods]}]}]}",
		  "spec.rules[0].resourceRules[0].verbs: Invalid value: [\"*\",\"get\"]: if '*' is "
		  "present, must not specify other "
		  "verbs\nspec.rules[0].resourceRules[0].namespaces: Required value: resource "
		  "rules that are not cluster scoped must supply at least one namespace" },
	};

	check_creates(&kind_flowschema, flow_base, cases, ARRAY_COUNT(cases));
}

static void test_prioritylevel(void **state)
{
	static const char base[] = "metadata: {name: l}\nspec: {type: Limited, limited: "
				   "{limitResponse: {type: Reject}}}";
	static const struct kind_case cases[] = {
		{ "exempt under another name", "!spec: {type: Exempt, limited: null}",
		  "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name "
		  "is 'exempt'" },
		{ "limited by nothing", "!spec: {limited: null}",
		  "spec.limited: Required value: must not be empty when type is Limited" },
		{ "rejected but queued", "spec: {limited: {limitResponse: {queuing: {}}}}",
		  "spec.limited.limitResponse.queuing: Forbidden: must be nil if "
		  "limited.limitResponse.type is not Limited" },
		{ "a hand larger than the deck",
		  "spec: {limited: {limitResponse: {type: Queue, queuing: {queues: 2, handSize: "
		  "4}}}}",
		  "spec.limited.limitResponse.queuing.handSize: Invalid value: 4: should not be "
		  "greater than queues (2)" },
		{ "no hand, and shares below none",
		  "spec: {limited: {nominalConcurrencyShares: -1, borrowingLimitPercent: -1, "
		  "limitResponse: {type: Queue, queuing: {queues: 2, handSize: -1}}}}",
		  "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a "
		  "non-negative "
		  "integer\n"
		  "spec.limited.limitResponse.queuing.handSize: Invalid value: -1: must be "
		  "positive\n"
		  "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a "
		  "non-negative integer" },
		{ "more cards than a hash deals",
		  "spec: {limited: {limitResponse: {type: Queue, queuing: {queues: 1000, handSize: "
		  "10}}}}",
		  "spec.limited.limitResponse.queuing.handSize: Invalid value: 10: required "
		  "entropy bits "
		  "of deckSize 1000 and handSize 10 should not be greater than 60" },
	};

	check_creates(&kind_prioritylevelconfiguration, base, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_autoscaler),
		cmocka_unit_test(test_autoscaler_v1),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_status),
		cmocka_unit_test(test_flow_status),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_clusterrole),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_binding_update),
		cmocka_unit_test(test_priorityclass),
		cmocka_unit_test(test_priorityclass_update),
		cmocka_unit_test(test_runtimeclass),
		cmocka_unit_test(test_signing_request),
		cmocka_unit_test(test_signing_request_status),
		cmocka_unit_test(test_apiservice),
		cmocka_unit_test(test_flow_rules),
		cmocka_unit_test(test_flowschema),
		cmocka_unit_test(test_prioritylevel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
