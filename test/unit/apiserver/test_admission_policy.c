/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission policies over HTTP. Breaks when a policy lets by what it denies, denies what it does
 * not concern, or says so in other words than upstream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "fixture.h"

#define ADMISSION "/apis/admissionregistration.k8s.io/v1/"
#define VALIDATING ADMISSION "validatingadmissionpolicies"
#define MUTATING ADMISSION "mutatingadmissionpolicies"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"
#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"

#define RULES(operations, groups, versions, resources)                                             \
	"'matchConstraints':{'resourceRules':[{'operations':[" operations "],'apiGroups':[" groups \
	"],'apiVersions':[" versions "],'resources':[" resources "]}]}"
#define ON_DEPLOYMENTS RULES("'CREATE','UPDATE'", "'apps'", "'v1'", "'deployments'")
#define ON_CONFIGMAPS(operations) RULES(operations, "''", "'v1'", "'configmaps'")
#define POLICY(name, spec)                                                                    \
	{                                                                                     \
		"POST", VALIDATING, "{'metadata':{'name':'" name "'},'spec':{" spec "}}", 201 \
	}
#define BIND(name, policy, spec)                                                                  \
	{                                                                                         \
		"POST", ADMISSION "validatingadmissionpolicybindings",                            \
			"{'metadata':{'name':'" name "'},'spec':{'policyName':'" policy "'," spec \
			"}}",                                                                     \
			201                                                                       \
	}
#define DEPLOYMENT(name, replicas)                                                                 \
	"{'metadata':{'name':'" name "','labels':{'app':'" name "'}},'spec':{'replicas':" replicas \
	",'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}},"       \
	"'spec':{'containers':[{'name':'c','image':'i'}]}}}}"
#define CONFIGMAP(name, data) "{'metadata':{'name':'" name "'},'data':{" data "}}"

static void test_denies(void **state)
{
	static const struct step steps[] = {
		POLICY("few", ON_DEPLOYMENTS
		       ",'variables':[{'name':'max','expression':'5'}],"
		       "'validations':[{'expression':'object.spec.replicas <= variables.max'}]"),
		{ "POST", DEPLOYMENTS, DEPLOYMENT("unbound", "6"), 201 },
		BIND("few-all", "few", "'validationActions':['Deny']"),
		{ "POST", DEPLOYMENTS, DEPLOYMENT("many", "6"), 422,
		  "\"message\":\"deployments.apps \\\"many\\\" is forbidden: "
		  "ValidatingAdmissionPolicy `few` with binding `few-all` denied request: failed "
		  "expression: object.spec.replicas <= variables.max\",\"reason\":\"Invalid\","
		  "\"details\":{\"name\":\"many\",\"group\":\"apps\",\"kind\":\"deployments\","
		  "\"causes\":[{\"message\":\"ValidatingAdmissionPolicy `few` with binding "
		  "`few-all` "
		  "denied request: failed expression: object.spec.replicas <= variables.max\"}]},"
		  "\"code\":422" },
		{ "POST", DEPLOYMENTS, DEPLOYMENT("ok", "5"), 201 },
		{ "PATCH", DEPLOYMENTS "/ok", "{'spec':{'replicas':7}}", 422, "denied request" },
		{ "PATCH", DEPLOYMENTS "/ok", "{'spec':{'replicas':4}}", 200 },
		/* what is no part of its rules */
		{ "PUT", DEPLOYMENTS "/ok/scale",
		  "{'metadata':{'name':'ok'},'spec':{'replicas':9}}", 200 },
		{ "DELETE", VALIDATING "/few", NULL, 200 },
		{ "POST", DEPLOYMENTS, DEPLOYMENT("late", "8"), 201 },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_words(void **state)
{
	static const struct step steps[] = {
		POLICY("m",
		       ON_CONFIGMAPS(
			       "'CREATE'") ",'validations':[{'expression':'!has(object.data."
					   "a)','message':' no a ',"
					   "'reason':'Forbidden'},{'expression':'!has(object."
					   "data.b)','message':'no b',"
					   "'messageExpression':'`b is ` + object.data.b'},"
					   "{'expression':'!has(object.data.c)','message':'"
					   "no c','messageExpression':"
					   "'string(object.data.nothing)'},{'expression':'object."
					   "data.d == `x`'}]"),
		BIND("mb", "m", "'validationActions':['Deny']"),
		{ "POST", CONFIGMAPS, CONFIGMAP("x", "'a':'1','d':'x'"), 403,
		  "configmaps \\\"x\\\" is forbidden: ValidatingAdmissionPolicy `m` with binding "
		  "`mb` "
		  "denied request: no a\",\"reason\":\"Forbidden\"" },
		{ "POST", CONFIGMAPS, CONFIGMAP("x", "'b':'2','d':'x'"), 422,
		  "denied request: b is 2\"" },
		{ "POST", CONFIGMAPS, CONFIGMAP("x", "'c':'2','d':'x'"), 422,
		  "denied request: no c\"" },
		{ "POST", CONFIGMAPS, CONFIGMAP("x", "'e':''"), 422,
		  "denied request: expression `object.data.d == `x`` resulted in error: no such "
		  "key: d" },
		{ "POST", CONFIGMAPS, CONFIGMAP("x", "'d':'x'"), 201 },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_actions(void **state)
{
	static const struct step steps[] = {
		POLICY("w", ON_CONFIGMAPS("'CREATE'") ",'validations':[{'expression':'false','"
						      "message':'never'}]"),
		BIND("wb", "w", "'validationActions':['Warn','Audit']"),
		{ "POST", CONFIGMAPS, CONFIGMAP("x", ""), 201, NULL,
		  "Validation failed for ValidatingAdmissionPolicy 'w' with binding 'wb': never" },
		/* errors count for nothing where failurePolicy says so */
		POLICY("i", ON_CONFIGMAPS("'UPDATE'") ",'failurePolicy':'Ignore','validations':[{'"
						      "expression':'object.data.q == 1'}]"),
		BIND("ib", "i", "'validationActions':['Deny']"),
		{ "PATCH", CONFIGMAPS "/x", "{'data':{'a':'b'}}", 200 },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_params(void **state)
{
	static const struct step steps[] = {
		{ "POST", "/api/v1/namespaces", "{'metadata':{'name':'conf'}}", 201 },
		POLICY("p", ON_DEPLOYMENTS
		       ",'paramKind':{'apiVersion':'v1','kind':'ConfigMap'},'validations':[{"
		       "'expression':'object.spec.replicas <= int(params.data.max)',"
		       "'messageExpression':'`at most ` + params.data.max'}]"),
		BIND("pb", "p",
		     "'validationActions':['Deny'],'paramRef':{'name':'limits','namespace':'conf',"
		     "'parameterNotFoundAction':'Deny'}"),
		{ "POST", DEPLOYMENTS, DEPLOYMENT("x", "1"), 422,
		  "ValidatingAdmissionPolicy `p` with binding `pb` denied request: failed to "
		  "configure "
		  "binding: no params found for policy binding with" },
		{ "POST", "/api/v1/namespaces/conf/configmaps",
		  "{'metadata':{'name':'limits','labels':{'l':'1'}},'data':{'max':'3'}}", 201 },
		{ "POST", DEPLOYMENTS, DEPLOYMENT("x", "4"), 422, "denied request: at most 3" },
		{ "POST", DEPLOYMENTS, DEPLOYMENT("x", "3"), 201 },
		/* all that are selected have to agree */
		{ "POST", "/api/v1/namespaces/conf/configmaps",
		  "{'metadata':{'name':'narrow','labels':{'l':'1'}},'data':{'max':'1'}}", 201 },
		BIND("ps", "p",
		     "'validationActions':['Deny'],'paramRef':{'selector':{'matchLabels':{'l':'1'}}"
		     ","
		     "'namespace':'conf','parameterNotFoundAction':'Allow'}"),
		{ "POST", DEPLOYMENTS, DEPLOYMENT("y", "2"), 422,
		  "with binding `ps` denied request: at most 1" },
		POLICY("q",
		       ON_CONFIGMAPS("'CREATE'") ",'paramKind':{'apiVersion':'rules.example.com/"
						 "v1','kind':'Limit'},"
						 "'validations':[{'expression':'params == null'}]"),
		BIND("qb", "q", "'validationActions':['Deny']"),
		{ "POST", CONFIGMAPS, CONFIGMAP("x", ""), 422,
		  "ValidatingAdmissionPolicy `q` denied request: failed to configure policy: "
		  "failed to "
		  "find resource referenced by paramKind: `rules.example.com/v1, Kind=Limit`" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_requests(void **state)
{
	static const struct step steps[] = {
		POLICY("d", ON_CONFIGMAPS("'DELETE'") ",'validations':[{'expression':'object == "
						      "null && !has(oldObject.data.keep)',"
						      "'message':'keep it'}]"),
		BIND("db", "d", "'validationActions':['Deny']"),
		{ "POST", CONFIGMAPS, CONFIGMAP("kept", "'keep':''"), 201 },
		{ "DELETE", CONFIGMAPS "/kept", NULL, 422, "denied request: keep it" },
		POLICY("s", RULES("'UPDATE'", "'apps'", "'v1'",
				  "'deployments/scale'") ",'validations':[{'expression':'object."
							 "kind == `Scale` && "
							 "object.spec.replicas < "
							 "oldObject.spec.replicas + "
							 "3','message':'step by step'}]"),
		BIND("sb", "s", "'validationActions':['Deny']"),
		{ "POST", DEPLOYMENTS, DEPLOYMENT("x", "1"), 201 },
		{ "PUT", DEPLOYMENTS "/x/scale", "{'metadata':{'name':'x'},'spec':{'replicas':9}}",
		  422, "denied request: step by step" },
		{ "PUT", DEPLOYMENTS "/x/scale", "{'metadata':{'name':'x'},'spec':{'replicas':3}}",
		  200 },
		/* who asks, and what else he may do */
		POLICY("a",
		       ON_CONFIGMAPS("'CREATE'") ",'matchConditions':[{'name':'named','expression':"
						 "'request.name == `guarded`'}],"
						 "'validations':[{'expression':'authorizer.group(``"
						 ").resource(`secrets`)."
						 "namespace(`default`).check(`get`).allowed() && "
						 "authorizer.requestResource.check(`create`)."
						 "allowed()'},{'expression':'"
						 "authorizer.serviceAccount(`default`,`none`)."
						 "group(``).resource(`pods`)."
						 "check(`get`).allowed()','message':'who?'}]"),
		BIND("ab", "a", "'validationActions':['Deny']"),
		{ "POST", CONFIGMAPS, CONFIGMAP("free", ""), 201 },
		{ "POST", CONFIGMAPS, CONFIGMAP("guarded", ""), 422, "denied request: who?" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_bindings_match(void **state)
{
	static const struct step steps[] = {
		{ "POST", "/api/v1/namespaces", "{'metadata':{'name':'p','labels':{'env':'prod'}}}",
		  201 },
		POLICY("n",
		       ON_CONFIGMAPS("'CREATE'") ",'validations':[{'expression':'false',"
						 "'messageExpression':'namespaceObject.metadata."
						 "labels[`env`]'}]"),
		BIND("nb", "n",
		     "'validationActions':['Deny'],'matchResources':{'namespaceSelector':"
		     "{'matchLabels':{'env':'prod'}}}"),
		{ "POST", CONFIGMAPS, CONFIGMAP("x", ""), 201 },
		{ "POST", "/api/v1/namespaces/p/configmaps", CONFIGMAP("x", ""), 422,
		  "denied request: prod" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

#define NO_POLICY(spec, want)                                                                \
	{                                                                                    \
		"POST", VALIDATING, "{'metadata':{'name':'x'},'spec':{" spec "}}", 422, want \
	}
#define NO_BINDING(spec, want)                                                                    \
	{                                                                                         \
		"POST", ADMISSION "validatingadmissionpolicybindings",                            \
			"{'metadata':{'name':'x'},'spec':{'policyName':'p'," spec "}}", 422, want \
	}
#define NO_MUTATION(spec, want)                                                                \
	{                                                                                      \
		"POST", MUTATING,                                                              \
			"{'metadata':{'name':'x'},'spec':{" ON_DEPLOYMENTS "," spec "}}", 422, \
			want                                                                   \
	}
#define VALID "'validations':[{'expression':'true'}]"
#define RULE(operations, groups, versions, resources) \
	RULES(operations, groups, versions, resources) "," VALID

static void test_refuses(void **state)
{
	static const struct step steps[] = {
		NO_POLICY(VALID, "spec.matchConstraints: Required value"),
		NO_POLICY("'matchConstraints':{}," VALID,
			  "spec.matchConstraints.resourceRules: Required value"),
		NO_POLICY(ON_DEPLOYMENTS, "spec.validations: Required value: validations or "
					  "auditAnnotations must contain at least one item"),
		NO_POLICY(RULE("", "''", "'v1'", "'pods'"),
			  "resourceRules[0].operations: Required"),
		NO_POLICY(RULE("'*','CREATE'", "''", "'v1'", "'pods'"),
			  "if `*` is present, must not specify other operations"),
		NO_POLICY(RULE("'*'", "'*','apps'", "'v1'", "'pods'"),
			  "if `*` is present, must not specify other API groups"),
		NO_POLICY(RULE("'*'", "''", "'v1',''", "'pods'"),
			  "resourceRules[0].apiVersions[1]: Required value"),
		NO_POLICY(RULE("'*'", "''", "'v1'", "'pods/*','pods/log'"),
			  "if `pods/*` is present, must not specify pods/log"),
		NO_POLICY(RULE("'*'", "''", "'v1'", "'*/*','pods'"),
			  "if `*/*` is present, must not specify other resources"),
		NO_POLICY(RULE("'FLY'", "''", "'v1'", "'pods'"),
			  "resourceRules[0].operations[0]: Unsupported value: \\\"FLY\\\""),
		NO_POLICY(ON_DEPLOYMENTS ",'validations':[{'expression':'object.a'}]",
			  "spec.validations[0].expression: Invalid value: \\\"object.a\\\": must "
			  "evaluate to bool but got dyn"),
		NO_POLICY(ON_DEPLOYMENTS ",'validations':[{'expression':'nothing'}]",
			  "compilation failed: ERROR: <input>:1:1: undeclared reference to "
			  "`nothing`"),
		NO_POLICY(ON_DEPLOYMENTS ",'validations':[{'expression':' '}]",
			  "spec.validations[0].expression: Required value: expression is not "
			  "specified"),
		NO_POLICY(ON_DEPLOYMENTS ",'validations':[{'expression':'true','messageExpression':"
					 "'string(authorizer.path(`/x`).check(`get`).allowed())'}]",
			  "undeclared reference to `authorizer`"),
		NO_POLICY(ON_DEPLOYMENTS ",'validations':[{'expression':'true','reason':'Gone'}]",
			  "spec.validations[0].reason: Unsupported value: \\\"Gone\\\""),
		NO_POLICY(ON_DEPLOYMENTS ",'variables':[{'name':'if','expression':'1'}]," VALID,
			  "spec.variables[0].name: Invalid value: \\\"if\\\": name is not a valid "
			  "CEL "
			  "identifier"),
		NO_POLICY(ON_DEPLOYMENTS ",'matchConditions':[{'name':'a','expression':'true'},{'"
					 "name':'a','expression'"
					 ":'params.x'}]," VALID,
			  "spec.matchConditions[1].name: Duplicate value: \\\"a\\\""),
		NO_POLICY(ON_DEPLOYMENTS ",'paramKind':{'apiVersion':'a/b/c','kind':'K'}," VALID,
			  "spec.paramKind.apiVersion: Invalid value: \\\"a/b/c\\\": unexpected "
			  "GroupVersion string: a/b/c"),
		NO_POLICY(ON_DEPLOYMENTS ",'auditAnnotations':[{'key':'k','valueExpression':'1'}]",
			  "must evaluate to one of [string null_type] but got int"),
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_refuses_others(void **state)
{
	static const struct step steps[] = {
		NO_BINDING(
			"'validationActions':[]",
			"spec.validationActions: Required value: at least one validation action is "
			"required"),
		NO_BINDING("'validationActions':['Deny','Warn']",
			   "must not contain both Deny and Warn"),
		NO_BINDING(
			"'validationActions':['Deny'],'paramRef':{'name':'a','selector':{},"
			"'parameterNotFoundAction':'Allow'}",
			"spec.paramRef.name: Forbidden: name and selector are mutually exclusive"),
		NO_BINDING("'validationActions':['Deny'],'paramRef':{'name':'a'}",
			   "spec.paramRef.parameterNotFoundAction: Required value"),
		NO_MUTATION(
			"'reinvocationPolicy':'Never'",
			"spec.mutations: Required value: mutations must contain at least one item"),
		NO_MUTATION(
			"'reinvocationPolicy':'Never','mutations':[{'patchType':'JSONPatch',"
			"'jsonPatch':{'expression':'[1]'}}]",
			"spec.mutations[0].jsonPatch.expression: Invalid value: \\\"[1]\\\": must "
			"evaluate to list(JSONPatch) but got list(int)"),
		NO_MUTATION(
			"'reinvocationPolicy':'Never','mutations':[{'patchType':"
			"'ApplyConfiguration','jsonPatch':{'expression':'[]'}}]",
			"spec.mutations[0].applyConfiguration: Required value: must be specified "
			"when patchType is ApplyConfiguration"),
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

/* Who may write policies and not read secrets does not read them by a policy. */
static void test_param_access(void **state)
{
	static const struct step rights[] = {
		{ "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
		  "{'metadata':{'name':'r'},'rules':[{'apiGroups':['admissionregistration.k8s.io'],"
		  "'resources':['*'],'verbs':['*']},{'apiGroups':[''],'resources':['configmaps'],"
		  "'verbs':['get']}]}",
		  201 },
		{ "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
		  "{'metadata':{'name':'b'},'subjects':[{'kind':'User','apiGroup':'rbac."
		  "authorization."
		  "k8s.io','name':'jane'}],'roleRef':{'apiGroup':'rbac.authorization.k8s.io','kind'"
		  ":"
		  "'ClusterRole','name':'r'}}",
		  201 },
		POLICY("open",
		       ON_DEPLOYMENTS ",'paramKind':{'apiVersion':'v1','kind':'Secret'}," VALID),
	};
	static const struct step steps[] = {
		NO_POLICY(ON_DEPLOYMENTS ",'paramKind':{'apiVersion':'v1','kind':'Secret'}," VALID,
			  "spec.paramKind: Forbidden: user jane must have \\\"get\\\" permission "
			  "on all "
			  "objects of the referenced paramKind (kind=Secret, apiVersion=v1)"),
		POLICY("fine",
		       ON_DEPLOYMENTS ",'paramKind':{'apiVersion':'v1','kind':'ConfigMap'}," VALID),
		{ "POST", ADMISSION "validatingadmissionpolicybindings",
		  "{'metadata':{'name':'x'},'spec':{'policyName':'open','validationActions':['Deny'"
		  "],"
		  "'paramRef':{'name':'s','namespace':'default','parameterNotFoundAction':'Allow'}}"
		  "}",
		  422, "spec.paramRef: Forbidden: user jane does not have \\\"get\\\" permission" },
	};
	struct http_fixture f;

	http_fixture_open(&f);
	for (size_t i = 0; i < ARRAY_COUNT(rights); i++)
		run_step(&f, &rights[i]);
	http_fixture_disconnect(&f);
	http_fixture_connect(&f, &f);
	f.user = "jane";
	f.group = "dev";
	for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
		run_step(&f, &steps[i]);
	http_fixture_close(&f);
}

#define MUTATION(name, mutations, more)                                                        \
	{                                                                                      \
		"POST", MUTATING,                                                              \
			"{'metadata':{'name':'" name "'},'spec':{" RULES(                      \
				"'CREATE'", "''", "'v1'",                                      \
				"'configmaps','pods'") ","                                     \
						       "'reinvocationPolicy':'IfNeeded','"     \
						       "mutations':[" mutations "]" more "}}", \
			201                                                                    \
	}
#define APPLY(expression) \
	"{'patchType':'ApplyConfiguration','applyConfiguration':{'expression':'" expression "'}}"
#define PATCH(expression) "{'patchType':'JSONPatch','jsonPatch':{'expression':'" expression "'}}"
#define BIND_MUTATION(name)                                                                      \
	{                                                                                        \
		"POST", ADMISSION "mutatingadmissionpolicybindings",                             \
			"{'metadata':{'name':'" name "'},'spec':{'policyName':'" name "'}}", 201 \
	}
#define UNBIND_MUTATION(name)                                                          \
	{                                                                              \
		"DELETE", ADMISSION "mutatingadmissionpolicybindings/" name, NULL, 200 \
	}

static void test_mutates(void **state)
{
	static const struct step steps[] = {
		MUTATION("a",
			 APPLY("Object{metadata: Object.metadata{labels: {`by`: `a`}}}") "," PATCH(
				 "[JSONPatch{op: `add`, path: `/metadata/labels/` + "
				 "jsonpatch.escapeKey(`x/y`), value: string(size(object.metadata."
				 "labels))}]"),
			 ""),
		BIND_MUTATION("a"),
		/* asked again, it counts what it had made itself */
		{ "POST", CONFIGMAPS, CONFIGMAP("one", "'k':'v'"), 201,
		  "\"labels\":{\"by\":\"a\",\"x/y\":\"2\"}" },
		/* a test that fails takes the patch back */
		MUTATION("t",
			 PATCH("[JSONPatch{op: `test`, path: `/data/k`, value: `z`},JSONPatch{op: "
			       "`replace`, path: `/data/k`, value: `w`}]"),
			 ""),
		BIND_MUTATION("t"),
		{ "POST", CONFIGMAPS, CONFIGMAP("two", "'k':'v'"), 201, "\"data\":{\"k\":\"v\"}" },
		{ "POST", CONFIGMAPS, CONFIGMAP("three", "'k':'z'"), 201,
		  "\"data\":{\"k\":\"w\"}" },
		UNBIND_MUTATION("a"),
		UNBIND_MUTATION("t"),
		MUTATION("bad", APPLY("Object{metadata: Object.metadata{wrong: `x`}}"), ""),
		BIND_MUTATION("bad"),
		{ "POST", CONFIGMAPS, CONFIGMAP("four", ""), 403,
		  "\"message\":\"policy `bad` with binding `bad` denied request: error applying "
		  "patch: "
		  "failed to convert patch object to typed object: .metadata.wrong: field not "
		  "declared in "
		  "schema\",\"reason\":\"Invalid\"" },
		UNBIND_MUTATION("bad"),
		MUTATION("name", APPLY("Object{metadata: Object.spec{labels: {}}}"), ""),
		BIND_MUTATION("name"),
		{ "POST", CONFIGMAPS, CONFIGMAP("four", ""), 403,
		  "denied request: type mismatch: unexpected type name \\\"Object.spec\\\", "
		  "expected "
		  "\\\"Object.metadata\\\", which matches field name path from root Object type" },
		UNBIND_MUTATION("name"),
		MUTATION("open", APPLY("Object{metadata: Object.metadata{wrong: `x`}}"),
			 ",'failurePolicy':'Ignore'"),
		BIND_MUTATION("open"),
		{ "POST", CONFIGMAPS, CONFIGMAP("four", ""), 201 },
		UNBIND_MUTATION("open"),
		MUTATION(
			"whole",
			APPLY("Object{spec: Object.spec{tolerations: [Object.spec.tolerations{key: "
			      "`a`}]}}"),
			",'matchConditions':[{'name':'pods','expression':'request.kind.kind == "
			"`Pod`'}]"),
		BIND_MUTATION("whole"),
		{ "POST", "/api/v1/namespaces/default/pods",
		  "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i'}]}}", 403,
		  "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
		  ".spec.tolerations" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_mutates_badly(void **state)
{
	static const struct step steps[] = {
		/* a patch that cannot be done is the policy's problem; what it makes is the
		   server's */
		MUTATION("missing", PATCH("[JSONPatch{op: `remove`, path: `/data/none`}]"), ""),
		BIND_MUTATION("missing"),
		{ "POST", CONFIGMAPS, CONFIGMAP("five", "'k':'v'"), 403,
		  "policy `missing` with binding `missing` denied request: JSON Patch: " },
		UNBIND_MUTATION("missing"),
		MUTATION("odd", PATCH("[JSONPatch{op: `add`, path: `/odd`, value: 1}]"),
			 ",'failurePolicy':'Ignore'"),
		BIND_MUTATION("odd"),
		{ "POST", CONFIGMAPS, CONFIGMAP("five", "'k':'v'"), 500,
		  "\"message\":\"Internal error occurred: strict decoding error: unknown field "
		  "\\\"odd\\\"\",\"reason\":\"InternalError\"" },
		UNBIND_MUTATION("odd"),
		{ "POST", MUTATING,
		  "{'metadata':{'name':'param'},'spec':{'paramKind':{'apiVersion':'x.example/v1',"
		  "'kind':'X'}," RULES(
			  "'CREATE'", "''", "'v1'",
			  "'configmaps'") ","
					  "'reinvocationPolicy':'Never','mutations':[" APPLY(
						  "Object{}") "]}}",
		  201 },
		BIND_MUTATION("param"),
		{ "POST", CONFIGMAPS, CONFIGMAP("five", "'k':'v'"), 403,
		  "policy \\\"param\\\" denied request: failed to configure policy: failed to find "
		  "resource referenced by paramKind: `x.example/v1, Kind=X`" },
		UNBIND_MUTATION("param"),
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

#define GADGETS "/apis/example.com/v1/namespaces/default/gadgets"

/* Fields that no table knows. */
static void test_mutates_custom(void **state)
{
	static const struct step steps[] = {
		{ "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
		  "{'metadata':{'name':'gadgets.example.com'},'spec':{'group':'example.com'"
		  ",'scope':"
		  "'Namespaced','names':{'plural':'gadgets','kind':'Gadget'},'versions':[{'"
		  "name':'v1',"
		  "'served':true,'storage':true,'schema':{'openAPIV3Schema':{'type':'"
		  "object','properties':{"
		  "'spec':{'type':'object','properties':{'size':{'type':'integer'},'more':{"
		  "'type':'object',"
		  "'additionalProperties':{'type':'string'}}}}}}}}]}}",
		  201 },
		{ "POST", MUTATING,
		  "{'metadata':{'name':'c'},'spec':{" RULES(
			  "'CREATE'", "'example.com'", "'v1'",
			  "'gadgets'") ","
				       "'reinvocationPolicy':'Never','mutations':"
				       "[" APPLY("Object{spec: Object.spec{size: "
						 "object.spec.size + 1, more: "
						 "{`k`: `v`}}}") "," PATCH("[JSONPatch{op: `add`, "
									   "path: "
									   "`/spec/more/l`, value: "
									   "`w`},JSONPatch{op: "
									   "`add`, "
									   "path: `/spec/odd`, "
									   "value: 1}]") "]}"
											 "}",
		  201 },
		BIND_MUTATION("c"),
		{ "POST", GADGETS,
		  "{'apiVersion':'example.com/"
		  "v1','kind':'Gadget','metadata':{'name':'g'},'spec':{'size':2}}",
		  201, "\"spec\":{\"size\":3,\"more\":{\"k\":\"v\",\"l\":\"w\"}}" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

/* A policy that wants to see what came after it does: its label counts those of later policies. */
static void test_asks_again(void **state)
{
	static const struct step steps[] = {
		MUTATION("a",
			 APPLY("Object{metadata: Object.metadata{annotations: {`seen`: "
			       "string(has(object.metadata.labels))}}}"),
			 ""),
		BIND_MUTATION("a"),
		MUTATION("b", APPLY("Object{metadata: Object.metadata{labels: {`b`: `b`}}}"), ""),
		BIND_MUTATION("b"),
		{ "POST", CONFIGMAPS, CONFIGMAP("x", ""), 201, "\"seen\":\"true\"" },
		/* sidecars, once, merged by their names */
		MUTATION("side",
			 APPLY("Object{spec: Object.spec{containers: [Object.spec.containers{name: "
			       "`side`, image: `s`}]}}"),
			 ",'matchConditions':[{'name':'pods','expression':'request.kind.kind == "
			 "`Pod`'}]"),
		BIND_MUTATION("side"),
		{ "POST", "/api/v1/namespaces/default/pods",
		  "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i'}]}}", 201,
		  "\"image\":\"s\"" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

/* A binding that selects more parameters than one write can be checked against is refused; so is
 * what costs more than all policies together may, whatever each of them may cost. */
static void test_bounds(void **state)
{
	static const struct step begin[] = {
		POLICY("p", ON_DEPLOYMENTS ",'paramKind':{'apiVersion':'v1','kind':'ConfigMap'},"
					   "'validations':[{'expression':'params.data.a == `b`'}]"),
		BIND("pb", "p",
		     "'validationActions':['Deny'],'paramRef':{'selector':{'matchLabels':{'l':'1'}}"
		     ",'parameterNotFoundAction':'Deny'}"),
	};
	static const struct step at_most[] = {
		{ "POST", DEPLOYMENTS, DEPLOYMENT("x", "1"), 201 },
		{ "POST", CONFIGMAPS,
		  "{'metadata':{'name':'more','labels':{'l':'1'}},'data':{'a':'b'}}", 201 },
		{ "POST", DEPLOYMENTS, DEPLOYMENT("y", "1"), 422,
		  "denied request: failed to configure binding: paramRef.selector selects more "
		  "than "
		  "1000 params" },
	};
	struct http_fixture f;
	char body[256];

	http_fixture_open(&f);
	for (size_t i = 0; i < ARRAY_COUNT(begin); i++)
		run_step(&f, &begin[i]);
	for (int i = 0; i < 1000; i++) {
		struct step step = { "POST", CONFIGMAPS, body, 201 };

		snprintf(body, sizeof(body),
			 "{'metadata':{'name':'p%d','labels':{'l':'1'}},'data':{'a':'b'}}", i);
		run_step(&f, &step);
	}
	for (size_t i = 0; i < ARRAY_COUNT(at_most); i++)
		run_step(&f, &at_most[i]);
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),	       cmocka_unit_test(test_denies),
		cmocka_unit_test(test_refuses),	       cmocka_unit_test(test_refuses_others),
		cmocka_unit_test(test_param_access),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_actions),	       cmocka_unit_test(test_params),
		cmocka_unit_test(test_requests),       cmocka_unit_test(test_bindings_match),
		cmocka_unit_test(test_mutates),	       cmocka_unit_test(test_mutates_badly),
		cmocka_unit_test(test_mutates_custom), cmocka_unit_test(test_asks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
