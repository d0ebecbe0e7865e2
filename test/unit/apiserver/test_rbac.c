/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles: what a rule holds of another, and over HTTP that nobody gives what he does not have.
 * Breaks when a user can raise himself, or when upstream's wording is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/limits.h"
#include "apiserver/rbac_rule.h"
#include "fixture.h"

#define RBAC "/apis/rbac.authorization.k8s.io/v1/"
#define JSON "Content-Type: application/json\r\n"

/* --- the pure part --- */

static const struct {
	const char *name, *owned, *wanted, *missing;
} missing_rows[] = {
	{ "the same", "[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]", "" },
	{ "nothing owned", "[]", "[{'verbs':['get','list'],'apiGroups':[''],'resources':['pods']}]",
	  "{APIGroups:[''], Resources:['pods'], Verbs:['get' 'list']}" },
	{ "a star holds all", "[{'verbs':['*'],'apiGroups':['*'],'resources':['*']}]",
	  "[{'verbs':['get'],'apiGroups':['apps'],'resources':['deployments/scale']}]", "" },
	{ "a star is not held by many",
	  "[{'verbs':['get','list'],'apiGroups':[''],'resources':['pods']}]",
	  "[{'verbs':['*'],'apiGroups':[''],'resources':['pods']}]",
	  "{APIGroups:[''], Resources:['pods'], Verbs:['*']}" },
	{ "parts from several rules",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods']},"
	  "{'verbs':['list'],'apiGroups':[''],'resources':['pods']}]",
	  "[{'verbs':['get','list'],'apiGroups':[''],'resources':['pods']}]", "" },
	{ "a subresource is another resource",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods/log']}]",
	  "{APIGroups:[''], Resources:['pods/log'], Verbs:['get']}" },
	{ "any resource's subresource",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['*/log']}]",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods/log']}]", "" },
	{ "one name is not all",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods'],'resourceNames':['a']}]",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]",
	  "{APIGroups:[''], Resources:['pods'], Verbs:['get']}" },
	{ "all names hold one", "[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods'],'resourceNames':['a']}]", "" },
	{ "another name",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods'],'resourceNames':['a']}]",
	  "[{'verbs':['get'],'apiGroups':[''],'resources':['pods'],'resourceNames':['a','b']}]",
	  "{APIGroups:[''], Resources:['pods'], ResourceNames:['b'], Verbs:['get']}" },
	{ "paths", "[{'verbs':['get'],'nonResourceURLs':['/a/*']}]",
	  "[{'verbs':['get'],'nonResourceURLs':['/a/b','/c']}]",
	  "{NonResourceURLs:['/c'], Verbs:['get']}" },
	{ "sorted lines", "[]", "[{'verbs':['get'],'apiGroups':['b','a'],'resources':['x']}]",
	  "{APIGroups:['a'], Resources:['x'], Verbs:['get']}\n{APIGroups:['b'], Resources:['x'], "
	  "Verbs:['get']}" },
};

static void with_quotes(const char *text, char *to)
{
	for (; *text; text++)
		*to++ = *text == '\'' ? '"' : *text;
	*to = '\0';
}

static yyjson_doc *parse(const char *text)
{
	char json[1024];

	with_quotes(text, json);
	return json_parse(str_from(json), SIZE_MAX, NULL);
}

static struct rbac_rules rules_of(yyjson_doc *doc, struct arena *arena)
{
	struct rbac_rules rules = { arena_array(arena, 16, sizeof(yyjson_val *)), 0 };

	JSON_EACH (rule, yyjson_doc_get_root(doc))
		rules.items[rules.count++] = rule;
	return rules;
}

static void test_missing(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(missing_rows); i++) {
		AUTO_JSON owned = parse(missing_rows[i].owned);
		AUTO_JSON wanted = parse(missing_rows[i].wanted);
		AUTO_ARENA arena = { 0 };
		AUTO_BUF text = { 0 };
		char want[1024];

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&text, 1u << 20);
		with_quotes(missing_rows[i].missing, want);
		print_message("%s\n", missing_rows[i].name);
		assert_int_equal(rbac_rules_missing(rules_of(owned, &arena),
						    yyjson_doc_get_root(wanted), &arena, &text,
						    NULL),
				 0);
		assert_string_equal(text.ptr, want);
	}
}

/* Reviews name a subresource as such or behind its resource. */
static void test_resources(void **state)
{
	static const struct {
		const char *resources;
		struct target asked;
		bool allowed;
	} rows[] = {
		{ "['pods/log']", { .resource = STR_INIT("pods"), .subresource = STR_INIT("log") }, true },
		{ "['pods/log']", { .resource = STR_INIT("pods/log") }, true },
		{ "['*/log']", { .resource = STR_INIT("pods"), .subresource = STR_INIT("log") }, true },
		{ "['*/log']", { .resource = STR_INIT("pods/log") }, false },
		{ "['pods']", { .resource = STR_INIT("pods/log") }, false },
		{ "['pods']", { .resource = STR_INIT("pods"), .subresource = STR_INIT("log") }, false },
		{ "['pods/']", { .resource = STR_INIT("pods") }, false },
		{ "['*']", { .resource = STR_INIT("pods/log") }, true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[256];
		AUTO_JSON rule = NULL;
		struct target asked = rows[i].asked;

		snprintf(text, sizeof(text), "{'verbs':['get'],'apiGroups':[''],'resources':%s}",
			 rows[i].resources);
		rule = parse(text);
		asked.verb = STR("get");
		asked.is_resource = true;
		assert_int_equal(rbac_rule_allows(yyjson_doc_get_root(rule), &asked),
				 rows[i].allowed);
	}
}

/* As many permissions as are compared, and one verb more. */
static void test_parts_max(void **state)
{
	for (int more = 0; more < 2; more++) {
		AUTO_JSON_MUT doc = json_new();
		yyjson_mut_val *list = yyjson_mut_arr(doc), *rule = json_append_object(doc, list),
			       *part;
		AUTO_JSON frozen = NULL;
		AUTO_ARENA arena = { 0 };
		AUTO_BUF text = { 0 };
		struct err err = { 0 };
		char name[32];

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&text, 64u << 20);
		part = json_set_array(doc, rule, "verbs");
		for (int i = 0; i < 10 + more; i++) {
			snprintf(name, sizeof(name), "v%d", i);
			json_append_str(doc, part, str_from(name));
		}
		json_append_str(doc, json_set_array(doc, rule, "apiGroups"), STR(""));
		part = json_set_array(doc, rule, "resources");
		for (int i = 0; i < RBAC_PARTS_MAX / 10; i++) {
			snprintf(name, sizeof(name), "r%d", i);
			json_append_str(doc, part, str_from(name));
		}
		frozen = json_freeze(list);
		assert_int_equal(rbac_rules_missing((struct rbac_rules){ 0 },
						    yyjson_doc_get_root(frozen), &arena, &text,
						    &err),
				 more ? -1 : 0);
		assert_int_equal(err.code, more ? ERR_TOO_LARGE : ERR_NONE);
	}
}

/* --- over HTTP --- */

static void post(struct http_fixture *f, const char *path, const char *body, int status,
		 const char *want)
{
	const char *answer;
	char json[2048];
	int got;

	with_quotes(body, json);
	got = http_fixture_do(f, "POST", path, JSON, json, &answer);
	if (got != status || (want && !strstr(answer, want)))
		fail_msg("%s %s\nwant %d %s\n got %d %s", path, body, status, want, got, answer);
}

static void become(struct http_fixture *f, const char *user, const char *group)
{
	http_fixture_disconnect(f);
	http_fixture_connect(f, f);
	f->user = user;
	f->group = group;
}

#define SUBJECT_JANE \
	"'subjects':[{'kind':'User','apiGroup':'rbac.authorization.k8s.io','name':'jane'}],"
#define ROLE(kind, name) \
	"'roleRef':{'apiGroup':'rbac.authorization.k8s.io','kind':'" kind "','name':'" name "'}"

static void test_escalation(void **state)
{
	struct http_fixture f;

	http_fixture_open(&f);
	/* jane administers roles and may read pods */
	post(&f, RBAC "clusterroles",
	     "{'metadata':{'name':'jane'},'rules':[{'verbs':['*'],'apiGroups':['rbac.authorization."
	     "k8s.io'],"
	     "'resources':['roles','rolebindings']},{'verbs':['get'],'apiGroups':[''],'resources':["
	     "'pods']}]}",
	     201, NULL);
	post(&f, RBAC "namespaces/default/rolebindings",
	     "{'metadata':{'name':'jane'}," SUBJECT_JANE ROLE("ClusterRole", "jane") "}", 201,
	     NULL);
	become(&f, "jane", "team");
	/* "*" on roles covers escalate and bind: take them away below */
	post(&f, RBAC "namespaces/default/roles",
	     "{'metadata':{'name':'all'},'rules':[{'verbs':['*'],'apiGroups':['*'],'resources':['*'"
	     "]}]}",
	     201, NULL);
	become(&f, "admin", "system:masters");
	post(&f, RBAC "clusterroles",
	     "{'metadata':{'name':'bob'},'rules':[{'verbs':['create','update','get'],'apiGroups':["
	     "'rbac.authorization.k8s.io'],'resources':['roles','rolebindings','clusterroles']},"
	     "{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]}",
	     201, NULL);
	post(&f, RBAC "clusterrolebindings",
	     "{'metadata':{'name':'bob'},'subjects':[{'kind':'Group','apiGroup':'rbac."
	     "authorization.k8s.io',"
	     "'name':'bobs'}]," ROLE("ClusterRole", "bob") "}",
	     201, NULL);
	become(&f, "bob", "bobs");
	post(&f, RBAC "namespaces/default/roles",
	     "{'metadata':{'name':'fine'},'rules':[{'verbs':['get'],'apiGroups':[''],'resources':['"
	     "pods']}]}",
	     201, NULL);
	post(&f, RBAC "namespaces/default/roles",
	     "{'metadata':{'name':'much'},'rules':[{'verbs':['get'],'apiGroups':[''],'resources':['"
	     "secrets']}]}",
	     403,
	     "roles.rbac.authorization.k8s.io \\\"much\\\" is forbidden: user \\\"bob\\\" "
	     "(groups=[\\\"system:authenticated\\\" \\\"bobs\\\"]) is attempting to grant RBAC "
	     "permissions not "
	     "currently held:\\n{APIGroups:[\\\"\\\"], Resources:[\\\"secrets\\\"], "
	     "Verbs:[\\\"get\\\"]}");
	post(&f, RBAC "clusterroles",
	     "{'metadata':{'name':'g'},'aggregationRule':{'clusterRoleSelectors':[{'matchLabels':{'"
	     "a':'b'}}]}}",
	     403, "must have cluster-admin privileges to use an aggregationRule");
	post(&f, RBAC "namespaces/default/rolebindings",
	     "{'metadata':{'name':'x'}," SUBJECT_JANE ROLE("ClusterRole", "cluster-admin") "}", 403,
	     "is attempting to grant RBAC permissions not currently held");
	post(&f, RBAC "namespaces/default/rolebindings",
	     "{'metadata':{'name':'x'}," SUBJECT_JANE ROLE("Role", "nothing") "}", 404,
	     "roles.rbac.authorization.k8s.io \\\"nothing\\\" not found");
	post(&f, RBAC "namespaces/default/rolebindings",
	     "{'metadata':{'name':'x'}," SUBJECT_JANE ROLE("Role", "fine") "}", 201, NULL);
	http_fixture_close(&f);
}

/* What every cluster has, and what it gives to whom. */
static void test_defaults(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(&f, "GET", RBAC "clusterroles/cluster-admin", NULL, NULL, &body),
		200);
	assert_non_null(strstr(body, "\"rbac.authorization.kubernetes.io/autoupdate\":\"true\""));
	assert_int_equal(http_fixture_do(&f, "GET", RBAC "clusterroles/view", NULL, NULL, &body),
			 200);
	assert_non_null(strstr(body, "\"rbac.authorization.k8s.io/aggregate-to-edit\":\"true\""));
	become(&f, "jane", NULL);
	post(&f, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
	     "{'spec':{'namespace':'default'}}", 201, "selfsubjectaccessreviews");
	post(&f, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "{'spec':{}}", 400,
	     "no namespace on request");
	assert_int_equal(http_fixture_do(&f, "GET", "/apis", NULL, NULL, NULL), 200);
	assert_int_equal(http_fixture_do(&f, "GET", "/metrics", NULL, NULL, NULL), 403);
	become(&f, NULL, NULL);
	assert_int_equal(http_fixture_do(&f, "GET", "/version", NULL, NULL, NULL), 200);
	assert_int_equal(http_fixture_do(&f, "GET", "/apis", NULL, NULL, &body), 403);
	assert_non_null(strstr(
		body, "forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/apis\\\""));
	become(&f, "x", "kubeadm:cluster-admins");
	assert_int_equal(http_fixture_do(&f, "GET", "/api/v1/secrets", NULL, NULL, NULL), 200);
	http_fixture_close(&f);
}

/* A binding that goes takes its permissions along. */
static void test_revoked(void **state)
{
	struct http_fixture f, other;

	http_fixture_open(&f);
	post(&f, RBAC "clusterrolebindings",
	     "{'metadata':{'name':'v'}," SUBJECT_JANE ROLE("ClusterRole", "system:heapster") "}",
	     201, NULL);
	f.user = "jane";
	f.group = NULL;
	http_fixture_connect(&other, &f);
	assert_int_equal(http_fixture_do(&other, "GET", "/api/v1/nodes", NULL, NULL, NULL), 200);
	assert_int_equal(
		http_fixture_do(&f, "DELETE", RBAC "clusterrolebindings/v", NULL, NULL, NULL), 200);
	assert_int_equal(http_fixture_do(&other, "GET", "/api/v1/nodes", NULL, NULL, NULL), 403);
	http_fixture_disconnect(&other);
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_resources),	   cmocka_unit_test(test_parts_max),
		cmocka_unit_test(test_escalation), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
