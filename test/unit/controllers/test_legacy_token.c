/* SPDX-License-Identifier: Apache-2.0 */
/* When tokens in Secrets are marked and deleted. Breaks when somebody's token stopped working that
 * he used, or one that an older cluster made was good for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/time.h"
#include "controllers/legacy_token.h"

static int64_t at(const char *text)
{
	int64_t ns;

	assert_int_equal(time_parse(str_from(text), &ns, NULL), 0);
	return ns;
}

#define NOW "2026-06-15T12:00:00Z"

static const struct {
	const char *name, *created, *last_used, *invalid_since;
	bool is_listed, is_used;
	enum legacy_token_plan want;
} cases[] = {
	{ "never used for years", "2020-01-01T00:00:00Z", "", "", true, false, LEGACY_TOKEN_MARK },
	{ "used a year and a day ago", "2020-01-01T00:00:00Z", "2025-06-14", "", true, false,
	  LEGACY_TOKEN_MARK },
	{ "used a year ago", "2020-01-01T00:00:00Z", "2025-06-15", "", true, false,
	  LEGACY_TOKEN_KEEP },
	{ "used lately", "2020-01-01T00:00:00Z", "2026-06-01", "", true, false, LEGACY_TOKEN_KEEP },
	{ "a note that is no day", "2020-01-01T00:00:00Z", "yesterday", "", true, false,
	  LEGACY_TOKEN_KEEP },
	{ "younger than a year", "2025-06-15T12:00:00Z", "", "", true, false, LEGACY_TOKEN_KEEP },
	{ "just older than a year", "2025-06-15T11:59:59Z", "", "", true, false,
	  LEGACY_TOKEN_MARK },
	{ "made by hand", "2020-01-01T00:00:00Z", "", "", false, false, LEGACY_TOKEN_KEEP },
	{ "in a pod", "2020-01-01T00:00:00Z", "", "", true, true, LEGACY_TOKEN_KEEP },
	{ "marked lately", "2020-01-01T00:00:00Z", "", "2025-06-15", true, false,
	  LEGACY_TOKEN_KEEP },
	{ "marked more than a year ago", "2020-01-01T00:00:00Z", "", "2025-06-14", true, false,
	  LEGACY_TOKEN_DELETE },
	{ "marked, and tried since", "2020-01-01T00:00:00Z", "2026-06-01", "2025-06-14", true,
	  false, LEGACY_TOKEN_KEEP },
	{ "a mark that is no day", "2020-01-01T00:00:00Z", "", "x", true, false,
	  LEGACY_TOKEN_MARK },
};

static void test_plan(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char json[1024];
		struct blob *secret;
		int len = snprintf(json, sizeof(json),
				   "{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"%s\","
				   "\"labels\":{\"x\":\"y\"",
				   cases[i].created);

		if (*cases[i].last_used)
			len += snprintf(json + len, sizeof(json) - (size_t)len,
					",\"kubernetes.io/legacy-token-last-used\":\"%s\"",
					cases[i].last_used);
		if (*cases[i].invalid_since)
			len += snprintf(json + len, sizeof(json) - (size_t)len,
					",\"" LEGACY_TOKEN_INVALID_LABEL "\":\"%s\"",
					cases[i].invalid_since);
		snprintf(json + len, sizeof(json) - (size_t)len, "}}}");
		print_message("%s\n", cases[i].name);
		secret = blob_new(str_from(json));
		assert_int_equal(legacy_token_plan(obj_get(secret), cases[i].is_listed,
						   cases[i].is_used, at(NOW)),
				 cases[i].want);
		blob_unref(secret);
	}
}

static void test_tracking(void **state)
{
	assert_true(legacy_token_is_tracked(STR("2025-06-13"), at(NOW)));
	assert_false(legacy_token_is_tracked(STR("2025-06-15"), at(NOW)));
	assert_false(legacy_token_is_tracked(STR(""), at(NOW)));
	assert_false(legacy_token_is_tracked(STR("2025-06-1"), at(NOW)));
}

static void test_pods(void **state)
{
	static const struct {
		const char *spec;
		bool uses;
	} pods[] = {
		{ "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"a\"}}]", true },
		{ "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"b\"}}]", false },
		{ "\"volumes\":[{\"projected\":{\"sources\":[{\"secret\":{\"name\":\"a\"}}]}}]",
		  true },
		{ "\"volumes\":[{\"csi\":{\"nodePublishSecretRef\":{\"name\":\"a\"}}}]", true },
		{ "\"volumes\":[{\"rbd\":{\"secretRef\":{\"name\":\"a\"}}}]", true },
		{ "\"volumes\":[{\"name\":\"a\",\"configMap\":{\"name\":\"a\"}}]", false },
		{ "\"imagePullSecrets\":[{\"name\":\"b\"},{\"name\":\"a\"}]", true },
		{ "\"containers\":[{\"name\":\"a\",\"envFrom\":[{\"secretRef\":{\"name\":\"a\"}}]}"
		  "]",
		  true },
		{ "\"initContainers\":[{\"env\":[{\"valueFrom\":{\"secretKeyRef\":{\"name\":\"a\"}}"
		  "}]}]",
		  true },
		{ "\"containers\":[{\"name\":\"a\",\"image\":\"a\"}],\"serviceAccountName\":\"a\"",
		  false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(pods); i++) {
		char json[512];
		struct blob *pod;

		snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"p\"},\"spec\":{%s}}",
			 pods[i].spec);
		pod = blob_new(str_from(json));
		if (legacy_token_pod_uses(obj_get(pod), STR("a")) != pods[i].uses)
			fail_msg("%s", pods[i].spec);
		blob_unref(pod);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_tracking),
		cmocka_unit_test(test_pods),
	};

	return cmocka_run_group_tests_name("controllers_legacy_token", tests, NULL, NULL);
}
