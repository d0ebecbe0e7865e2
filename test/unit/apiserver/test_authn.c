/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users that others vouch for: the file of static tokens, and claims of OpenID Connect tokens.
 * Breaks when a line or a claim makes another user than it says, or one that must not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/authn.h"
#include "apiserver/limits.h"
#include "apiserver/oidc.h"
#include "base/mem.h"

static void test_static_tokens(void **state)
{
	static const char text[] =
		"one,jane,1,\"team, ops\"\r\n\ntwo,\"joe \"\"j\"\"\",2\nthree,ann,3,solo";
	struct static_tokens *tokens;
	const struct user *user;

	assert_int_equal(static_tokens_new(str_from(text), &tokens, NULL), 0);
	user = static_tokens_find(tokens, STR("one"));
	assert_non_null(user);
	assert_true(str_eq_c(user->name, "jane") && str_eq_c(user->uid, "1"));
	assert_int_equal(user->group_count, 3);
	assert_true(str_eq_c(user->groups[0], "team") && str_eq_c(user->groups[1], "ops") &&
		    str_eq_c(user->groups[2], "system:authenticated"));
	assert_true(str_eq_c(static_tokens_find(tokens, STR("two"))->name, "joe \"j\""));
	assert_true(user_in_group(static_tokens_find(tokens, STR("three")), "solo"));
	assert_null(static_tokens_find(tokens, STR("four")));
	assert_null(static_tokens_find(tokens, STR("")));
	static_tokens_free(tokens);
}

static void test_bad_static_tokens(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a,b",
		  "line 1: must have at least 3 columns (token, user name, user uid), found 2" },
		{ "a,b,c\n,x,y", "line 2: the token or the user name is empty" },
		{ "a,b,\"c", "line 1: a quote is not closed" },
		{ "a,\"b\"x,c", "line 1: text behind a closing quote" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct static_tokens *tokens;
		struct err err = { 0 };

		assert_true(static_tokens_new(str_from(rows[i].text), &tokens, &err) < 0);
		assert_string_equal(err.msg, rows[i].want);
	}
}

static void test_static_tokens_max(void **state)
{
	char *text = mem_alloc(STATIC_TOKENS_BYTES_MAX + 1);
	struct static_tokens *tokens;
	struct err err = { 0 };

	/* the shortest lines that make users */
	for (size_t i = 0; i <= STATIC_TOKENS_BYTES_MAX; i++)
		text[i] = "a,b,c\n"[i % 6];
	assert_int_equal(
		static_tokens_new(str_sub(text, STATIC_TOKENS_BYTES_MAX / 6 * 6), &tokens, &err),
		0);
	static_tokens_free(tokens);
	assert_true(static_tokens_new(str_sub(text, STATIC_TOKENS_BYTES_MAX + 1), &tokens, &err) <
		    0);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	mem_free(text);
}

#define ISSUER(mappings, more)                                                                    \
	"{'issuer':{'url':'https://i','audiences':['a','b']},'claimMappings':{" mappings "}" more \
	"}"
#define CLAIMS(more) "{'aud':['x','b'],'exp':2000,'sub':'s'" more "}"
#define BY_SUB "'username':{'claim':'sub','prefix':'p:'}"

static const struct {
	const char *issuer, *claims, *name, *groups, *problem;
} claims_rows[] = {
	{ ISSUER(BY_SUB, ""), CLAIMS(""), "p:s", "system:authenticated", NULL },
	{ ISSUER(BY_SUB ",'groups':{'claim':'g'}", ""), CLAIMS(",'g':['x','y']"), "p:s",
	  "x,y,system:authenticated", NULL },
	{ ISSUER(BY_SUB ",'groups':{'claim':'g','prefix':'q:'}", ""), CLAIMS(",'g':'x'"), "p:s",
	  "q:x,system:authenticated", NULL },
	{ ISSUER("'username':{'expression':'claims.sub + \"@\" + claims.org'}", ""),
	  CLAIMS(",'org':'o'"), "s@o", "system:authenticated", NULL },
	{ ISSUER("'username':{'expression':'claims.none'}", ""), CLAIMS(""), NULL, NULL,
	  "oidc: error evaluating username claim expression: expression" },
	{ ISSUER("'username':{'claim':'none'}", ""), CLAIMS(""), NULL, NULL,
	  "oidc: parse username claims \"none\": claim not present" },
	{ ISSUER("'username':{'claim':'email'}", ""), CLAIMS(",'email':'e','email_verified':false"),
	  NULL, NULL, "oidc: email not verified" },
	{ ISSUER("'username':{'claim':'email'}", ""), CLAIMS(",'email':'e','email_verified':true"),
	  "e", "system:authenticated", NULL },
	/* whoever takes an address for a name sees to it that it was verified */
	{ ISSUER("'username':{'expression':'claims.email'}", ""), CLAIMS(""), NULL, NULL,
	  "jwt[0].claimMappings.username.expression: Invalid value: \"claims.email\": "
	  "claims.email_verified must be used in" },
	{ ISSUER("'username':{'expression':'claims.?email.orValue(\"email_verified\")'}", ""),
	  CLAIMS(""), NULL, NULL, "claims.email_verified must be used in" },
	{ ISSUER("'username':{'expression':'claims.email'}",
		 ",'claimValidationRules':[{'expression':'claims.?email_verified.orValue(true) == "
		 "true'}]"),
	  CLAIMS(",'email':'e'"), "e", "system:authenticated", NULL },
	{ ISSUER("'username':{'claim':'email'}",
		 ",'claimValidationRules':[{'expression':'has(claims.email_verified)'}]"),
	  CLAIMS(",'email':'e','email_verified':false"), NULL, NULL, "oidc: email not verified" },
	{ ISSUER("'username':{'expression':'x'}", ""), CLAIMS(""), NULL, NULL,
	  "jwt[0].claimMappings.username.expression: Invalid value: \"x\": compilation failed: " },
	{ ISSUER(BY_SUB, ",'claimValidationRules':[{'claim':'t'},{'expression':'claims.x'}]"),
	  CLAIMS(""), NULL, NULL,
	  "jwt[0].claimValidationRules[1].expression: Invalid value: \"claims.x\": must evaluate "
	  "to bool" },
	{ ISSUER(BY_SUB, ",'userValidationRules':[{'expression':'user.shoes == 1'}]"), CLAIMS(""),
	  NULL, NULL, "undefined field 'shoes'" },
	{ ISSUER(BY_SUB, ",'userValidationRules':[{'expression':'user.uid == \"\" && "
			 "user.groups == [] && size(user.extra) == 0'}]"),
	  CLAIMS(""), "p:s", "system:authenticated", NULL },
	/* the token is known by its own name, and rules see that */
	{ ISSUER(BY_SUB, ",'userValidationRules':[{'expression':'user.extra[\"authentication."
			 "kubernetes.io/credential-id\"] != [\"JTI=7\"]','message':'revoked'}]"),
	  CLAIMS(",'jti':'7'"), NULL, NULL, "failed: revoked" },
	/* members of members are found by their escaped names */
	{ ISSUER("'username':{'expression':'claims.a.b__dot__c[0].d__slash__e'}", ""),
	  CLAIMS(",'a':{'b.c':[{'d/e':'deep'}]}"), "deep", "system:authenticated", NULL },
	{ ISSUER("'username':{'expression':'claims.a__dot__b'}", ""), CLAIMS(",'a.b':'x'"), "x",
	  "system:authenticated", NULL },
	{ ISSUER("'username':{'expression':'claims.a__dot__b'}", ""), CLAIMS(""), NULL, NULL,
	  "expression 'claims.a__dot__b' resulted in error: no such key: a__dot__b" },
	{ ISSUER("'username':{'expression':'\"\"'}", ""), CLAIMS(""), NULL, NULL,
	  "oidc: empty username via CEL expression is not allowed" },
	{ ISSUER(BY_SUB, ",'claimValidationRules':[{'claim':'t','requiredValue':'v'}]"),
	  CLAIMS(",'t':'w'"), NULL, NULL,
	  "oidc: required claim t value does not match. Got = w, want = v" },
	{ ISSUER(BY_SUB, ""), "{'aud':'c','exp':2000,'sub':'s'}", NULL, NULL,
	  "expected audience in [\"a\" \"b\"] got [\"c\"]" },
	{ ISSUER(BY_SUB, ""), "{'aud':'a','exp':999,'sub':'s'}", NULL, NULL, "token is expired" },
	{ ISSUER(BY_SUB, ""), "{'aud':'a','sub':'s'}", NULL, NULL, "token is expired" },
	{ ISSUER(BY_SUB, ""), CLAIMS(",'nbf':1301"), NULL, NULL, "before the nbf" },
	{ ISSUER(BY_SUB, ""), CLAIMS(",'nbf':1300"), "p:s", "system:authenticated", NULL },
	{ ISSUER(BY_SUB, ",'claimValidationRules':[{'claim':'t','requiredValue':'v'}]"), CLAIMS(""),
	  NULL, NULL, "oidc: required claim t not present" },
	{ ISSUER(BY_SUB, ",'claimValidationRules':[{'claim':'t','requiredValue':'v'}]"),
	  CLAIMS(",'t':'v'"), "p:s", "system:authenticated", NULL },
	{ ISSUER(BY_SUB, ",'userValidationRules':[{'expression':'user.username != "
			 "\"p:s\"','message':'no'}]"),
	  CLAIMS(""), NULL, NULL, "failed: no" },
};

static yyjson_doc *parse(const char *text)
{
	char json[1024], *to = json;

	/* a quote within an expression stays one of CEL's */
	for (; *text; text++) {
		if (*text == '"')
			*to++ = '\\';
		*to++ = *text == '\'' ? '"' : *text;
	}
	*to = '\0';
	return json_parse(str_from(json), SIZE_MAX, NULL);
}

static void test_claims(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(claims_rows); i++) {
		AUTO_JSON issuer = parse(claims_rows[i].issuer);
		AUTO_JSON claims = parse(claims_rows[i].claims);
		const struct oidc_rules *rules;
		const struct user *user = NULL;
		AUTO_ARENA arena = { 0 };
		struct err err = { 0 };
		struct str groups;
		int done;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		rules = oidc_rules_new(yyjson_doc_get_root(issuer), STR("jwt[0]"), &arena, &err);
		if (!rules && claims_rows[i].problem && strstr(err.msg, claims_rows[i].problem))
			continue;
		if (!rules)
			fail_msg("row %zu: %s", i, err.msg);
		done = oidc_rules_apply(rules, yyjson_doc_get_root(claims), 1000, &arena, &user,
					&err);
		if (claims_rows[i].problem) {
			if (done == 0 || !strstr(err.msg, claims_rows[i].problem))
				fail_msg("row %zu: want %s, got %s", i, claims_rows[i].problem,
					 err.msg);
			continue;
		}
		if (done < 0)
			fail_msg("row %zu: %s", i, err.msg);
		groups = str_join_in(&arena, user->groups, user->group_count, STR(","));
		if (!str_eq_c(user->name, claims_rows[i].name) ||
		    !str_eq_c(groups, claims_rows[i].groups))
			fail_msg("row %zu: got " STR_FMT " in " STR_FMT, i, STR_ARG(user->name),
				 STR_ARG(groups));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static_tokens),
		cmocka_unit_test(test_bad_static_tokens),
		cmocka_unit_test(test_static_tokens_max),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
