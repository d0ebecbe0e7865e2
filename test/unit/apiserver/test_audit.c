/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit policies: which rule a request falls under, and what of it is kept. Breaks when a request
 * is kept at another level than the first matching rule says, or a wrong policy is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/audit.h"

#define RULES(rules)                                   \
	"{'kind':'Policy','apiVersion':'audit.k8s.io/" \
	"v1','omitStages':['RequestReceived'],'rules':[" rules "]}"

static const char policy_text[] = RULES(
	"{'level':'None','users':['system:kube-proxy'],'verbs':['watch'],'resources':[{'group':'','"
	"resources':["
	"'endpoints','services']}]},"
	"{'level':'None','userGroups':['system:nodes'],'resources':[{'group':'','resources':['"
	"nodes/*']}]},"
	"{'level':'None','nonResourceURLs':['/healthz*','/version']},"
	"{'level':'Metadata','resources':[{'group':'','resources':['secrets','configmaps']}]},"
	"{'level':'Request','namespaces':['kube-system'],'omitStages':['ResponseStarted'],'"
	"omitManagedFields':true},"
	"{'level':'RequestResponse','resources':[{'group':'apps'},{'group':'','resources':['*/"
	"status'],"
	"'resourceNames':['one']}]},"
	"{'level':'Metadata','resources':[{'group':'','resources':['*']}]}");

static const struct {
	const char *user, *group, *verb, *api_group, *namespace_, *resource, *subresource, *name,
		*path;
	enum audit_level level;
} rows[] = {
	{ "system:kube-proxy", "", "watch", "", "default", "services", "", "", "", AUDIT_NONE },
	{ "system:kube-proxy", "", "list", "", "default", "services", "", "", "", AUDIT_METADATA },
	{ "jane", "", "watch", "", "default", "services", "", "", "", AUDIT_METADATA },
	{ "n", "system:nodes", "patch", "", "", "nodes", "status", "n", "", AUDIT_NONE },
	{ "n", "system:nodes", "get", "", "", "nodes", "", "n", "", AUDIT_METADATA },
	{ "jane", "", "get", "", "kube-system", "secrets", "", "x", "", AUDIT_METADATA },
	{ "jane", "", "get", "", "kube-system", "pods", "", "x", "", AUDIT_REQUEST },
	{ "jane", "", "get", "apps", "default", "deployments", "scale", "x", "",
	  AUDIT_REQUEST_RESPONSE },
	{ "jane", "", "get", "", "default", "pods", "status", "one", "", AUDIT_REQUEST_RESPONSE },
	{ "jane", "", "get", "", "default", "pods", "status", "two", "", AUDIT_METADATA },
	{ "jane", "", "get", "batch", "default", "jobs", "", "", "", AUDIT_NONE },
	{ "jane", "", "get", NULL, "", "", "", "", "/healthz/etcd", AUDIT_NONE },
	{ "jane", "", "get", NULL, "", "", "", "", "/metrics", AUDIT_NONE },
	{ NULL, "", "get", "", "default", "pods", "", "", "", AUDIT_METADATA },
};

static yyjson_doc *parse(const char *text)
{
	char json[4096], *to = json;

	for (; *text; text++)
		*to++ = *text == '\'' ? '"' : *text;
	*to = '\0';
	return json_parse(str_from(json), SIZE_MAX, NULL);
}

static void test_levels(void **state)
{
	AUTO_JSON policy = parse(policy_text);
	struct err err = { 0 };

	assert_int_equal(audit_policy_check(yyjson_doc_get_root(policy), &err), 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str groups[] = { str_from(rows[i].group) };
		struct user user = { .name = str_from(rows[i].user),
				     .groups = groups,
				     .group_count = 1 };
		struct target target = { .verb = str_from(rows[i].verb),
					 .is_resource = rows[i].api_group != NULL,
					 .group = str_from(rows[i].api_group),
					 .namespace_ = str_from(rows[i].namespace_),
					 .resource = str_from(rows[i].resource),
					 .subresource = str_from(rows[i].subresource),
					 .name = str_from(rows[i].name),
					 .path = str_from(rows[i].path) };
		struct audit_wish wish;

		audit_policy_decide(yyjson_doc_get_root(policy), rows[i].user ? &user : NULL,
				    &target, &wish);
		if (wish.level != rows[i].level)
			fail_msg("row %zu: want %s, got %s", i, audit_level_name(rows[i].level),
				 audit_level_name(wish.level));
		if (wish.level == AUDIT_NONE)
			continue;
		assert_true(wish.omits[AUDIT_REQUEST_RECEIVED]);
		assert_int_equal(wish.omits[AUDIT_RESPONSE_STARTED], wish.level == AUDIT_REQUEST);
		assert_int_equal(wish.omits_managed_fields, wish.level == AUDIT_REQUEST);
	}
}

static void test_bad_policies(void **state)
{
	static const struct {
		const char *policy, *want;
	} bad[] = {
		{ "{}", "kind and apiVersion are not Policy of audit.k8s.io/v1" },
		{ "{'kind':'Policy','apiVersion':'audit.k8s.io/v1'}",
		  "loaded illegal policy with 0 rules" },
		{ RULES("{'level':'Some'}"), "rules[0]: level: Unsupported value: \"Some\"" },
		{ RULES("{'level':'None'},{'level':'None','omitStages':['Never']}"),
		  "rules[1]: omitStages: Invalid value: \"Never\"" },
		{ RULES("{'level':'None','namespaces':['a'],'nonResourceURLs':['/']}"),
		  "rules cannot apply to both regular resources and non-resource URLs" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		AUTO_JSON policy = parse(bad[i].policy);
		struct err err = { 0 };

		assert_true(audit_policy_check(yyjson_doc_get_root(policy), &err) < 0);
		if (!strstr(err.msg, bad[i].want))
			fail_msg("want %s, got %s", bad[i].want, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_bad_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
