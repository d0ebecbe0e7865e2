/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhook configurations, admission policies and their bindings. Breaks when one is taken that
 * upstream refuses, or refused in other words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

#define HOOK(more)                                                                     \
	"!webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], " \
	"clientConfig: "                                                               \
	"{url: \"https://h\"}" more "}]"
#define RULE(more) HOOK(", rules: [{" more "}]")
#define GOOD "operations: [CREATE], apiGroups: [a], apiVersions: [v1]"

static void test_webhook_rules(void **state)
{
	static const struct kind_case cases[] = {
		{ "a rule of nothing", RULE(""),
		  "webhooks[0].rules[0].operations: Required value\n"
		  "webhooks[0].rules[0].apiGroups: Required value\n"
		  "webhooks[0].rules[0].apiVersions: Required value\n"
		  "webhooks[0].rules[0].resources: Required value" },
		{ "all and more",
		  RULE("operations: [\"*\", CREATE], apiGroups: [\"*\", a], apiVersions: [\"*\", "
		       "v1], "
		       "resources: [\"*\", pods]"),
		  "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is "
		  "present, must not specify other operations\n"
		  "webhooks[0].rules[0].apiGroups: Invalid value: [\"*\",\"a\"]: if '*' is "
		  "present, "
		  "must not specify other API groups\n"
		  "webhooks[0].rules[0].apiVersions: Invalid value: [\"*\",\"v1\"]: if '*' is "
		  "present, "
		  "must not specify other API versions\n"
		  "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is "
		  "present, "
		  "must not specify other resources without subresources" },
		{ "resources", RULE(GOOD ", resources: [a/*, a/x, '*/y', b/y, \"\"]"),
		  "webhooks[0].rules[0].resources[1]: Invalid value: \"a/x\": if 'a/*' is present, "
		  "must "
		  "not specify a/x\n"
		  "webhooks[0].rules[0].resources[3]: Invalid value: \"b/y\": if '*/y' is present, "
		  "must "
		  "not specify b/y\n"
		  "webhooks[0].rules[0].resources[4]: Required value" },
		{ "everything and more", RULE(GOOD ", resources: ['*/*', a]"),
		  "webhooks[0].rules[0].resources: Invalid value: [\"*/*\",\"a\"]: if '*/*' is "
		  "present, "
		  "must not specify other resources" },
		{ "another scope", RULE(GOOD ", resources: [a], scope: Galaxy"),
		  "webhooks[0].rules[0].scope: Unsupported value: \"Galaxy\": supported values: "
		  "\"*\", "
		  "\"Cluster\", \"Namespaced\"" },
	};

	check_creates(&kind_validatingwebhookconfiguration, "metadata: {name: w}", cases,
		      ARRAY_COUNT(cases));
}

#define CLIENT(config)                                                                 \
	"!webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], " \
	"clientConfig: {" config "}}]"

static void test_clients(void **state)
{
	static const struct kind_case cases[] = {
		{ "an address with everything", CLIENT("url: \"http://u:p@/x?y#z\""),
		  "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only "
		  "allowed URL "
		  "scheme; desired format: https://host[/path]\n"
		  "webhooks[0].clientConfig.url: Invalid value: \"\": host must be specified; "
		  "desired...\n"
		  "webhooks[0].clientConfig.url: Invalid value: \"u:p\": user information is "
		  "not...\n"
		  "webhooks[0].clientConfig.url: Invalid value: \"z\": fragments are not "
		  "permitted...\n"
		  "webhooks[0].clientConfig.url: Invalid value: \"y\": query parameters are "
		  "not..." },
		{ "an address without a scheme", CLIENT("url: \"://\""),
		  "webhooks[0].clientConfig.url: Required value: url must be a valid URL: parse "
		  "\"://\": missing protocol scheme; desired format: https://host[/path]" },
		{ "a service", CLIENT("service: {path: x//A, port: 70000}"),
		  "webhooks[0].clientConfig.service.name: Required value\n"
		  "webhooks[0].clientConfig.service.namespace: Required value\n"
		  "webhooks[0].clientConfig.service.port: Invalid value: 70000: port is not valid: "
		  "must "
		  "be between 1 and 65535, inclusive\n"
		  "webhooks[0].clientConfig.service.path: Invalid value: \"x//A\": must start with "
		  "a '/'\n"
		  "webhooks[0].clientConfig.service.path: Invalid value: \"x//A\": segment[0] may "
		  "not be "
		  "empty\n"
		  "webhooks[0].clientConfig.service.path: Invalid value: \"x//A\": segment[1] may "
		  "not be "
		  "empty\n"
		  "webhooks[0].clientConfig.service.path: Invalid value: \"x//A\": segment[2]: a "
		  "lowercase..." },
	};

	check_creates(&kind_mutatingwebhookconfiguration, "metadata: {name: w}", cases,
		      ARRAY_COUNT(cases));
}

static void test_webhooks(void **state)
{
	static const struct kind_case cases[] = {
		{ "nothing", "!webhooks: [{}]",
		  "webhooks[0].name: Required value\n"
		  "webhooks[0].sideEffects: Required value: must specify one of None, "
		  "NoneOnDryRun\n"
		  "webhooks[0].clientConfig: Required value: exactly one of url or service is "
		  "required\n"
		  "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, "
		  "v1beta1" },
		{ "side effects and time",
		  "!webhooks: [{name: a.b.c, sideEffects: Some, timeoutSeconds: 31, "
		  "admissionReviewVersions: [v1], clientConfig: {url: \"https://h\"}}]",
		  "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: "
		  "\"None\", "
		  "\"NoneOnDryRun\"\n"
		  "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be "
		  "between 1 "
		  "and 30 seconds" },
		{ "versions",
		  "!webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v2, v2, "
		  "'1'], clientConfig: {url: \"https://h\"}}]",
		  "webhooks[0].admissionReviewVersions[1]: Invalid value: \"v2\": duplicate "
		  "version\n"
		  "webhooks[0].admissionReviewVersions[2]: Invalid value: \"1\": a DNS-1035 "
		  "label...\n"
		  "webhooks[0].admissionReviewVersions: Invalid value: [\"v2\",\"v2\",\"1\"]: must "
		  "include "
		  "at least one of v1, v1beta1" },
		{ "conditions",
		  HOOK(", matchConditions: [{}, {name: a, expression: ' x '}, {name: a, "
		       "expression: "
		       "'true'}]"),
		  "webhooks[0].matchConditions[0].expression: Required value\n"
		  "webhooks[0].matchConditions[0].name: Required value\n"
		  "webhooks[0].matchConditions[1].expression: Invalid value: \"x\": compilation "
		  "failed: "
		  "ERROR: <input>:1:1: undeclared reference...\n...\n...\n"
		  "webhooks[0].matchConditions[2].name: Duplicate value: \"a\"" },
		{ "one name twice",
		  "!webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], "
		  "clientConfig: {url: \"https://h\"}}, {name: a.b.c, sideEffects: None, "
		  "admissionReviewVersions: [v1], clientConfig: {url: \"https://h\"}}]",
		  "webhooks[1].name: Duplicate value: \"a.b.c\"" },
	};

	check_creates(&kind_mutatingwebhookconfiguration, "metadata: {name: w}", cases,
		      ARRAY_COUNT(cases));
}

static const char policy_base[] =
	"metadata: {name: p}\nspec: {matchConstraints: {resourceRules: [{operations: [CREATE], "
	"apiGroups: [a], apiVersions: [v1], resources: [r]}]}, validations: [{expression: "
	"'true'}]}";

static void test_policy(void **state)
{
	static const struct kind_case cases[] = {
		{ "about nothing", "!spec: {matchConstraints: null}",
		  "spec.matchConstraints: Required value" },
		{ "about no resource", "!spec: {matchConstraints: {resourceRules: []}}",
		  "spec.matchConstraints.resourceRules: Required value" },
		{ "saying nothing", "!spec: {validations: []}",
		  "spec.validations: Required value: validations or auditAnnotations must contain "
		  "at "
		  "least one item\n"
		  "spec.auditAnnotations: Required value: validations or auditAnnotations must "
		  "contain "
		  "at least one item" },
		{ "parameters", "spec: {paramKind: {apiVersion: A/1/x, kind: \"\"}}",
		  "spec.paramKind.apiVersion: Invalid value: \"A/1/x\": unexpected GroupVersion "
		  "string: "
		  "A/1/x\n"
		  "spec.paramKind.kind: Required value" },
		{ "parameters in part", "spec: {paramKind: {apiVersion: A/, kind: a_b}}",
		  "spec.paramKind.apiVersion: Invalid value: \"A\": a lowercase RFC 1123 "
		  "subdomain...\n"
		  "spec.paramKind.apiVersion: Invalid value: \"A/\": version must be specified\n"
		  "spec.paramKind.kind: Invalid value: \"a_b\": may have mixed case, but should "
		  "otherwise match: a DNS-1035 label..." },
		{ "validations",
		  "!spec: {validations: [{expression: ' ', messageExpression: ' ', message: ' '}, "
		  "{expression: '1', messageExpression: '1', message: \"a\\nb\", reason: Why}]}",
		  "spec.validations[0].expression: Required value: expression is not specified\n"
		  "spec.validations[0].messageExpression: Invalid value: \" \": must be non-empty "
		  "if "
		  "specified\n"
		  "spec.validations[0].message: Invalid value: \" \": message must be non-empty if "
		  "specified\n"
		  "spec.validations[1].expression: Invalid value: \"1\": must evaluate to bool but "
		  "got "
		  "int\n"
		  "spec.validations[1].messageExpression: Invalid value: \"1\": must evaluate to "
		  "string "
		  "but got int\n"
		  "spec.validations[1].message: Invalid value: \"a\\nb\": message must not contain "
		  "line "
		  "breaks\n"
		  "spec.validations[1].reason: Unsupported value: \"Why\": supported values: "
		  "\"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\", \"Unauthorized\"" },
		{ "variables",
		  "spec: {variables: [{name: ' ', expression: ' '}, {name: for, expression: "
		  "'true'}]}",
		  "spec.variables[0].name: Required value: name is not specified\n"
		  "spec.variables[0].expression: Required value: expression is not specified\n"
		  "spec.variables[1].name: Invalid value: \"for\": name is not a valid CEL "
		  "identifier" },
		{ "annotations",
		  "spec: {auditAnnotations: [{key: -, valueExpression: ' '}, {key: a, "
		  "valueExpression: "
		  "'1'}, {key: a, valueExpression: '\"x\"'}]}",
		  "spec.auditAnnotations[0].key: Invalid value: \"p/-\": name part must...\n"
		  "spec.auditAnnotations[0].valueExpression: Required value: valueExpression is "
		  "not "
		  "specified\n"
		  "spec.auditAnnotations[1].valueExpression: Invalid value: \"1\": must evaluate "
		  "to one "
		  "of [string null_type] but got int\n"
		  "spec.auditAnnotations[2].key: Duplicate value: \"a\"" },
	};

	check_creates(&kind_validatingadmissionpolicy, policy_base, cases, ARRAY_COUNT(cases));
}

static void test_policy_status(void **state)
{
	static const struct kind_update update = { policy_base, "", "status" };
	static const struct kind_case cases[] = {
		{ "warnings of nothing", "status: {typeChecking: {expressionWarnings: [{}]}}",
		  "status.typeChecking.expressionWarnings[0].warning: Required value\n"
		  "status.typeChecking.expressionWarnings[0].fieldRef: Required value" },
		{ "a condition",
		  "status: {conditions: [{type: T, status: x, reason: R, "
		  "lastTransitionTime: \"2024-01-01T00:00:00Z\"}]}",
		  "status.conditions[0].status: Unsupported value: \"x\": supported values: "
		  "\"False\", "
		  "\"True\", \"Unknown\"" },
	};

	check_updates(&kind_validatingadmissionpolicy, &update, cases, ARRAY_COUNT(cases));
}

static void test_binding(void **state)
{
	static const char base[] =
		"metadata: {name: b}\nspec: {policyName: p, validationActions: [Deny]}";
	static const struct kind_case cases[] = {
		{ "no policy", "spec: {policyName: \"\"}", "spec.policyName: Required value" },
		{ "no action", "!spec: {validationActions: []}",
		  "spec.validationActions: Required value: at least one validation action is "
		  "required" },
		{ "denied and warned", "!spec: {validationActions: [Deny, Warn, Deny]}",
		  "spec.validationActions[2]: Duplicate value: \"Deny\"\n"
		  "spec.validationActions: Invalid value: [\"Deny\",\"Warn\",\"Deny\"]: must not "
		  "contain "
		  "both Deny and Warn (repeating the same validation failure information in the "
		  "API "
		  "response and headers serves no purpose)" },
		{ "no parameters", "spec: {paramRef: {}}",
		  "spec.paramRef: Required value: one of name or selector must be specified\n"
		  "spec.paramRef.parameterNotFoundAction: Required value" },
		{ "two ways to parameters",
		  "spec: {paramRef: {name: a%, selector: {}, parameterNotFoundAction: Deny}}",
		  "spec.paramRef.name: Invalid value: \"a%\": may not contain '%'\n"
		  "spec.paramRef.name: Forbidden: name and selector are mutually exclusive\n"
		  "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive" },
		{ "resources",
		  "spec: {matchResources: {resourceRules: [{operations: [CREATE], apiGroups: [a], "
		  "apiVersions: [v1], resources: [r], resourceNames: [a/b, x, x]}]}}",
		  "spec.matchResources.resourceRules[0].resourceNames[0]: Invalid value: \"a/b\": "
		  "may not "
		  "contain '/'\n"
		  "spec.matchResources.resourceRules[0].resourceNames[2]: Duplicate value: \"x\"" },
	};

	check_creates(&kind_validatingadmissionpolicybinding, base, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_webhook_rules), cmocka_unit_test(test_clients),
		cmocka_unit_test(test_webhooks),      cmocka_unit_test(test_policy),
		cmocka_unit_test(test_policy_status), cmocka_unit_test(test_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
