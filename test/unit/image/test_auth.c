/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: the token server is not found in a challenge, or credentials go to a registry they
 * are not for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "image/auth.h"
#include "image/image.h"

static const struct {
	const char *header;
	bool bearer;
	const char *realm, *service, *scope;
} good[] = {
	{ "Bearer realm=\"https://auth/token\",service=\"reg\",scope=\"repository:a/b:pull,push\"",
	  true, "https://auth/token", "reg", "repository:a/b:pull,push" },
	{ "Basic realm=\"Registry Realm\"", false, "Registry Realm", "", "" },
	{ "basic realm=x", false, "x", "", "" },
	{ "Negotiate, Basic realm=\"b\", Bearer realm=\"https://t\" , service=s", true, "https://t",
	  "s", "" },
	{ "Bearer realm=\"a\\\"b\"", true, "a\"b", "", "" },
};
static const char *const bad[] = { "", "Negotiate", "Bearer realm=\"open", "=",
				   "Digest realm=\"x\"" };

static void test_challenges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		AUTO_ARENA arena = { 0 };
		struct auth_challenge c;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_int_equal(auth_challenge_parse(str_from(good[i].header), &arena, &c, NULL),
				 0);
		assert_int_equal(c.is_bearer, good[i].bearer);
		assert_true(str_eq_c(c.realm, good[i].realm));
		assert_true(str_eq_c(c.service, good[i].service));
		assert_true(str_eq_c(c.scope, good[i].scope));
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		AUTO_ARENA arena = { 0 };
		struct auth_challenge c;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_int_equal(auth_challenge_parse(str_from(bad[i]), &arena, &c, NULL), -1);
	}
}

static const char config[] =
	"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},"
	"\"reg.example\":{\"username\":\"all\",\"password\":\"p\"},"
	"\"reg.example/team\":{\"auth\":\"dGVhbTpwOnc=\"},\"other\":{\"identitytoken\":\"tok\"}}}";
static const struct {
	const char *reference, *user, *password;
} choices[] = {
	{ "nginx", "hub", "pw" },
	{ "reg.example/x", "all", "p" },
	{ "reg.example/team/x:1", "team", "p:w" },
	{ "reg.example/teams/x", "all", "p" },
	{ "reg.example.org/x", NULL, NULL },
	{ "reg.example:5000/x", NULL, NULL },
};

static void test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(choices); i++) {
		AUTO_ARENA arena = { 0 };
		struct image_auth auth = { 0 };
		bool found;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		found = image_auth_find(str_from(config), str_from(choices[i].reference), &arena,
					&auth);
		assert_int_equal(found, choices[i].user != NULL);
		if (found) {
			assert_true(str_eq_c(auth.username, choices[i].user));
			assert_true(str_eq_c(auth.password, choices[i].password));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_challenges),
					    cmocka_unit_test(test_choice) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
