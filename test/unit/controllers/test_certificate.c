/* SPDX-License-Identifier: Apache-2.0 */
/* How long requests for certificates are kept. Breaks when one goes before its time, or stays for
 * ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/time.h"
#include "controllers/certificate.h"

#define CREATED "'metadata':{'creationTimestamp':'2026-01-01T00:00:00Z'}"
#define CONDITION(type) "{'type':'" type "','lastUpdateTime':'2026-01-01T05:00:00Z'}"
#define HOUR INT64_C(3600)
#define NEVER (-1)

static const struct {
	const char *name, *request;    /* ' stands for " */
	int64_t certificate_s, want_s; /* after the creation */
} rows[] = {
	{ "waits for approval", "{" CREATED "}", NEVER, 24 * HOUR },
	{ "was denied", "{" CREATED ",'status':{'conditions':[" CONDITION("Denied") "]}}", NEVER,
	  6 * HOUR },
	{ "failed",
	  "{" CREATED
	  ",'status':{'conditions':[" CONDITION("Approved") "," CONDITION("Failed") "]}}",
	  NEVER, 6 * HOUR },
	{ "was approved, and its signer has not come yet",
	  "{" CREATED ",'status':{'conditions':[" CONDITION("Approved") "]}}", NEVER, NEVER },
	{ "was issued",
	  "{" CREATED ",'status':{'certificate':'x','conditions':[" CONDITION("Approved") "]}}",
	  100 * HOUR, 6 * HOUR },
	{ "was issued for a moment",
	  "{" CREATED ",'status':{'certificate':'x','conditions':[" CONDITION("Approved") "]}}",
	  5 * HOUR + 600, 5 * HOUR + 600 },
	{ "says not when it was denied",
	  "{" CREATED ",'status':{'conditions':[{'type':'Denied'}]}}", NEVER, NEVER },
	{ "has no time", "{}", NEVER, NEVER },
};

static void test_ends(void **state)
{
	int64_t created_ns;

	assert_int_equal(time_parse(STR("2026-01-01T00:00:00Z"), &created_ns, NULL), 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int64_t ends_ns = rows[i].certificate_s == NEVER
					  ? INT64_MAX
					  : created_ns + rows[i].certificate_s * TIME_NS_PER_SECOND;
		int64_t want_ns = rows[i].want_s == NEVER
					  ? INT64_MAX
					  : created_ns + rows[i].want_s * TIME_NS_PER_SECOND;
		char text[1024], *to = text;
		AUTO_JSON doc = NULL;

		for (const char *from = rows[i].request; *from; from++)
			*to++ = *from == '\'' ? '"' : *from;
		doc = json_parse(str_sub(text, (size_t)(to - text)), SIZE_MAX, NULL);
		assert_non_null(doc);
		if (certificate_request_end_ns(yyjson_doc_get_root(doc), ends_ns) != want_ns)
			fail_msg("one that %s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ends) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
