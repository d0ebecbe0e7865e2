/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which writes concern a webhook or a policy. Breaks when a rule, a selector or a condition lets
 * something by that it should catch, or catches what it should not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/admission_activation.h"
#include "base/mem.h"

/* JSON with ' for ". */
static yyjson_doc *parse(const char *text)
{
	struct err err = { 0 };
	char *copy = str_dup_c(str_from(text));
	yyjson_doc *doc;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	doc = json_parse(str_from(copy), 1u << 20, &err);
	if (!doc)
		fail_msg("%s: %s", text, err.msg);
	mem_free(copy);
	return doc;
}

static struct user someone = { .name = STR_INIT("jane"),
			       .groups = (const struct str[]){ STR_INIT("dev") },
			       .group_count = 1 };

#define PODS "'apiGroups':[''],'apiVersions':['v1'],'resources':['pods']"
#define CREATE_PODS "[{'operations':['CREATE']," PODS "}]"

static const struct {
	const char *name;
	const struct kind *kind;
	enum admission_operation operation;
	const char *subresource, *namespace_, *object_name;
	const char *object, *old_object, *namespace_labels;
	const char *criteria;	  /* rules, exclude, namespaces, objects, policy */
	int want;		  /* admission_filter_match */
	const char *want_version; /* of the kind whose rule matched; NULL: the request's own */
} match_rows[] = {
	{ "a rule", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':" CREATE_PODS "}", 1 },
	{ "another operation", &kind_pod, ADMISSION_UPDATE, "", "a", "x", "{}", "{}", NULL,
	  "{'rules':" CREATE_PODS "}", 0 },
	{ "any operation", &kind_pod, ADMISSION_CONNECT, "exec", "a", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['*/"
	  "*']}]}",
	  1 },
	{ "another group", &kind_deployment, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':[''],'apiVersions':['*'],'resources':['*']}]}",
	  0 },
	{ "a subresource is not its resource", &kind_pod, ADMISSION_UPDATE, "status", "a", "x",
	  "{}", "{}", NULL, "{'rules':[{'operations':['*']," PODS "}]}", 0 },
	{ "a star has no subresources", &kind_pod, ADMISSION_UPDATE, "status", "a", "x", "{}", "{}",
	  NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':[''],'apiVersions':['*'],'resources':['*']}]}",
	  0 },
	{ "all subresources of one", &kind_pod, ADMISSION_UPDATE, "status", "a", "x", "{}", "{}",
	  NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':[''],'apiVersions':['*'],'resources':['pods/"
	  "*']}]}",
	  1 },
	{ "pods/* holds pods too", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':[''],'apiVersions':['*'],'resources':['pods/"
	  "*']}]}",
	  1 },
	{ "one subresource of all", &kind_deployment, ADMISSION_UPDATE, "scale", "a", "x", "{}",
	  "{}", NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['apps'],'apiVersions':['v1'],'resources':['*/"
	  "scale']}]}",
	  1 },
	{ "namespaced only", &kind_node, ADMISSION_CREATE, "", "", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['*'],'"
	  "scope':'Namespaced'}]}",
	  0 },
	{ "cluster only", &kind_node, ADMISSION_CREATE, "", "", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['*'],'"
	  "scope':'Cluster'}]}",
	  1 },
	{ "a namespace is cluster-scoped", &kind_namespace, ADMISSION_UPDATE, "", "n", "n", "{}",
	  "{}", NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['*'],'"
	  "scope':'Namespaced'}]}",
	  0 },
	{ "a name", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*']," PODS ",'resourceNames':['y','x']}]}", 1 },
	{ "another name", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*']," PODS ",'resourceNames':['y']}]}", 0 },
	{ "excluded", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':" CREATE_PODS ",'exclude':[{'operations':['CREATE']," PODS
	  ",'resourceNames':['x']}]}",
	  0 },
	{ "not excluded", &kind_pod, ADMISSION_CREATE, "", "a", "z", "{}", NULL, NULL,
	  "{'rules':" CREATE_PODS ",'exclude':[{'operations':['CREATE']," PODS
	  ",'resourceNames':['x']}]}",
	  1 },
	{ "labels of the namespace", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL,
	  "{'env':'prod'}", "{'rules':" CREATE_PODS ",'namespaces':{'matchLabels':{'env':'prod'}}}",
	  1 },
	{ "other labels of the namespace", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL,
	  "{'env':'dev'}", "{'rules':" CREATE_PODS ",'namespaces':{'matchLabels':{'env':'prod'}}}",
	  0 },
	{ "no namespace to look at", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':" CREATE_PODS ",'namespaces':{'matchLabels':{'env':'prod'}}}", -1 },
	{ "no namespace, and no rule", &kind_pod, ADMISSION_DELETE, "", "a", "x", NULL, "{}", NULL,
	  "{'rules':" CREATE_PODS ",'namespaces':{'matchLabels':{'env':'prod'}}}", 0 },
	{ "cluster-scoped is exempted by no namespace", &kind_node, ADMISSION_CREATE, "", "", "x",
	  "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['nodes'"
	  "]}],'namespaces':{'matchLabels':{'env':'prod'}}}",
	  1 },
	{ "a namespace by its new labels", &kind_namespace, ADMISSION_UPDATE, "", "n", "n",
	  "{'metadata':{'labels':{'env':'prod'}}}", "{}", "{'env':'dev'}",
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['"
	  "namespaces']}],'namespaces':{'matchLabels':{'env':'prod'}}}",
	  1 },
	{ "a namespace that goes by its labels", &kind_namespace, ADMISSION_DELETE, "", "n", "n",
	  NULL, "{}", "{'env':'prod'}",
	  "{'rules':[{'operations':['*'],'apiGroups':['*'],'apiVersions':['*'],'resources':['"
	  "namespaces']}],'namespaces':{'matchLabels':{'env':'prod'}}}",
	  1 },
	{ "labels of the new object", &kind_pod, ADMISSION_CREATE, "", "a", "x",
	  "{'metadata':{'labels':{'a':'b'}}}", NULL, NULL,
	  "{'rules':" CREATE_PODS ",'objects':{'matchLabels':{'a':'b'}}}", 1 },
	{ "labels of the old object", &kind_pod, ADMISSION_UPDATE, "", "a", "x", "{}",
	  "{'metadata':{'labels':{'a':'b'}}}", NULL,
	  "{'rules':[{'operations':['*']," PODS "}],'objects':{'matchLabels':{'a':'b'}}}", 1 },
	{ "labels of neither", &kind_pod, ADMISSION_UPDATE, "", "a", "x", "{}", "{}", NULL,
	  "{'rules':[{'operations':['*']," PODS "}],'objects':{'matchLabels':{'a':'b'}}}", 0 },
	{ "no object at all", &kind_pod, ADMISSION_CONNECT, "exec", "a", "x", NULL, NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':[''],'apiVersions':['v1'],'resources':['pods/"
	  "exec']}],'objects':{'matchExpressions':[{'key':'a','operator':'DoesNotExist'}]}}",
	  0 },
	{ "an equivalent version", &kind_horizontalpodautoscaler_v1, ADMISSION_CREATE, "", "a", "x",
	  "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['autoscaling'],'apiVersions':['v2'],'"
	  "resources':['horizontalpodautoscalers']}]}",
	  1, "v2" },
	{ "its own version goes first", &kind_horizontalpodautoscaler_v1, ADMISSION_CREATE, "", "a",
	  "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['autoscaling'],'apiVersions':['v2'],'"
	  "resources':['horizontalpodautoscalers']},"
	  "{'operations':['*'],'apiGroups':['autoscaling'],'apiVersions':['v1'],'resources':['"
	  "horizontalpodautoscalers']}]}",
	  1, "v1" },
	{ "exactly", &kind_horizontalpodautoscaler_v1, ADMISSION_CREATE, "", "a", "x", "{}", NULL,
	  NULL,
	  "{'policy':'Exact','rules':[{'operations':['*'],'apiGroups':['autoscaling'],'apiVersions'"
	  ":['v2'],'resources':['horizontalpodautoscalers']}]}",
	  0 },
	{ "an equivalent group", &kind_event, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL,
	  "{'rules':[{'operations':['*'],'apiGroups':['events.k8s.io'],'apiVersions':['v1'],'"
	  "resources':['events']}]}",
	  1, "v1" },
	{ "no rules", &kind_pod, ADMISSION_CREATE, "", "a", "x", "{}", NULL, NULL, "{}", 1 },
};

static struct cel_value object_of(yyjson_doc *doc)
{
	return doc ? cel_json(yyjson_doc_get_root(doc), &cel_type_dyn) : cel_null();
}

static struct blob *namespace_blob(const char *labels)
{
	AUTO_JSON_MUT doc = json_new_object();
	AUTO_JSON given = parse(labels);
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");

	json_set_str(doc, metadata, "name", STR("a"));
	json_set(doc, metadata, "labels", json_copy(doc, yyjson_doc_get_root(given)));
	return json_mut_to_blob(yyjson_mut_doc_get_root(doc));
}

static void run_match_row(size_t i, struct arena *arena, const struct kind_set *kinds)
{
	AUTO_JSON object = match_rows[i].object ? parse(match_rows[i].object) : NULL;
	AUTO_JSON old = match_rows[i].old_object ? parse(match_rows[i].old_object) : NULL;
	AUTO_JSON stated = parse(match_rows[i].criteria);
	yyjson_val *root = yyjson_doc_get_root(stated);
	struct blob *ns = match_rows[i].namespace_labels
				  ? namespace_blob(match_rows[i].namespace_labels)
				  : NULL;
	struct admission_criteria criteria = {
		.rules = json_get(root, "rules"),
		.exclude_rules = json_get(root, "exclude"),
		.namespace_selector = json_get(root, "namespaces"),
		.object_selector = json_get(root, "objects"),
		.match_policy = json_get_str(root, "policy"),
		.no_rules_match_all = true,
	};
	struct admission_request request = {
		.operation = match_rows[i].operation,
		.kind = match_rows[i].kind,
		.subresource = str_from(match_rows[i].subresource),
		.namespace_ = str_from(match_rows[i].namespace_),
		.name = str_from(match_rows[i].object_name),
		.object = object_of(object),
		.old_object = object_of(old),
		.namespace_object = ns ? obj_get(ns) : NULL,
		.user = &someone,
		.kinds = kinds,
	};
	struct err err = { 0 };
	const struct kind *matched = NULL;
	const struct admission_filter *filter = admission_filter_new(arena, &criteria, &err);
	int got = admission_filter_match(filter, &request, &matched, &err);

	if (got != match_rows[i].want)
		fail_msg("%s: %d instead of %d", match_rows[i].name, got, match_rows[i].want);
	if (got > 0 && match_rows[i].want_version)
		assert_true(str_eq_c(matched->version, match_rows[i].want_version));
	if (got > 0 && !match_rows[i].want_version)
		assert_ptr_equal(matched, match_rows[i].kind);
	if (got < 0) {
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_string_equal(err.msg, "namespaces \"a\" not found");
	}
	blob_unref(ns);
}

static void matches_as_stated(void **state)
{
	struct kind_set kinds;
	struct arena arena;

	kind_set_init(&kinds);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(match_rows); i++)
		run_match_row(i, &arena, &kinds);
	arena_deinit(&arena);
	kind_set_deinit(&kinds);
}

static void refuses_bad_selectors(void **state)
{
	AUTO_JSON selector = parse(
		"{'matchExpressions':[{'key':'a','operator':'Near','values':['b']}]}");
	struct admission_criteria criteria = { .object_selector = yyjson_doc_get_root(selector) };
	struct err err = { 0 };
	struct arena arena;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_null(admission_filter_new(&arena, &criteria, &err));
	assert_int_not_equal(err.code, ERR_NONE);
	arena_deinit(&arena);
}

static void knows_its_own_kinds(void **state)
{
	assert_true(admission_is_configuration(&kind_validatingadmissionpolicy));
	assert_true(admission_is_configuration(&kind_mutatingwebhookconfiguration));
	assert_false(admission_is_configuration(&kind_pod));
}

/* ---- conditions ---- */

static const struct {
	const char *name, *conditions;
	bool fails_open;
	enum admission_verdict want;
	const char *why;
} condition_rows[] = {
	{ "none", "[]", false, ADMISSION_MATCHED },
	{ "all hold",
	  "[{'name':'a','expression':'object.spec.replicas > 2'},"
	  "{'name':'b','expression':'request.operation == \\'CREATE\\''}]",
	  false, ADMISSION_MATCHED },
	{ "one does not", "[{'name':'a','expression':'true'},{'name':'b','expression':'false'}]",
	  false, ADMISSION_SKIPPED },
	{ "false goes before errors",
	  "[{'name':'a','expression':'object.nothing == 1'},{'name':'b','expression':'false'}]",
	  false, ADMISSION_SKIPPED },
	{ "an error", "[{'name':'a','expression':'object.nothing == 1'}]", false, ADMISSION_FAILED,
	  "expression 'object.nothing == 1' resulted in error: no such key: nothing" },
	{ "two errors",
	  "[{'name':'a','expression':'object.x == 1'},{'name':'b','expression':'object.y == 1'}]",
	  false, ADMISSION_FAILED,
	  "[expression 'object.x == 1' resulted in error: no such key: x, "
	  "expression 'object.y == 1' resulted in error: no such key: y]" },
	{ "one error twice",
	  "[{'name':'a','expression':'object.x == 1'},{'name':'b','expression':'object.x == 1'}]",
	  false, ADMISSION_FAILED, "expression 'object.x == 1' resulted in error: no such key: x" },
	{ "an error that is ignored", "[{'name':'a','expression':'object.nothing == 1'}]", true,
	  ADMISSION_SKIPPED },
	{ "not a bool", "[{'name':'a','expression':'1'}]", false, ADMISSION_FAILED,
	  "compilation error: must evaluate to bool but got int" },
	{ "who asks",
	  "[{'name':'a','expression':'request.userInfo.username == \\'jane\\' && \\'dev\\' in "
	  "request.userInfo.groups'}]",
	  false, ADMISSION_MATCHED },
	{ "what is asked for",
	  "[{'name':'a','expression':'request.resource.resource == \\'deployments\\' && "
	  "request.kind.kind == \\'Deployment\\' && !has(request.subResource) && "
	  "request.name == \\'x\\' && request.namespace == \\'a\\' && !request.dryRun'}]",
	  false, ADMISSION_MATCHED },
	{ "the namespace",
	  "[{'name':'a','expression':'namespaceObject.metadata.labels[\\'env\\'] == \\'prod\\''}]",
	  false, ADMISSION_MATCHED },
	{ "no old object", "[{'name':'a','expression':'oldObject == null'}]", false,
	  ADMISSION_MATCHED },
	{ "allowed",
	  "[{'name':'a','expression':'authorizer.group(\\'apps\\').resource(\\'deployments\\')."
	  "namespace(\\'a\\').check(\\'fly\\').allowed()'}]",
	  false, ADMISSION_MATCHED },
	{ "not allowed",
	  "[{'name':'a','expression':'authorizer.requestResource.check(\\'walk\\').allowed()'}]",
	  false, ADMISSION_SKIPPED },
	{ "variables",
	  "[{'name':'a','expression':'variables.twice == 6 && variables.again == 12'}]", false,
	  ADMISSION_MATCHED },
	{ "a variable that fails", "[{'name':'a','expression':'variables.lost == 1'}]", false,
	  ADMISSION_FAILED,
	  "expression 'variables.lost == 1' resulted in error: composited variable \"lost\" fails "
	  "to "
	  "evaluate: no such key: nothing" },
	{ "what is not declared", "[{'name':'a','expression':'params == null'}]", false,
	  ADMISSION_FAILED,
	  "compilation error: compilation failed: ERROR: <input>:1:1: undeclared reference to "
	  "'params' "
	  "(in container '')\n | params == null\n | ^" },
	{ "too much work",
	  "[{'name':'a','expression':'[1,2,3,4,5,6,7,8,9,10].all(a,[1,2,3,4,5,6,7,8,9,10].all(b,"
	  "[1,2,3,4,5,6,7,8,9,10].all(c,[1,2,3,4,5,6,7,8,9,10].all(d,[1,2,3,4,5,6,7,8,9,10].all(e,"
	  "[1,2,3,4,5,6,7,8,9,10].all(f,a+b+c+d+e+f > 0))))))'}]",
	  true, ADMISSION_SKIPPED },
};

static int check_fly(const struct cel_authorizer *authorizer,
		     const struct cel_attributes *attributes, struct arena *arena,
		     enum cel_decision *ret_decision, struct str *ret_reason, struct err *err)
{
	*ret_decision = str_eq_c(attributes->verb, "fly") &&
					str_eq_c(attributes->resource, "deployments") &&
					str_eq_c(attributes->namespace, "a")
				? CEL_ALLOWED
				: CEL_NO_OPINION;
	*ret_reason = STR("because");
	return 0;
}

/* JSON in which \' stands for a quote inside of strings. */
static yyjson_doc *parse_conditions(const char *text)
{
	AUTO_BUF json = { 0 };
	struct err err = { 0 };
	yyjson_doc *doc;

	buf_init(&json, 1u << 20);
	for (const char *c = text; *c; c++) {
		bool escaped = c[0] == '\\' && c[1] == '\'';

		c += escaped;
		buf_put_char(&json, *c == '\'' && !escaped ? '"' : *c);
	}
	doc = json_parse(buf_str(&json), 1u << 20, &err);
	if (!doc)
		fail_msg("%s: %s", text, err.msg);
	return doc;
}

static void run_condition_row(size_t i, const struct admission_request *request)
{
	AUTO_JSON stated = parse_conditions(condition_rows[i].conditions);
	AUTO_JSON variables = parse("[{'name':'twice','expression':'object.spec.replicas * 2'},"
				    "{'name':'again','expression':'variables.twice * 2'},"
				    "{'name':'lost','expression':'object.nothing'}]");
	struct cel_authorizer authorizer = { .check = check_fly };
	const struct admission_conditions *conditions;
	struct admission_activation activation;
	struct admission_set *set;
	struct arena arena;
	struct str why = STR_NONE;
	enum admission_verdict got;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	set = admission_set_new(&arena, ADMISSION_HAS_VARIABLES, NULL);
	admission_set_add_variables(set, yyjson_doc_get_root(variables));
	conditions = admission_conditions_new(set, yyjson_doc_get_root(stated),
					      condition_rows[i].fails_open);
	admission_activation_init(&activation, set, request);
	activation.authorizer = &authorizer;
	got = admission_conditions_decide(conditions, &activation, &why);
	if (got != condition_rows[i].want)
		fail_msg("%s: %d instead of %d: " STR_FMT, condition_rows[i].name, got,
			 condition_rows[i].want, STR_ARG(why));
	if (condition_rows[i].why && !str_eq_c(why, condition_rows[i].why))
		fail_msg("%s: " STR_FMT, condition_rows[i].name, STR_ARG(why));
	assert_true(activation.budget == CEL_BUDGET_MAX);
	admission_activation_deinit(&activation);
	arena_deinit(&arena);
}

static void decides_conditions(void **state)
{
	AUTO_JSON object = parse("{'kind':'Deployment','spec':{'replicas':3}}");
	struct blob *ns = namespace_blob("{'env':'prod'}");
	struct admission_request request = {
		.operation = ADMISSION_CREATE,
		.kind = &kind_deployment,
		.body_group = STR("apps"),
		.body_version = STR("v1"),
		.body_kind = STR("Deployment"),
		.namespace_ = STR("a"),
		.name = STR("x"),
		.object = object_of(object),
		.old_object = cel_null(),
		.namespace_object = obj_get(ns),
		.user = &someone,
	};

	for (size_t i = 0; i < ARRAY_COUNT(condition_rows); i++)
		run_condition_row(i, &request);
	blob_unref(ns);
}

/* A chain of variables, each asking for the one before it, ends in an error and not in the stack.
 */
static void bounds_chains_of_variables(void **state)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *list = yyjson_mut_arr(doc);
	AUTO_JSON frozen = NULL;
	struct admission_request request = { .operation = ADMISSION_CREATE,
					     .kind = &kind_pod,
					     .user = &someone };
	struct admission_activation activation;
	struct admission_set *set;
	struct cel_value value;
	struct arena arena;
	struct str why;

	request.object = request.old_object = cel_null();
	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (int i = 0; i < 2000; i++) {
		yyjson_mut_val *variable = json_append_object(doc, list);

		json_set_str(doc, variable, "name", str_printf_in(&arena, "v%d", i));
		json_set_str(doc, variable, "expression",
			     i ? str_printf_in(&arena, "variables.v%d", i - 1) : STR("1"));
	}
	frozen = json_freeze(list);
	set = admission_set_new(&arena, ADMISSION_HAS_VARIABLES, NULL);
	admission_set_add_variables(set, yyjson_doc_get_root(frozen));
	admission_activation_init(&activation, set, &request);
	assert_int_equal(
		admission_evaluate(&set->variables[100].expression, &activation, &value, &why),
		ADMISSION_VALUE);
	assert_int_equal(
		admission_evaluate(&set->variables[1999].expression, &activation, &value, &why),
		ADMISSION_ERROR);
	assert_true(str_has_prefix(why, STR("expression 'variables.v1998' resulted in error: "
					    "composited variable \"v1998\" fails to evaluate: ")));
	admission_activation_deinit(&activation);
	arena_deinit(&arena);
}

/* Policies share what a write may cost: one's own budget being full helps none when that is used
 * up. */
static void ends_with_what_all_may_cost(void **state)
{
	struct admission_request request = { .operation = ADMISSION_CREATE,
					     .kind = &kind_pod,
					     .user = &someone };
	struct admission_activation activation;
	struct admission_expression expression;
	uint64_t left = 100000, spent;
	struct admission_set *set;
	struct cel_value value;
	struct arena arena;
	struct str why;

	request.object = request.old_object = cel_null();
	arena_init(&arena, ARENA_DEFAULT_MAX);
	set = admission_set_new(&arena, 0, NULL);
	admission_compile(set, STR("[1, 2, 3, 4].all(i, i > 0)"), &admission_result_bool,
			  &expression);
	admission_activation_init(&activation, set, &request);
	activation.write_left = &left;
	assert_int_equal(admission_evaluate(&expression, &activation, &value, &why),
			 ADMISSION_VALUE);
	spent = 100000 - left;
	assert_true(spent > 0 && spent == CEL_BUDGET_MAX - activation.budget);
	left = spent;
	assert_int_equal(admission_evaluate(&expression, &activation, &value, &why),
			 ADMISSION_VALUE);
	left = spent - 1;
	activation.budget = CEL_BUDGET_MAX;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(admission_evaluate(&expression, &activation, &value, &why),
				 ADMISSION_OUT_OF_BUDGET);
		assert_true(str_has_prefix(why, STR("validation failed due to running out of cost "
						    "budget")));
	}
	admission_activation_deinit(&activation);
	arena_deinit(&arena);
}

/* What an arena cannot hold any more is refused, and does not end the server. */
static void refuses_what_takes_too_much_memory(void **state)
{
	struct admission_expression expression;
	struct admission_set *set;
	struct arena arena;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	set = admission_set_new(&arena, 0, NULL);
	admission_compile(set, STR("true"), &admission_result_bool, &expression);
	assert_non_null(expression.program);
	(void)arena_alloc(&arena,
			  ARENA_DEFAULT_MAX - CEL_COMPILE_RESERVE_BYTES); /* only takes room */
	admission_compile(set, STR("true"), &admission_result_bool, &expression);
	assert_null(expression.program);
	assert_true(str_eq_c(expression.problem,
			     "compilation failed: expressions take too much memory"));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_as_stated),
		cmocka_unit_test(refuses_bad_selectors),
		cmocka_unit_test(knows_its_own_kinds),
		cmocka_unit_test(decides_conditions),
		cmocka_unit_test(ends_with_what_all_may_cost),
		cmocka_unit_test(bounds_chains_of_variables),
		cmocka_unit_test(refuses_what_takes_too_much_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
