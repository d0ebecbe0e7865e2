/* SPDX-License-Identifier: Apache-2.0 */
/* Costs: estimates from schemas, with upstream's figures; what evaluations cost; what stops them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cel/schema.h"

#define ARRAY(items, more) "{\"type\":\"array\"" more ",\"items\":" items "}"
#define MAP(values, more) "{\"type\":\"object\"" more ",\"additionalProperties\":" values "}"
#define TYPE(name) "{\"type\":\"" name "\"}"
#define TEXT(format) "{\"type\":\"string\",\"format\":\"" format "\"}"
#define IOS "{\"x-kubernetes-int-or-string\":true}"
#define MAX_ITEMS(n) ",\"maxItems\":" #n
#define MAX_PROPERTIES(n) ",\"maxProperties\":" #n
#define STRING(n) "{\"type\":\"string\",\"maxLength\":" #n "}"

static const struct {
	const char *schema, *rule;
	uint64_t max;
} estimates[] = {
	{ ARRAY(TYPE("number"), ""), "self.all(x, true)", 4718591 },
	{ ARRAY(TYPE("number"), MAX_ITEMS(10)), "self.all(x, true)", 32 },
	{ ARRAY(TYPE("string"), ""), "self.all(x, true)", 3145727 },
	{ ARRAY(TYPE("string"), MAX_ITEMS(20)), "self.all(x, true)", 62 },
	{ ARRAY(TYPE("boolean"), ""), "self.all(x, true)", 1887437 },
	{ ARRAY(TYPE("boolean"), MAX_ITEMS(5)), "self.all(x, true)", 17 },
	{ ARRAY(ARRAY(TYPE("number"), ""), ""), "self.all(x, true)", 3145727 },
	{ MAP(TYPE("number"), ""), "self.all(x, true)", 1348169 },
	{ MAP(TYPE("number"), MAX_PROPERTIES(10)), "self.all(x, true)", 32 },
	{ MAP(TYPE("string"), ""), "self.all(x, true)", 1179647 },
	{ MAP(TYPE("boolean"), ""), "self.all(x, true)", 943718 },
	{ TYPE("string"), "self.contains('test')", 314574 },
	{ STRING(10), "self.contains('test')", 5 },
	{ TYPE("string"), "self.startsWith('test')", 2 },
	{ TYPE("string"), "size(self + \"hello\") > size(\"hello\")", 314578 },
	{ STRING(4), "size(self + \"hello\") > size(\"hello\")", 7 },
	{ ARRAY(TYPE("number"), ""), "self[1] == 0.0", 2 },
	{ ARRAY(TYPE("string"), ""), "self[1] == self[1]", 314577 },
	{ ARRAY(TYPE("number"), MAX_ITEMS(10)), "self.all(x, self.all(y, true))", 352 },
	{ ARRAY(TYPE("number"), MAX_ITEMS(10)), "self.all(x, self.all(y, self.all(z, true)))",
	  3552 },
	{ TYPE("string"), "self.matches(\"x\")", 314574 },
	{ STRING(50), "self.matches(\"x\")", 22 },
	{ TYPE("string"), "\"\".matches(\"(((((((((())))))))))[0-9]\")", 7 },
	{ TYPE("string"), "self.matches(\"\")", 1 },
	{ MAP(TYPE("number"), ""), "self[\"x\"] == 0.0", 2 },
	{ TYPE("string"), "self == \"x\"", 2 },
	{ STRING(0), "self == \"x\"", 1 },
	{ ARRAY(TYPE("number"), ""), "self.all(x, x == 0.0)", 6291454 },
	{ ARRAY(TYPE("number"), MAX_ITEMS(6291456)), "self.all(x, x == 0.0)", 25165826 },
	{ ARRAY(IOS, ""), "self.all(x, true)", 4718591 },
	{ ARRAY(IOS, ""), "self[0] == 5", 3 },
	{ ARRAY(TYPE("boolean"), ""), "self[0] == false", 2 },
	{ ARRAY(ARRAY(TYPE("number"), ""), ""), "self[0][0] == -1.0", 3 },
	{ ARRAY(MAP(TYPE("number"), ""), ""), "self.all(x, x.y == 25.2)", 6291452 },
	{ ARRAY(MAP(TYPE("number"), ""), MAX_ITEMS(12)), "self.all(x, x.y == 25.2)", 74 },
	{ ARRAY(MAP(TYPE("number"), ""), ""), "self[0].x > 2.0", 4 },
	{ ARRAY(TEXT("duration"), ""), "self.all(x, true)", 2359295 },
	{ ARRAY(TEXT("duration"), ""), "self[0].getHours() == 2", 4 },
	{ ARRAY(TEXT("date"), ""), "self.all(x, true)", 725936 },
	{ ARRAY(TEXT("date-time"), ""), "self.all(x, true)", 428963 },
	{ MAP(IOS, ""), "self.all(x, true)", 1348169 },
	{ MAP(TEXT("duration"), ""), "self.all(x, true)", 1048577 },
	{ MAP(TEXT("date"), ""), "self.all(x, true)", 524288 },
	{ MAP(TEXT("date-time"), ""), "self.all(x, true)", 349526 },
	{ TYPE("string"), "self.find('[0-9]+') == ''", 629147 },
	{ STRING(10), "self.find('[0-9]+') == ''", 11 },
	{ ARRAY(TYPE("string"), ""), "self.join(' ') == 'aa bb'", 329853068905 },
	{ ARRAY(STRING(10), MAX_ITEMS(10)), "self.join(' ') == 'aa bb'", 43 },
	{ TYPE("string"), "ip('192.168.0.1').family()", 3 },
	{ TYPE("string"), "ip('2001:db8:3333:4444:5555:6666:7777:8888')", 4 },
	{ TYPE("string"), "ip.isCanonical('2001:db8:3333:4444:5555:6666:7777:8888')", 8 },
	{ TYPE("string"), "cidr('192.168.0.0/16').masked()", 3 },
	{ TYPE("string"), "cidr('192.168.0.0/16').containsCIDR(cidr('192.0.0.0/30'))", 11 },
	{ TYPE("string"), "cidr('192.168.0.0/16').containsCIDR('192.0.0.0/30')", 11 },
	{ TYPE("string"), "cidr('192.168.0.0/16').containsIP('192.0.0.1')", 7 },
	{ TYPE("string"), "sets.intersects([1], [1, 1])", 23 },
	{ TYPE("string"), "!sets.equivalent([2, 1], [1])", 26 },
	{ TYPE("string"), "!sets.intersects([], [])", 22 },
	{ TYPE("string"), "url('https:://kubernetes.io/').getPort()", 4 },
	{ TYPE("string"), "type(self) == string", 3 },
};

static void test_estimates(void **state)
{
	/* Would break: definitions that upstream takes are refused, or the other way round. */
	size_t bad = 0;

	for (size_t i = 0; i < ARRAY_COUNT(estimates); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_BUF messages = { 0 };
		struct err err = { 0 };
		AUTO_JSON schema = json_parse(str_from(estimates[i].schema), 10000, &err);
		struct cel_variable self = { STR("self"), NULL };
		const struct cel_env env = { .variables = &self, .variable_count = 1 };
		const struct cel_program *program;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&messages, CEL_ERROR_BYTES_MAX);
		self.type = cel_schema_type(&arena, yyjson_doc_get_root(schema), false);
		assert_non_null(self.type);
		program = cel_compile(&arena, &env, str_from(estimates[i].rule), &messages);
		if (!program)
			fail_msg("%s: %s", estimates[i].rule, messages.ptr);
		if (cel_program_cost(program).max == estimates[i].max)
			continue;
		print_error("%s %s: %llu, not %llu\n", estimates[i].schema, estimates[i].rule,
			    (unsigned long long)cel_program_cost(program).max,
			    (unsigned long long)estimates[i].max);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* Evaluates text with self = [1, 2, 3]; the cost. */
static uint64_t cost_of(const char *text, uint64_t cost_max, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF messages = { 0 };
	AUTO_JSON doc = json_parse(STR("{\"l\":[1,2,3],\"s\":\"0123456789\"}"), 1000, NULL);
	const struct cel_variable self = { STR("self"), &cel_type_dyn };
	const struct cel_env env = { .variables = &self, .variable_count = 1 };
	struct cel_value value = cel_json(yyjson_doc_get_root(doc), &cel_type_dyn);
	struct cel_evaluation evaluation = { .arena = &arena,
					     .variables = &value,
					     .cost_max = cost_max };
	const struct cel_program *program;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(&arena, &env, str_from(text), &messages);
	if (!program)
		fail_msg("%s: %s", text, messages.ptr);
	if (cel_evaluate(program, &evaluation, &value, err) == 0)
		assert_false(evaluation.stopped);
	return evaluation.cost;
}

static void test_runs(void **state)
{
	/* Would break: the budget of an object is used up sooner or later than upstream's. */
	static const struct {
		const char *text;
		uint64_t cost;
	} cases[] = {
		{ "true", 0 },
		{ "self", 1 },
		{ "self.l", 2 },
		{ "has(self.l)", 1 },
		{ "self.l[0]", 3 },
		{ "1 + 2", 1 },
		{ "[1, 2]", 0 }, /* made beforehand */
		{ "[1, 2].sum()", 2 },
		{ "1 in [1, 2]", 0 },
		{ "1 in self.l", 5 },
		{ "self.s == '0123456789'", 3 },
		{ "self.s.startsWith('0')", 3 },
		{ "self.s.contains('12345678901')", 4 },
		{ "self.s.matches('[0-9]+')", 6 },
		{ "self.l.all(x, x > 0)", 18 }, /* 2, and thrice 5, and the result */
		{ "duration('1h')", 0 },
		{ "false && self.l[0] == 1", 0 },
		{ "true ? 1 : self.l[0]", 0 },
		{ "ip('192.168.0.1').family()", 3 },
		{ "url('https:://kubernetes.io/').getScheme()", 4 },
		{ "quantity('12Mi')", 1 },
		{ "self.s.startsWith('012345678901')", 4 },
		{ "true ? self.l : self.s", 0 }, /* a part of the condition */
		{ "true ? self.l[0] : 1", 3 },
		{ "optional.of(1).orValue(2)", 1 },
		{ "optional.none().or(optional.of(2)).hasValue()", 3 },
		{ "dyn([1, 2]).size()", 1 },
		{ "self.l.slice(1, 1)", 13 }, /* by what it makes */
		{ "lists.range(3)", 14 },
		{ "[3, 1].sort()", 19 }, /* each with each, twice */
		{ "['b', 'a', 'b', 'c'].distinct()", 44 },
		{ "self.l.sort()", 31 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };
		uint64_t cost = cost_of(cases[i].text, CEL_CALL_COST_MAX, &err);

		if (cost != cases[i].cost)
			fail_msg("%s: %llu, not %llu", cases[i].text, (unsigned long long)cost,
				 (unsigned long long)cases[i].cost);
	}
}

static void test_limits(void **state)
{
	/* Would break: an expression takes more time or memory than it may. */
	struct err err = { 0 };

	assert_int_equal(cost_of("self.l.all(x, x > 0)", 18, &err), 18);
	assert_int_equal(err.code, ERR_NONE);
	(void)cost_of("self.l.all(x, x > 0)", 17, &err); /* told by err */
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.msg, "operation cancelled: actual cost limit exceeded");
	(void)cost_of("self.l.all(x, lists.range(3000000).size() > 0)", CEL_CALL_COST_MAX, &err);
	assert_string_equal(err.msg, "operation cancelled: too much memory was used");
	(void)cost_of("lists.range(20000).distinct().size() > 0", CEL_CALL_COST_MAX * 1000, &err);
	assert_string_equal(err.msg, "operation cancelled: too many values were looked at");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
