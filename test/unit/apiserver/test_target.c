/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a path is taken apart differently from upstream: then authorization rules no longer
 * mean what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/limits.h"
#include "apiserver/target.h"
#include "base/buf.h"

static const struct {
	const char *method, *path, *query;
	const char *verb, *group, *version, *namespace_, *resource, *name, *subresource,
		*rest; /* verb only: no resource */
} cases[] = {
	{ "GET", "/api/v1/pods", "", "list", "", "v1", "", "pods", "", "", "" },
	{ "GET", "/api/v1/pods", "watch=true", "watch", "", "v1", "", "pods", "", "", "" },
	{ "GET", "/api/v1/pods", "watch", "watch", "", "v1", "", "pods", "", "", "" },
	{ "GET", "/api/v1/pods", "watch=0", "list", "", "v1", "", "pods", "", "", "" },
	{ "GET", "/api/v1/pods", "watch=False", "list", "", "v1", "", "pods", "", "", "" },
	{ "HEAD", "/api/v1/namespaces/a/pods/b", "", "get", "", "v1", "a", "pods", "b", "", "" },
	{ "GET", "/api/v1/watch/namespaces/a/pods", "", "watch", "", "v1", "a", "pods", "", "",
	  "" },
	{ "GET", "/api/v1/namespaces/a/pods", "fieldSelector=metadata.name%3Dx", "list", "", "v1",
	  "a", "pods", "x", "", "" },
	{ "GET", "/api/v1/namespaces", "", "list", "", "v1", "", "namespaces", "", "", "" },
	{ "GET", "/api/v1/namespaces/a", "", "get", "", "v1", "a", "namespaces", "a", "", "" },
	{ "PUT", "/api/v1/namespaces/a/finalize", "", "update", "", "v1", "a", "namespaces", "a",
	  "finalize", "" },
	{ "PATCH", "/api/v1/namespaces/a/status", "", "patch", "", "v1", "a", "namespaces", "a",
	  "status", "" },
	{ "POST", "/api/v1/namespaces/a/pods", "", "create", "", "v1", "a", "pods", "", "", "" },
	{ "DELETE", "/api/v1/namespaces/a/pods", "", "deletecollection", "", "v1", "a", "pods", "",
	  "", "" },
	{ "DELETE", "/api/v1/namespaces/a/pods/b/", "", "delete", "", "v1", "a", "pods", "b", "",
	  "" },
	{ "GET", "/api/v1/namespaces/a/pods/b/log", "", "get", "", "v1", "a", "pods", "b", "log",
	  "" },
	{ "GET", "/api/v1/nodes/n/proxy/a//b/", "", "get", "", "v1", "", "nodes", "n", "proxy",
	  "/a//b/" },
	{ "GET", "/apis/apps/v1/namespaces/a/deployments/d/scale", "", "get", "apps", "v1", "a",
	  "deployments", "d", "scale", "" },
	{ "GET", "/apis/apps/v1/deployments/a%2Fb", "", "get", "apps", "v1", "", "deployments", "a",
	  "b", "" },
	{ "GET", "/apis/apps/v1", "", "get" },
	{ "GET", "/api/v1", "", "get" },
	{ "GET", "/api", "", "get" },
	{ "GET", "/", "", "get" },
	{ "GET", "", "", "get" },
	{ "POST", "/healthz/etcd", "", "post" },
	{ "GET", "/api//v1/pods", "", "get" },
	{ "GET", "/api/v1//pods", "", "get" },
	{ "GET", "/api/v1/namespaces/a/pods//log", "", "get" },
	{ "GET", "/api/v1/namespaces//pods", "", "get" },
};

static void test_paths(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARENA arena = { 0 };
		struct target t;
		struct err err = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		print_message("%s %s?%s\n", cases[i].method, cases[i].path, cases[i].query);
		assert_int_equal(target_parse(&arena, str_from(cases[i].method),
					      str_from(cases[i].path), str_from(cases[i].query), &t,
					      &err),
				 0);
		assert_true(str_eq_c(t.verb, cases[i].verb));
		assert_int_equal(t.is_resource, cases[i].resource != NULL);
		if (!cases[i].resource)
			continue;
		assert_true(str_eq_c(t.group, cases[i].group));
		assert_true(str_eq_c(t.version, cases[i].version));
		assert_true(str_eq_c(t.namespace_, cases[i].namespace_));
		assert_true(str_eq_c(t.resource, cases[i].resource));
		assert_true(str_eq_c(t.name, cases[i].name));
		assert_true(str_eq_c(t.subresource, cases[i].subresource));
		assert_true(str_eq_c(t.rest, cases[i].rest));
	}
}

static void test_query(void **state)
{
	AUTO_ARENA arena = { 0 };
	struct params q;
	struct err err = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(params_parse(&arena, STR("a=1&b=x+y%2B&&c&a=2"), &q, &err), 0);
	assert_true(str_eq_c(params_get(&q, "a"), "1"));
	assert_true(str_eq_c(params_get(&q, "b"), "x y+"));
	assert_true(params_has(&q, "c") && params_bool(&q, "c"));
	assert_false(params_has(&q, "d") || params_bool(&q, "d"));
	assert_int_equal(q.count, 4);
}

static void test_path_rules(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} rows[] = {
		{ "/healthz", "/healthz", true },    { "/healthz", "/healthz/ping", false },
		{ "/healthz/*", "/healthz/", true }, { "/healthz/*", "/healthz", false },
		{ "/api*", "/apis/apps", true },     { "*", "/anything", true },
		{ "", "/healthz", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			target_path_matches(str_from(rows[i].pattern), str_from(rows[i].path)),
			rows[i].matches);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "/%", "/%4", "/%zz", "/a%00b" };
	AUTO_ARENA arena = { 0 };
	AUTO_BUF many = { 0 };
	struct params q;
	struct target t;
	struct err err = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			target_parse(&arena, STR("GET"), str_from(bad[i]), STR_NONE, &t, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
	buf_init(&many, 1 << 20);
	for (int i = 0; i < REQUEST_PARAMS_MAX - 1; i++)
		buf_put_char(&many, '&');
	assert_int_equal(params_parse(&arena, buf_str(&many), &q, &err), 0);
	buf_put_char(&many, '&');
	assert_int_equal(params_parse(&arena, buf_str(&many), &q, &err), -1);
	buf_reset(&many);
	for (int i = 0; i < 200; i++)
		buf_put_c(&many, "/x");
	assert_int_equal(target_parse(&arena, STR("GET"), buf_str(&many), STR_NONE, &t, &err), 0);
	while (many.len <= REQUEST_URI_BYTES_MAX)
		buf_put_c(&many, "/x");
	assert_int_equal(target_parse(&arena, STR("GET"), buf_str(&many), STR_NONE, &t, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_path_rules),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
