/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access reviews over HTTP: what they answer and why, and which are refused. Breaks when a review
 * says another thing than the authorizers would do, or when its reason is not upstream's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

#define JSON "Content-Type: application/json\r\n"
#define REVIEWS "/apis/authorization.k8s.io/v1/"
#define RBAC "/apis/rbac.authorization.k8s.io/v1/"
#define LOCAL REVIEWS "namespaces/default/localsubjectaccessreviews"
#define SUBJECT_JANE \
	"'subjects':[{'kind':'User','apiGroup':'rbac.authorization.k8s.io','name':'jane'}],"
#define SUBJECT_ROBOT "'subjects':[{'kind':'ServiceAccount','namespace':'default','name':'robot'}],"
#define ROLE(kind, name) \
	"'roleRef':{'apiGroup':'rbac.authorization.k8s.io','kind':'" kind "','name':'" name "'}"
#define ASK(who, verb, resource, more)                                                  \
	"{'spec':{" who "'resourceAttributes':{'verb':'" verb "','resource':'" resource \
	"','namespace':'default'" more "}}}"
#define NODE "'user':'system:node:a','groups':['system:nodes'],"

static const struct {
	const char *path, *body;
	int status;
	const char *want;
} rows[] = {
	{ RBAC "namespaces/default/roles",
	  "{'metadata':{'name':'clusterish'},'rules':[{'verbs':['get'],'apiGroups':[''],'resources'"
	  ":"
	  "['pods']}]}",
	  201, NULL },
	{ RBAC "namespaces/default/rolebindings",
	  "{'metadata':{'name':'jane'}," SUBJECT_JANE ROLE("Role", "clusterish") "}", 201, NULL },
	{ RBAC "namespaces/default/rolebindings",
	  "{'metadata':{'name':'robot'}," SUBJECT_ROBOT ROLE("ClusterRole", "view") "}", 201,
	  NULL },
	{ RBAC "clusterrolebindings",
	  "{'metadata':{'name':'gone'},'subjects':[{'kind':'Group','apiGroup':'rbac.authorization."
	  "k8s.io','name':'lost'}]," ROLE("ClusterRole", "nowhere") "}",
	  201, NULL },
	{ REVIEWS "subjectaccessreviews", ASK("'user':'jane',", "get", "pods", ""), 201,
	  "'status':{'allowed':true,'reason':'RBAC: allowed by RoleBinding \\'default/jane\\' "
	  "of "
	  "Role \\'clusterish\\' to User \\'jane\\''}" },
	{ REVIEWS "subjectaccessreviews", ASK("'user':'jane',", "list", "pods", ""), 201,
	  "'status':{'allowed':false}" },
	{ REVIEWS "subjectaccessreviews",
	  "{'spec':{'groups':['system:authenticated'],'nonResourceAttributes':{'path':'/version',"
	  "'verb':'get'}}}",
	  201,
	  "'reason':'RBAC: allowed by ClusterRoleBinding \\'system:discovery\\' of ClusterRole "
	  "\\'system:discovery\\' to Group \\'system:authenticated\\''" },
	{ REVIEWS "subjectaccessreviews", ASK("'groups':['lost'],", "get", "pods", ""), 201,
	  "'status':{'allowed':false,'reason':'RBAC: clusterrole.rbac.authorization.k8s.io "
	  "\\'nowhere\\' not found'}" },
	{ REVIEWS "subjectaccessreviews",
	  ASK("'user':'system:serviceaccount:kube-system:namespace-controller',",
	      "deletecollection", "pods", ",'group':'x'"),
	  201,
	  "'RBAC: allowed by ClusterRoleBinding \\'system:controller:namespace-controller\\' "
	  "of "
	  "ClusterRole \\'system:controller:namespace-controller\\' to ServiceAccount "
	  "\\'kube-system/namespace-controller\\''" },
	{ REVIEWS "subjectaccessreviews", ASK(NODE, "list", "pods", ""), 201,
	  "'status':{'allowed':false,'reason':'can only list/watch pods with spec.nodeName field "
	  "selector'}" },
	{ REVIEWS "subjectaccessreviews",
	  ASK(NODE, "list", "pods", ",'fieldSelector':{'rawSelector':'x=y,spec.nodeName=a'}"), 201,
	  "'status':{'allowed':true}" },
	{ REVIEWS "subjectaccessreviews",
	  ASK(NODE, "list", "pods",
	      ",'fieldSelector':{'requirements':[{'key':'spec.nodeName','operator':'In','values':["
	      "'a']}]}"),
	  201, "'status':{'allowed':true}" },
	{ REVIEWS "subjectaccessreviews",
	  ASK(NODE, "list", "pods",
	      ",'fieldSelector':{'requirements':[{'key':'spec.nodeName','operator':'NotIn',"
	      "'values':['a']}]}"),
	  201, "'allowed':false" },
	{ REVIEWS "subjectaccessreviews",
	  ASK("'user':'a',", "list", "pods",
	      ",'fieldSelector':{'rawSelector':'a=b','requirements':[{'key':'a','operator':"
	      "'Exists'}]}"),
	  422,
	  "spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: \\'a=b\\': may "
	  "not "
	  "specified at the same time as requirements" },
	{ REVIEWS "subjectaccessreviews", ASK("'user':'a',", "list", "pods", ",'labelSelector':{}"),
	  422,
	  "when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is "
	  "required" },
	{ REVIEWS "subjectaccessreviews",
	  ASK("", "list", "pods", ",'fieldSelector':{'requirements':[{'operator':'In'}]}"), 422,
	  "[spec.user: Invalid value: \\'\\': at least one of user or group must be specified, "
	  "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be "
	  "specified, spec.resourceAttributes.fieldSelector.requirements[0].values: Required "
	  "value: must be specified when `operator` is " },
	{ REVIEWS "selfsubjectaccessreviews",
	  ASK("", "list", "pods",
	      ",'labelSelector':{'requirements':[{'key':'a/b/c','operator':'Exists','values':['-'"
	      "]}]}"),
	  422,
	  "spec.resourceAttributes.labelSelector.requirements[0].values: Forbidden: may not be "
	  "specified when `operator` is " },
	{ REVIEWS "selfsubjectaccessreviews",
	  ASK("", "list", "pods",
	      ",'labelSelector':{'requirements':[{'key':'a','operator':'New','values':['a','-']},"
	      "{'key':'a/b/c','operator':'Exists'}]}"),
	  422, "spec.resourceAttributes.labelSelector.requirements[0].values[1]: Invalid value" },
	{ REVIEWS "selfsubjectaccessreviews",
	  ASK("", "list", "pods",
	      ",'labelSelector':{'requirements':[{'key':'a','operator':'New','values':['a']}]}"),
	  201, "'allowed':true" },
	{ REVIEWS "subjectaccessreviews", ASK("", "list", "pods", ""), 422,
	  "spec.user: Invalid value: \\'\\': at least one of user or group must be specified" },
	{ REVIEWS "subjectaccessreviews",
	  "{'metadata':{'name':'x'},'spec':{'user':'a','resourceAttributes':{}}}", 422,
	  "must be empty" },
	{ REVIEWS "selfsubjectaccessreviews",
	  "{'spec':{'resourceAttributes':{},'nonResourceAttributes':{'path':'/'}}}", 422,
	  "cannot be specified in combination with resourceAttributes" },
	{ REVIEWS "selfsubjectaccessreviews", ASK("", "list", "pods", ""), 201,
	  "'status':{'allowed':true" },
	{ LOCAL, ASK("'user':'jane',", "get", "pods", ""), 201, "'status':{'allowed':true" },
	{ LOCAL, "{'spec':{'user':'jane','resourceAttributes':{'verb':'get','resource':'pods'}}}",
	  422,
	  "spec.resourceAttributes.namespace: Invalid value: \\'\\': must match "
	  "metadata.namespace" },
	{ LOCAL, "{'spec':{'user':'jane','nonResourceAttributes':{'path':'/'}}}", 422,
	  "disallowed on this kind of request" },
};

static const char *with_quotes(const char *text, char *to)
{
	char *at = to;

	for (; *text; text++)
		*at++ = *text == '\'' ? '"' : *text;
	*at = '\0';
	return to;
}

static void test_reviews(void **state)
{
	struct http_fixture f;

	http_fixture_open(&f);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char body[2048], want[1024];
		const char *answer;
		int got = http_fixture_do(&f, "POST", rows[i].path, JSON,
					  with_quotes(rows[i].body, body), &answer);

		if (got != rows[i].status ||
		    (rows[i].want && !strstr(answer, with_quotes(rows[i].want, want))))
			fail_msg("%s %s\nwant %d %s\n got %d %s", rows[i].path, body,
				 rows[i].status, rows[i].want, got, answer);
	}
	http_fixture_close(&f);
}

/* A review is never kept: it has no table and no metadata to show. */
static void test_forms_of_reviews(void **state)
{
	struct http_fixture f;
	const char *answer;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(&f, "POST", REVIEWS "selfsubjectaccessreviews",
				JSON "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n",
				"{\"spec\":{\"nonResourceAttributes\":{\"path\":\"/\"}}}", &answer),
		406);
	assert_non_null(strstr(answer, "\"reason\":\"NotAcceptable\""));
	http_fixture_close(&f);
}

/* What a node may do is not written in roles alone, and the answer says so. */
static void test_rules_of_node(void **state)
{
	struct http_fixture f;
	const char *answer;

	http_fixture_open(&f);
	f.user = "system:node:a";
	f.group = "system:nodes";
	assert_int_equal(http_fixture_do(&f, "POST", REVIEWS "selfsubjectrulesreviews", JSON,
					 "{\"spec\":{\"namespace\":\"default\"}}", &answer),
			 201);
	assert_non_null(strstr(answer, "\"incomplete\":true,\"evaluationError\":\"node authorizer "
				       "does not support user rule resolution\""));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reviews),
		cmocka_unit_test(test_forms_of_reviews),
		cmocka_unit_test(test_rules_of_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
