/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of CustomResourceDefinitions: what is refused when they are written, what they say about
 * objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cel/rules.h"

struct collected {
	struct cel_problems problems;
	struct buf text;
};

/* path|reason|value|detail, a line each. */
static void collect(struct cel_problems *problems, const struct cel_problem *problem)
{
	static const char *const reasons[] = { "Invalid", "Forbidden", "Required", "Duplicate" };
	struct collected *c = (struct collected *)problems;

	buf_printf(&c->text, "%s" STR_FMT "|%s%s|" STR_FMT "|" STR_FMT, c->text.len > 0 ? "\n" : "",
		   STR_ARG(problem->path), problem->ratcheted ? "old " : "",
		   reasons[problem->reason], STR_ARG(problem->value), STR_ARG(problem->detail));
}

static void compile_and_run(const char *schema_text, const char *object_text, const char *old_text,
			    const char *want)
{
	AUTO_ARENA arena = { 0 };
	AUTO_ARENA scratch = { 0 };
	struct err err = { 0 };
	AUTO_JSON schema = json_parse(str_from(schema_text), 100000, &err);
	AUTO_JSON object = object_text ? json_parse(str_from(object_text), 100000, &err) : NULL;
	AUTO_JSON old = old_text ? json_parse(str_from(old_text), 100000, &err) : NULL;
	struct collected c = { .problems = { .report = collect } };
	const struct cel_rules *rules;
	bool failed;

	if (err.code)
		fail_msg("%s", err.msg);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	buf_init(&c.text, 100000);
	rules = cel_rules_compile(&arena, yyjson_doc_get_root(schema), &c.problems, &failed);
	assert_int_equal(failed, c.text.len > 0);
	if (rules && object) {
		AUTO_JSON_MUT edit = json_thaw(yyjson_doc_get_root(object));
		struct cel_rules_run run = { .scratch = &scratch,
					     .problems = &c.problems,
					     .budget = CEL_BUDGET_MAX };
		struct cel_value old_value = cel_json(yyjson_doc_get_root(old),
						      cel_rules_type(rules));

		cel_rules_run(rules, &run,
			      cel_json_mut(yyjson_mut_doc_get_root(edit), cel_rules_type(rules)),
			      old ? &old_value : NULL);
	}
	if (strcmp(c.text.ptr, want) != 0)
		fail_msg("%s\n%s: got\n%s\nnot\n%s", schema_text, object_text ? object_text : "",
			 c.text.ptr, want);
	buf_deinit(&c.text);
}

#define SPEC(properties, rules)                                                              \
	"{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":" \
	"{" properties "},\"x-kubernetes-validations\":[" rules "]}}}"
#define INTS                                                                                      \
	"\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"},\"x-y\":{\"type\":\"string\"," \
	"\"maxLength\":10}"
#define AT ".properties[spec].x-kubernetes-validations[0]"
#define ADVICE                                                                                \
	" (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where " \
	"arrays, maps, and "                                                                  \
	"strings are declared)"

static void test_compile(void **state)
{
	/* Would break: a definition is taken whose rules cannot run, or cost too much. */
	static const struct {
		const char *schema, *want;
	} cases[] = {
		{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\"}"), "" },
		{ SPEC(INTS, "{\"rule\":\"self.x__dash__y == 'z'\"}"), "" },
		{ SPEC(INTS, "{\"rule\":\"self.c > 1\"}"),
		  AT ".rule|Invalid|self.c > 1|compilation failed: ERROR: <input>:1:5: undefined "
		     "field 'c'\n | self.c > 1\n | ....^" },
		{ SPEC(INTS, "{\"rule\":\"self.a\"}"),
		  AT ".rule|Invalid|self.a|cel expression must evaluate to a bool" },
		{ SPEC(INTS, "{\"rule\":\" \"}"), AT ".rule|Required||rule is not specified" },
		{ SPEC(INTS, "{\"rule\":\"true\",\"messageExpression\":\"1\"}"),
		  AT ".messageExpression|Invalid|1|messageExpression must evaluate to a string" },
		{ SPEC(INTS, "{\"rule\":\"self.a == 'x'\"}"),
		  AT ".rule|Invalid|self.a == 'x'|compilation failed: ERROR: <input>:1:8: found no "
		     "matching overload for '_==_' "
		     "applied to '(int, string)'\n | self.a == 'x'\n | .......^" },
		{ SPEC("\"l\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
		       "{\"rule\":\"self.l.all(x, self.l.all(y, x == y))\"}"),
		  AT ".rule|Forbidden||estimated rule cost exceeds budget by factor of more than "
		     "100x" ADVICE "\n" AT
		     ".rule|Forbidden||contributed to estimated rule cost total exceeding cost "
		     "limit for entire OpenAPIv3 schema\n"
		     "|Forbidden||x-kubernetes-validations estimated rule cost total for entire "
		     "OpenAPIv3 schema exceeds budget by "
		     "factor of more than 100x" ADVICE },
		/* the figure an API server of v1.36 gave for these sizes: 20 × (0.1 × 4 × 4096)² */
		{ SPEC("\"l\":{\"type\":\"array\",\"maxItems\":20,\"items\":{\"type\":\"object\","
		       "\"properties\":{\"m\":{\"type\":"
		       "\"string\",\"maxLength\":4096},\"c\":{\"type\":\"string\",\"maxLength\":"
		       "4096}},"
		       "\"x-kubernetes-validations\":[{\"rule\":\"!self.m.contains(self.c)\"}]}}",
		       "{\"rule\":\"true\"}"),
		  ".properties[spec].properties[l].items.x-kubernetes-validations[0].rule|"
		  "Forbidden||estimated rule cost exceeds "
		  "budget by factor of 5.4x" ADVICE },
		/* the largest that v1.36 took in the same measurement */
		{ SPEC("\"l\":{\"type\":\"array\",\"maxItems\":20,\"items\":{\"type\":\"object\","
		       "\"properties\":{\"m\":{\"type\":"
		       "\"string\",\"maxLength\":4096},\"c\":{\"type\":\"string\",\"maxLength\":"
		       "512}},"
		       "\"x-kubernetes-validations\":[{\"rule\":\"!self.m.contains(self.c)\"}]}}",
		       "{\"rule\":\"true\"}"),
		  "" },
		{ SPEC("\"l\":{\"type\":\"array\",\"maxItems\":3,\"items\":{\"type\":\"integer\","
		       "\"x-kubernetes-validations\":[{"
		       "\"rule\":\"self == oldSelf\"}]}}",
		       "{\"rule\":\"true\"}"),
		  ".properties[spec].properties[l].items.x-kubernetes-validations[0].rule|Invalid|"
		  "self == oldSelf|oldSelf cannot be "
		  "used on the uncorrelatable portion of the schema within "
		  ".properties[spec].properties[l]" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		compile_and_run(cases[i].schema, NULL, NULL, cases[i].want);
}

#define LIST_MAP                                                                                   \
	"\"l\":{\"type\":\"array\",\"maxItems\":9,\"x-kubernetes-list-type\":\"map\",\"x-"         \
	"kubernetes-list-map-keys\":[\"n\"],"                                                      \
	"\"items\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"string\",\"maxLength\":" \
	"9},\"v\":{\"type\":"                                                                      \
	"\"integer\"}},\"x-kubernetes-validations\":[{\"rule\":\"self.v >= oldSelf.v\"}]}}"
#define TYPES                                                                                    \
	"\"d\":{\"type\":\"string\",\"format\":\"duration\"},\"t\":{\"type\":\"string\","        \
	"\"format\":\"date-time\"},\"p\":{"                                                      \
	"\"x-kubernetes-int-or-string\":true},\"s\":{\"type\":\"array\",\"maxItems\":9,\"x-"     \
	"kubernetes-list-type\":\"set\","                                                        \
	"\"items\":{\"type\":\"integer\"}},\"bytes\":{\"type\":\"string\",\"format\":\"byte\"}," \
	"\"f\":{\"type\":\"number\"},"                                                           \
	"\"n\":{\"type\":\"string\",\"nullable\":true},\"namespace\":{\"type\":\"string\"}"

static const struct {
	const char *schema, *object, *old, *want;
} runs[] = {
	{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\"}"), "{\"spec\":{\"a\":1,\"b\":2}}", NULL, "" },
	{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\"}"), "{\"spec\":{\"a\":3,\"b\":2}}", NULL,
	  "spec|Invalid||failed rule: self.a <= self.b" },
	{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\",\"message\":\" too big "
		     "\",\"reason\":\"FieldValueForbidden\","
		     "\"fieldPath\":\".a\"}"),
	  "{\"spec\":{\"a\":3,\"b\":2}}", NULL, "spec.a|Forbidden||too big" },
	{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\",\"messageExpression\":\"'a is "
		     "%d'.format([self.a])\"}"),
	  "{\"spec\":{\"a\":3,\"b\":2}}", NULL, "spec|Invalid||a is 3" },
	{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\"}"), "{\"spec\":{\"a\":3}}", NULL,
	  "spec|Invalid|object|no such key: b evaluating rule: self.a <= self.b" },
	{ SPEC(INTS, "{\"rule\":\"self.a / self.b > 0\"}"), "{\"spec\":{\"a\":3,\"b\":0}}", NULL,
	  "spec|Invalid|object|division by zero evaluating rule: self.a / self.b > 0" },
	{ SPEC(INTS, "{\"rule\":\"self.x__dash__y == 'z'\"}"), "{\"spec\":{\"x-y\":\"z\"}}", NULL,
	  "" },
	{ SPEC(INTS, "{\"rule\":\"self.a == oldSelf.a\"}"), "{\"spec\":{\"a\":1}}", NULL, "" },
	{ SPEC(INTS, "{\"rule\":\"self.a == oldSelf.a\"}"), "{\"spec\":{\"a\":1}}",
	  "{\"spec\":{\"a\":2}}", "spec|Invalid||failed rule: self.a == oldSelf.a" },
	{ SPEC(INTS, "{\"rule\":\"oldSelf.hasValue() || self.a == 1\",\"optionalOldSelf\":true}"),
	  "{\"spec\":{\"a\":2}}", NULL,
	  "spec|Invalid||failed rule: oldSelf.hasValue() || self.a == 1" },
	{ SPEC(INTS, "{\"rule\":\"oldSelf.hasValue() || self.a == 1\",\"optionalOldSelf\":true}"),
	  "{\"spec\":{\"a\":2}}", "{\"spec\":{\"a\":1}}", "" },
	/* an update that leaves alone what has been wrong before */
	{ SPEC(INTS, "{\"rule\":\"self.a <= self.b\"}"), "{\"spec\":{\"a\":3,\"b\":2}}",
	  "{\"spec\":{\"b\":2,\"a\":3}}", "spec|old Invalid||failed rule: self.a <= self.b" },
	{ "{\"type\":\"object\",\"properties\":{\"kind\":{\"type\":\"string\","
	  "\"x-kubernetes-validations\":[{\"rule\":\"self == 'A'\"}]},\"apiVersion\":{\"type\":"
	  "\"string\"},\"metadata\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":"
	  "\"string\"},\"generateName\":{\"type\":\"string\"}}}}}",
	  "{\"kind\":\"B\"}", "{\"kind\":\"B\"}", "kind|Invalid|B|failed rule: self == 'A'" },
	/* a map that is replaced as a whole still has members of the same names */
	{ SPEC("\"m\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\",\"properties\":{"
	       "\"x\":{\"type\":\"integer\",\"x-kubernetes-validations\":[{\"rule\":\"self == "
	       "oldSelf\"}]}}}",
	       "{\"rule\":\"true\"}"),
	  "{\"spec\":{\"m\":{\"x\":2}}}", "{\"spec\":{\"m\":{\"x\":1}}}",
	  "spec.m.x|Invalid|2|failed rule: self == oldSelf" },
	{ SPEC(LIST_MAP, "{\"rule\":\"true\"}"),
	  "{\"spec\":{\"l\":[{\"n\":\"b\",\"v\":1},{\"n\":\"a\",\"v\":3},{\"n\":\"new\","
	  "\"v\":0}]}}",
	  "{\"spec\":{\"l\":[{\"n\":\"a\",\"v\":2},{\"n\":\"b\",\"v\":2}]}}",
	  "spec.l[0]|Invalid||failed rule: self.v >= oldSelf.v" },
	{ SPEC("\"m\":{\"type\":\"object\",\"maxProperties\":5,\"additionalProperties\":{"
	       "\"type\":\"integer\","
	       "\"x-kubernetes-validations\":[{\"rule\":\"self > 0\"}]}}",
	       "{\"rule\":\"self.m.all(k, k != 'bad')\"}"),
	  "{\"spec\":{\"m\":{\"x\":0,\"bad\":1}}}", NULL,
	  "spec|Invalid||failed rule: self.m.all(k, k != "
	  "'bad')\nspec.m[x]|Invalid|0|failed rule: self > 0" },
	{ SPEC(TYPES, "{\"rule\":\"self.d > duration('1m') && self.t.getFullYear() == 2024\"}"),
	  "{\"spec\":{\"d\":\"90s\",\"t\":\"2024-05-06T00:00:00Z\"}}", NULL, "" },
	{ SPEC(TYPES, "{\"rule\":\"type(self.p) == int ? self.p > 5 : self.p.endsWith('%')\"}"),
	  "{\"spec\":{\"p\":\"5\"}}", NULL,
	  "spec|Invalid||failed rule: type(self.p) == int ? self.p > 5 : "
	  "self.p.endsWith('%')" },
	{ SPEC(TYPES, "{\"rule\":\"self.p > 5\"}"), "{\"spec\":{\"p\":\"5\"}}", NULL,
	  "spec|Invalid|object|'no such overload': call arguments did not match a "
	  "supported operator, function or macro "
	  "signature for rule: self.p > 5" },
	{ SPEC(TYPES, "{\"rule\":\"self.s == [3, 1, 2] && (self.s + [3]).size() == 4\"}"),
	  "{\"spec\":{\"s\":[1,2,3]}}", NULL,
	  "spec|Invalid||failed rule: self.s == [3, 1, 2] && (self.s + [3]).size() "
	  "== 4" },
	{ SPEC(TYPES, "{\"rule\":\"self.s == [3, 1, 2] && (self.s + [3]).size() == 3\"}"),
	  "{\"spec\":{\"s\":[1,2,3]}}", NULL, "" },
	{ SPEC(TYPES, "{\"rule\":\"self.bytes == b'hi' && self.f == 2.0\"}"),
	  "{\"spec\":{\"bytes\":\"aGk=\",\"f\":2}}", NULL, "" },
	{ SPEC(TYPES, "{\"rule\":\"self.__namespace__ == 'x'\"}"),
	  "{\"spec\":{\"namespace\":\"x\"}}", NULL, "" },
	{ SPEC(TYPES, "{\"rule\":\"has(self.namespace) && self.namespace == 'x'\"}"),
	  "{\"spec\":{\"namespace\":\"x\"}}", NULL, "" },
	/* a member that is null is an absent one, and no type is null */
	{ SPEC(TYPES, "{\"rule\":\"!has(self.n)\"}"), "{\"spec\":{\"n\":null}}", NULL, "" },
	{ SPEC(TYPES, "{\"rule\":\"self.n == null\"}"), NULL, NULL,
	  AT ".rule|Invalid|self.n == null|compilation failed: ERROR: <input>:1:8: found no "
	     "matching overload for '_==_' applied to '(string, null)'\n | self.n == null\n | "
	     ".......^" },
	{ SPEC(LIST_MAP, "{\"rule\":\"self.l + [self.l[1], self.l[0]] == self.l && self.l == "
			 "self.l + self.l\"}"),
	  "{\"spec\":{\"l\":[{\"n\":\"b\",\"v\":1},{\"n\":\"a\",\"v\":3}]}}", NULL, "" },
	{ SPEC("\"e\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,"
	       "\"properties\":{\"kind\":{\"type\":\"string\"},\"apiVersion\":{\"type\":"
	       "\"string\"},\"metadata\":{\"type\":\"object\",\"properties\":{\"name\":{"
	       "\"type\":\"string\"},\"generateName\":{\"type\":\"string\"},\"uid\":{"
	       "\"type\":\"string\"}}}}}",
	       "{\"rule\":\"self.e.metadata.uid == 'u'\"}"),
	  "{\"spec\":{\"e\":{\"metadata\":{\"uid\":\"u\"}}}}", NULL, "" },
	{ SPEC(INTS, "{\"rule\":\"''.find(')') == ''\"}"), NULL, NULL,
	  AT ".rule|Invalid|''.find(')') == ''|program instantiation failed: error parsing "
	     "regexp: unexpected ): `)`" },
	{ SPEC(INTS, "{\"rule\":\"true\",\"messageExpression\":\"''.find(')')\"}"), NULL, NULL,
	  AT ".messageExpression|Invalid|''.find(')')|messageExpression instantiation failed: "
	     "error parsing regexp: unexpected ): `)`" },
	{ "{\"type\":\"object\",\"x-kubernetes-validations\":[{\"rule\":\"self.metadata."
	  "name.startsWith('a')\"}]}",
	  "{\"kind\":\"K\",\"metadata\":{\"name\":\"b\"}}", NULL,
	  "|Invalid||failed rule: self.metadata.name.startsWith('a')" },
};

static void test_run(void **state)
{
	/* Would break: objects that a rule forbids are stored, others are refused. */
	for (size_t i = 0; i < ARRAY_COUNT(runs); i++)
		compile_and_run(runs[i].schema, runs[i].object, runs[i].old, runs[i].want);
}

static void test_budget(void **state)
{
	/* Would break: rules take the server's time beyond what one object may. */
	AUTO_BUF object = { 0 };
	const char *const schema = SPEC(
		"\"l\":{\"type\":\"array\",\"maxItems\":900,\"items\":{\"type\":\"integer\"}}",
		"{\"rule\":\"self.l.all(x, self.l.exists(y, y > x + 10))\"},{\"rule\":\"true\"}");

	buf_init(&object, 100000);
	buf_put_c(&object, "{\"spec\":{\"l\":[0");
	for (int i = 1; i < 899; i++)
		buf_put_c(&object, ",0");
	buf_put_c(&object, ",100]}}"); /* so that all of it is looked at for each */
	compile_and_run(schema, object.ptr, NULL,
			"spec|Invalid|object|'operation cancelled: actual cost limit exceeded': no "
			"further validation rules will be run "
			"due to call cost exceeds limit for rule: self.l.all(x, self.l.exists(y, y "
			"> x + 10))");
}

static void test_problems(void **state)
{
	/* Would break: an object with a thousand mistakes makes an answer without end. */
	AUTO_ARENA arena = { 0 };
	AUTO_ARENA scratch = { 0 };
	AUTO_BUF object = { 0 };
	AUTO_JSON schema = json_parse(
		STR("{\"type\":\"object\",\"properties\":{\"l\":{\"type\":\"array\",\"items\":{"
		    "\"type\":\"integer\","
		    "\"x-kubernetes-validations\":[{\"rule\":\"false\"}]}}}}"),
		10000, NULL);
	struct collected c = { .problems = { .report = collect } };
	const struct cel_rules *rules;
	size_t lines = 1;
	bool failed;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	buf_init(&c.text, 100000);
	buf_init(&object, 100000);
	buf_put_c(&object, "{\"l\":[0");
	for (int i = 0; i < CEL_PROBLEMS_MAX; i++)
		buf_put_c(&object, ",0");
	buf_put_c(&object, "]}");
	rules = cel_rules_compile(&arena, yyjson_doc_get_root(schema), &c.problems, &failed);
	assert_non_null(rules);
	AUTO_JSON doc = json_parse(buf_str(&object), 100000, NULL);
	struct cel_rules_run run = { .scratch = &scratch,
				     .problems = &c.problems,
				     .budget = CEL_BUDGET_MAX };

	cel_rules_run(rules, &run, cel_json(yyjson_doc_get_root(doc), cel_rules_type(rules)), NULL);
	for (size_t i = 0; i < c.text.len; i++)
		lines += c.text.ptr[i] == '\n';
	assert_int_equal(lines, CEL_PROBLEMS_MAX);
	buf_deinit(&c.text);
}

/* Breaks when a message that costs too much to make goes unsaid, and more rules are run. */
static void test_expensive_message(void **state)
{
	AUTO_BUF object = { 0 };

	buf_init(&object, 10000);
	buf_put_c(&object, "{\"spec\":{\"l\":[1");
	for (int i = 1; i < 500; i++)
		buf_put_c(&object, ",1");
	buf_put_c(&object, "]}}");
	compile_and_run(
		SPEC("\"l\":{\"type\":\"array\",\"maxItems\":500,\"items\":{\"type\":\"integer\"}}",
		     "{\"rule\":\"false\",\"messageExpression\":\"string(self.l.map(x, "
		     "self.l.all(y, y "
		     "< 9) ? 1 : 2).sum())\"},{\"rule\":\"false\"}"),
		object.ptr, NULL,
		"spec|Invalid||no further validation rules will be run due to call cost exceeds "
		"limit for messageExpression: \"string(self.l.map(x, self.l.all(y, y < 9) ? 1 : "
		"2).sum())\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile),		  cmocka_unit_test(test_run),
		cmocka_unit_test(test_expensive_message), cmocka_unit_test(test_budget),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
