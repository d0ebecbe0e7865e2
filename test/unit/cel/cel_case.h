/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of expression, variables and what comes out, for all tables of this folder. */
#ifndef CUBE_TEST_CEL_CASE_H
#define CUBE_TEST_CEL_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cel/cel.h"

struct cel_case {
	const char *text;
	/* The result as JSON; "!x": the evaluation fails with x; "?x": compiling fails and the
	 * first message begins with x behind its place. NULL: true. */
	const char *want;
};

/* x, y and self are the members of this object, or all of it. */
#define CASE_VARIABLES                                                                             \
	"{\"i\":3,\"n\":null,\"s\":\"abc\",\"d\":1.5,\"l\":[1,2,3],\"words\":[\"b\",\"a\"],\"m\":" \
	"{\"a\":1,\"b\":2},"                                                                       \
	"\"o\":{\"x\":{\"y\":[{\"z\":\"deep\"}]},\"a-b\":7},\"empty\":[],\"t\":true,\"mixed\":[1," \
	"\"a\",null]}"

static inline bool PRINTF_LIKE(1, 2) wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint_error(fmt, ap);
	va_end(ap);
	print_error("\n");
	return false;
}

/* All rows of a table are tried before it fails. */
static inline bool check_case(const struct cel_case *c, unsigned features)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF messages = { 0 };
	AUTO_BUF result = { 0 };
	AUTO_JSON doc = json_parse(STR(CASE_VARIABLES), 10000, NULL);
	AUTO_JSON_MUT thawed = json_thaw(yyjson_doc_get_root(doc));
	const struct cel_variable variables[] = { { STR("self"), &cel_type_dyn },
						  { STR("mut"), &cel_type_dyn } };
	const struct cel_env env = { .variables = variables,
				     .variable_count = 2,
				     .features = features };
	const char *want = c->want ? c->want : "true";
	const struct cel_program *program;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	buf_init(&result, 1 << 20);
	program = cel_compile(&arena, &env, str_from(c->text), &messages);
	if (want[0] == '?') {
		if (program || !strstr(messages.ptr, want + 1))
			return wrong("%s: %s", c->text, program ? "compiles" : messages.ptr);
		return true;
	}
	if (!program)
		return wrong("%s: %s", c->text, messages.ptr);
	struct cel_value values[] = { cel_json(yyjson_doc_get_root(doc), &cel_type_dyn),
				      cel_json_mut(yyjson_mut_doc_get_root(thawed),
						   &cel_type_dyn) };
	struct cel_evaluation evaluation = { .arena = &arena,
					     .variables = values,
					     .cost_max = CEL_CALL_COST_MAX };
	struct cel_value value;
	struct err err = { 0 };

	if (cel_evaluate(program, &evaluation, &value, &err) < 0) {
		if (want[0] != '!' || strcmp(err.msg, want + 1) != 0)
			return wrong("%s: %s, not %s", c->text, err.msg, want);
		return true;
	}
	AUTO_JSON_MUT out = json_new();
	yyjson_mut_val *json = cel_to_json(out, value, &err);

	if (!json)
		return wrong("%s: %s", c->text, err.msg);
	json_mut_write(json, &result);
	if (strcmp(result.ptr, want) != 0)
		return wrong("%s: %s, not %s", c->text, result.ptr, want);
	return true;
}

static inline void check_cases(const struct cel_case *cases, size_t count)
{
	size_t bad = 0;

	for (size_t i = 0; i < count; i++)
		bad += !check_case(&cases[i], CEL_FEATURE_MUTATION);
	assert_int_equal(bad, 0);
}

#endif
