/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors, quantities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/kind.h"
#include "api/quantity.h"
#include "api/selector.h"

static void test_labels(void **state)
{
	/* Would break: -l selects other objects than asked for. */
	static const struct {
		const char *selector;
		bool matches;
	} cases[] = {
		{ "", true },
		{ "a=1", true },
		{ "a==1", true },
		{ "a=2", false },
		{ "a!=2", true },
		{ "z!=1", true },
		{ "a", true },
		{ "!z", true },
		{ "z", false },
		{ "a in (1,2)", true },
		{ "a notin (1)", false },
		{ "a=1,b=x", true },
		{ "a=1,b=y", false },
		{ "n>5", true },
		{ "n<5", false },
		{ "e=", true },
		{ "e in (),a=1", true },
		{ "x.io/y = z", true },
		{ "a notin (2,3),!q", true },
	};
	AUTO_JSON labels = json_parse(
		STR("{\"a\":\"1\",\"b\":\"x\",\"n\":\"7\",\"e\":\"\",\"x.io/y\":\"z\"}"), 1000,
		NULL);

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		struct err err = { 0 };
		struct selector s;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		if (selector_parse(str_from(cases[i].selector), &arena, &s, &err) < 0)
			fail_msg("%s: %s", cases[i].selector, err.msg);
		if (selector_matches(&s, yyjson_doc_get_root(labels)) != cases[i].matches)
			fail_msg("%s", cases[i].selector);
	}
}

static void test_bad_labels(void **state)
{
	/* Would break: a selector with a slip selects everything instead of being refused. */
	static const char in_one[] = "unable to parse requirement: ";
	static const struct {
		const char *text, *problem; /* NULL: of one requirement */
	} cases[] = {
		{ "a=1,", "found '', expected: identifier after ','" },
		{ ",", "found ',', expected: !, identifier, or 'end of string'" },
		{ "a=b c", "found 'c', expected: ',' or 'end of string'" },
		{ "a in", NULL },
		{ "a in (", NULL },
		{ "a in (x", NULL },
		{ "=1", "found '=', expected: !, identifier, or 'end of string'" },
		{ "a>x", NULL },
		{ "!", NULL },
		{ "a b", NULL },
		{ "a=$", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		struct err err = { 0 };
		struct selector s;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		if (selector_parse(str_from(cases[i].text), &arena, &s, &err) == 0)
			fail_msg("'%s' was accepted", cases[i].text);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		if (cases[i].problem)
			assert_string_equal(err.msg, cases[i].problem);
		else
			assert_memory_equal(err.msg, in_one, strlen(in_one));
	}
}

static void test_fields(void **state)
{
	/* Would break: the kubelet's list of its pods, and kubectl --field-selector. */
	AUTO_BLOB blob = blob_new(STR(
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\"},\"spec\":{\"nodeName\":\"n1\"},"
		"\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.0.0.1\"}]}}"));
	static const struct {
		const char *selector;
		bool matches;
	} cases[] = {
		{ "spec.nodeName=n1", true },
		{ "spec.nodeName=n2", false },
		{ "metadata.name=p,status.phase!=Failed", true },
		{ "status.podIP=", true },
		{ "status.podIPs=10.0.0.1", true },
		{ "spec.hostNetwork=false", true },
		{ "spec.nodeName=", false },
	};
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };
	struct field_selector s;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(field_selector_parse(&kind_pod, str_from(cases[i].selector),
						      &arena, &s, &err),
				 0);
		if (field_selector_matches(&s, &kind_pod, obj_get(blob)) != cases[i].matches)
			fail_msg("%s", cases[i].selector);
	}
	assert_int_equal(field_selector_parse(&kind_pod, STR("spec.foo=1"), &arena, &s, &err), -1);
	assert_string_equal(err.msg, "field label not supported: spec.foo");
}

static void test_quantities(void **state)
{
	/* Would break: requests, limits and quotas are added and compared wrongly. */
	static const struct {
		const char *text, *canonical;
		int64_t value, milli;
	} cases[] = {
		{ "0", "0", 0, 0 },
		{ "1", "1", 1, 1000 },
		{ "100m", "100m", 1, 100 },
		{ "0.1", "100m", 1, 100 },
		{ "1500m", "1500m", 2, 1500 },
		{ "1.5Gi", "1536Mi", 1610612736, 1610612736000 },
		{ "1024Mi", "1Gi", 1073741824, 1073741824000 },
		{ "1e3", "1e3", 1000, 1000000 },
		{ "2000k", "2M", 2000000, 2000000000 },
		{ "-5", "-5", -5, -5000 },
		{ "512", "512", 512, 512000 },
		{ "0.5Ki", "512", 512, 512000 },
		{ "1n", "1n", 1, 1 },
		{ "+3", "3", 3, 3000 },
		{ "12345678901234567890123", "9223372036854775807", INT64_MAX, INT64_MAX },
	};
	static const char *const bad[] = {
		"", "x", "1.2.3", "1Zi", "1e", "--1", "1 ", "Ki", "1Kii"
	};
	struct quantity q, sum = { 0 };
	char text[QUANTITY_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };

		if (quantity_parse(str_from(cases[i].text), &q, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.msg);
		(void)quantity_format(&q, text);
		assert_string_equal(text, cases[i].canonical);
		assert_int_equal(quantity_value(&q), cases[i].value);
		assert_int_equal(quantity_milli(&q), cases[i].milli);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(quantity_parse(str_from(bad[i]), &q, NULL), -1);
	assert_int_equal(quantity_parse(STR("1Gi"), &q, NULL), 0);
	quantity_add(&sum, &q);
	quantity_add(&sum, &q);
	(void)quantity_format(&sum, text);
	assert_string_equal(text, "2Gi");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_bad_labels),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_quantities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
