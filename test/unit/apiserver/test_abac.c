/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute-based access control. Breaks when a policy allows more, or less, than its line says, or
 * a line that cannot be used is passed over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/authz_abac.h"
#include "apiserver/limits.h"
#include "base/buf.h"

#define LINE(spec)                                                                          \
	"{\"apiVersion\":\"abac.authorization.kubernetes.io/v1beta1\",\"kind\":\"Policy\"," \
	"\"spec\":{" spec "}}\n"

static const char policies[] = "# who may what\n\n" LINE(
	"\"user\":\"alice\",\"namespace\":\"*\",\"resource\":\"*\",\"apiGroup\":\"*\"")
	LINE("\"user\":\"bob\",\"namespace\":\"one\",\"resource\":\"pods\",\"readonly\":true") LINE(
		"\"group\":\"ops\",\"resource\":\"nodes\",\"nonResourcePath\":\"/logs*\"")
		LINE("\"user\":\"*\",\"nonResourcePath\":\"/version\",\"readonly\":true")
			LINE("\"user\":\"carol\",\"group\":\"ops\",\"nonResourcePath\":\"*\"");

static const struct {
	const char *user, *group, *verb, *namespace_, *resource, *api_group, *path;
	bool is_allowed;
} rows[] = {
	{ "alice", "x", "delete", "one", "secrets", "", NULL, true },
	{ "alice", "x", "delete", "", "roles", "rbac.authorization.k8s.io", NULL, true },
	{ "alice", "x", "get", "", "", "", "/logs/a", false },
	{ "bob", "x", "list", "one", "pods", "", NULL, true },
	{ "bob", "x", "watch", "one", "pods", "", NULL, true },
	{ "bob", "x", "create", "one", "pods", "", NULL, false },
	{ "bob", "x", "get", "two", "pods", "", NULL, false },
	{ "bob", "x", "get", "one", "pods", "apps", NULL, false },
	{ "dave", "ops", "delete", "", "nodes", "", NULL, true },
	{ "dave", "ops", "get", "", "", "", "/logs/a", true },
	{ "dave", "ops", "get", "", "", "", "/metrics", false },
	{ "carol", "ops", "post", "", "", "", "/metrics", true },
	{ "carol", "x", "get", "", "", "", "/metrics", false },
	{ "eve", "system:authenticated", "get", "", "", "", "/version", true },
	{ "system:anonymous", "system:unauthenticated", "get", "", "", "", "/version", false },
};

static void test_decides(void **state)
{
	struct authz_abac *abac;

	assert_int_equal(authz_abac_new(str_from(policies), &abac, NULL), 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str group = str_from(rows[i].group);
		struct user user = { .name = str_from(rows[i].user),
				     .groups = &group,
				     .group_count = 1 };
		struct target target = { .verb = str_from(rows[i].verb),
					 .is_resource = !rows[i].path,
					 .group = str_from(rows[i].api_group),
					 .namespace_ = str_from(rows[i].namespace_),
					 .resource = str_from(rows[i].resource),
					 .path = str_from(rows[i].path) };
		struct authz_attributes asked = { .user = &user, .target = &target };
		enum authz_decision want = rows[i].is_allowed ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;

		if (authz_abac_decide(abac, &asked) != want)
			fail_msg("row %zu", i);
	}
	authz_abac_free(abac);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "\n{", "line 2: " },
		{ "{\"user\":\"x\"}", "line 1: kind and apiVersion are not Policy of "
				      "abac.authorization.kubernetes.io/v1beta1" },
		{ LINE("\"user\":\"a\"") LINE("\"use\":\"a\""),
		  "line 2: unknown field \"spec.use\"" },
		{ LINE("\"user\":1"), "line 1: spec.user is not a string" },
		{ LINE("\"readonly\":\"yes\""), "line 1: spec.readonly is not true or false" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct authz_abac *abac;
		struct err err = { 0 };

		assert_true(authz_abac_new(str_from(bad[i].text), &abac, &err) < 0);
		if (!strstr(err.msg, bad[i].want))
			fail_msg("want %s, got %s", bad[i].want, err.msg);
	}
}

static void test_lines_max(void **state)
{
	struct authz_abac *abac;
	struct err err = { 0 };
	AUTO_BUF text = { 0 };

	buf_init(&text, ABAC_POLICIES_MAX + 1);
	for (size_t i = 0; i < ABAC_POLICIES_MAX - 1; i++)
		buf_put_char(&text, '\n');
	assert_int_equal(authz_abac_new(buf_str(&text), &abac, &err), 0);
	authz_abac_free(abac);
	buf_put_char(&text, '\n');
	assert_true(authz_abac_new(buf_str(&text), &abac, &err) < 0);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decides),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_lines_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
