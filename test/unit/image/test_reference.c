/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: `nginx` names another image than for Docker, or an invalid name is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "image/reference.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *full, *familiar;
} good[] = {
	{ "nginx", "docker.io/library/nginx:latest", "nginx:latest" },
	{ "nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27" },
	{ "team/app", "docker.io/team/app:latest", "team/app:latest" },
	{ "docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest" },
	{ "index.docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest" },
	{ "localhost/x", "localhost/x:latest", "localhost/x:latest" },
	{ "localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1" },
	{ "quay.io/a/b/c@" DIGEST, "quay.io/a/b/c@" DIGEST, "quay.io/a/b/c@" DIGEST },
	{ "x:1@" DIGEST, "docker.io/library/x:1@" DIGEST, "x:1@" DIGEST },
	{ "[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest" },
	{ "Foo/bar", "Foo/bar:latest", "Foo/bar:latest" }, /* upper case makes it a host */
	{ "a__b/c-d.e---f", "docker.io/a__b/c-d.e---f:latest", "a__b/c-d.e---f:latest" },
};

static const struct {
	const char *text, *message;
} bad[] = {
	{ "", "invalid reference format" },
	{ ":tag", "invalid reference format" },
	{ "x:", "invalid reference format" },
	{ "x@", "invalid reference format" },
	{ "x@sha256:12", "invalid reference format" },
	{ "a/Foo", "invalid reference format: repository name (a/Foo) must be lowercase" },
	{ "Foo", "invalid reference format: repository name (Foo) must be lowercase" },
	{ "a//b", "invalid reference format" },
	{ "a/", "invalid reference format" },
	{ "-x", "invalid reference format" },
	{ "a..b", "invalid reference format" },
	{ "a___b", "invalid reference format" },
	{ "x y", "invalid reference format" },
	{ "x:-1", "invalid reference format" },
	{ "host:port/x", "invalid reference format" },
	{ "../x", "invalid reference format" },
	{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	  "invalid repository name "
	  "(0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef), cannot specify "
	  "64-byte "
	  "hexadecimal strings" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		AUTO_ARENA arena = { 0 };
		struct reference r;
		struct err err = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		if (reference_parse(str_from(good[i].text), &arena, &r, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.msg);
		assert_string_equal(r.full.ptr, good[i].full);
		assert_string_equal(r.familiar.ptr, good[i].familiar);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		AUTO_ARENA arena = { 0 };
		struct reference r;
		struct err err = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		if (reference_parse(str_from(bad[i].text), &arena, &r, &err) == 0)
			fail_msg("%s was taken", bad[i].text);
		assert_string_equal(err.msg, bad[i].message);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good),
					    cmocka_unit_test(test_bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
