/* SPDX-License-Identifier: Apache-2.0 */
/* How many pods a budget lets go, and when its status is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/time.h"
#include "controllers/disruption.h"

static const struct {
	const char *name, *spec;
	int64_t pods, healthy, wanted;
	const char *problem;
	struct disruption_numbers want;
} cases[] = {
	{ "a number that is to stay", "{\"minAvailable\":2}", 3, 3, 0, NULL, { 3, 2, 3, 1 } },
	{ "just as many as are to stay", "{\"minAvailable\":3}", 3, 3, 0, NULL, { 3, 3, 3, 0 } },
	{ "fewer than are to stay", "{\"minAvailable\":3}", 3, 1, 0, NULL, { 3, 3, 1, 0 } },
	{ "no pods", "{\"minAvailable\":0}", 0, 0, 0, NULL, { 0, 0, 0, 0 } },
	{ "a share that is to stay, rounded up",
	  "{\"minAvailable\":\"50%\"}",
	  5,
	  5,
	  5,
	  NULL,
	  { 5, 3, 5, 2 } },
	{ "a share of what is wanted, not of what is there",
	  "{\"minAvailable\":\"50%\"}",
	  2,
	  2,
	  10,
	  NULL,
	  { 10, 5, 2, 0 } },
	{ "a number that may go", "{\"maxUnavailable\":1}", 4, 4, 4, NULL, { 4, 3, 4, 1 } },
	{ "one has gone already", "{\"maxUnavailable\":1}", 4, 3, 4, NULL, { 4, 3, 3, 0 } },
	{ "a share that may go, rounded up",
	  "{\"maxUnavailable\":\"30%\"}",
	  5,
	  5,
	  5,
	  NULL,
	  { 5, 3, 5, 2 } },
	{ "more may go than there are", "{\"maxUnavailable\":9}", 2, 2, 2, NULL, { 2, 0, 2, 2 } },
	{ "nobody knows how many are wanted",
	  "{\"maxUnavailable\":1}",
	  4,
	  4,
	  0,
	  "why",
	  { 0, 0, 4, 0 } },
	{ "nothing is said", "{}", 2, 2, 0, NULL, { 0, 0, 2, 0 } },
};

static void numbers(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };
		AUTO_JSON spec = json_parse(str_from(cases[i].spec), SIZE_MAX, &err);
		struct disruption_view view = { .spec = yyjson_doc_get_root(spec),
						.pod_count = cases[i].pods,
						.healthy = cases[i].healthy,
						.wanted = cases[i].wanted,
						.problem = str_from(cases[i].problem) };
		struct disruption_numbers got = disruption_plan(&view);

		print_message("%s\n", cases[i].name);
		assert_int_equal(got.expected, cases[i].want.expected);
		assert_int_equal(got.desired, cases[i].want.desired);
		assert_int_equal(got.healthy, cases[i].want.healthy);
		assert_int_equal(got.allowed, cases[i].want.allowed);
	}
}

/* Would break: pods that evictions took are counted, or are waited for without end. */
static void awaited(void **state)
{
	static const char text[] =
		"{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"7\"},\"spec\":{\"minAvailable\":1},"
		"\"status\":{\"disruptedPods\":{\"old\":\"1970-01-01T00:00:00Z\",\"new\":"
		"\"1970-01-01T00:10:00Z\",\"gone\":\"1970-01-01T00:10:00Z\"}}}";
	AUTO_BLOB blob = blob_new(str_from(text));
	const struct obj *budget = obj_get(blob);
	const struct str still[] = { STR("new") };
	struct disruption_view view = { .spec = json_get(budget->root, "spec"),
					.pod_count = 2,
					.healthy = 1,
					.awaited = { still, 1 } };
	const int64_t now_ns = 660 * TIME_NS_PER_SECOND;
	AUTO_JSON_MUT patch = NULL;
	AUTO_BUF out = { 0 };

	assert_int_equal(disruption_awaited_until_ns(budget, STR("old"), now_ns), 0);
	assert_int_equal(disruption_awaited_until_ns(budget, STR("none"), now_ns), 0);
	assert_int_equal(disruption_awaited_until_ns(budget, STR("new"), now_ns),
			 720 * TIME_NS_PER_SECOND);
	patch = disruption_status_plan(budget, &view, now_ns);
	assert_non_null(patch);
	buf_init(&out, 10000);
	json_mut_write(yyjson_mut_doc_get_root(patch), &out);
	assert_non_null(strstr(out.ptr, "\"disruptedPods\":{\"old\":null,\"gone\":null}"));
	assert_non_null(strstr(out.ptr, "\"metadata\":{\"resourceVersion\":\"7\"}"));
}

#define BUDGET(status)                                                                   \
	"{\"metadata\":{\"name\":\"b\",\"generation\":2},\"spec\":{\"minAvailable\":1}," \
	"\"status\":" status "}"
#define OURS(allowed, reason, generation)                                                       \
	"{\"expectedPods\":2,\"currentHealthy\":2,\"desiredHealthy\":1,\"disruptionsAllowed\":" \
	"1,\"observedGeneration\":" generation ",\"conditions\":[{\"type\":\"Mine\"},{\"type\"" \
	":\"DisruptionAllowed\",\"status\":\"" allowed "\",\"observedGeneration\":2,"           \
	"\"lastTransitionTime\":\"2026-01-01T00:00:00Z\",\"reason\":\"" reason                  \
	"\",\"message\":\"\"}]}"

/* Would break: a status that is right is written again and again, or one that is not stays. */
static void statuses(void **state)
{
	static const struct {
		const char *budget, *want; /* NULL: nothing is to be written */
	} rows[] = {
		{ BUDGET(OURS("True", "SufficientPods", "2")), NULL },
		{ BUDGET(OURS("True", "SufficientPods", "1")),
		  "{\"status\":" OURS("True", "SufficientPods", "2") ",\"metadata\":" },
		{ BUDGET(OURS("False", "InsufficientPods", "2")), "\"1970-01-01T00:00:00Z\"" },
		{ BUDGET("{}"), "\"observedGeneration\":2" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		AUTO_BLOB budget = blob_new(str_from(rows[i].budget));
		struct disruption_view view = { .spec = json_get(obj_get(budget)->root, "spec"),
						.pod_count = 2,
						.healthy = 2 };
		AUTO_JSON_MUT patch = disruption_status_plan(obj_get(budget), &view, 0);
		AUTO_BUF text = { 0 };

		assert_int_equal(patch != NULL, rows[i].want != NULL);
		if (!patch)
			continue;
		buf_init(&text, 10000);
		json_mut_write(yyjson_mut_doc_get_root(patch), &text);
		if (!strstr(text.ptr, rows[i].want))
			fail_msg("%s is not in %s", rows[i].want, text.ptr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(numbers), cmocka_unit_test(awaited),
					     cmocka_unit_test(statuses) };

	return cmocka_run_group_tests_name("controllers/disruption", tests, NULL, NULL);
}
