/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An expression, and behind a NUL byte or a line "---" the JSON that self is: compiling and
 * evaluating end, within their limits, over both kinds of trees. The expression is a pattern too.
 */
#include <stdlib.h>
#include "cel/cel.h"
#include "codec/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void evaluate(const struct cel_program *program, struct cel_value self)
{
	AUTO_ARENA arena = { 0 };
	AUTO_JSON_MUT out = json_new();
	struct cel_evaluation evaluation = { .arena = &arena,
					     .variables = &self,
					     .cost_max = 20000 };
	struct cel_value value;
	struct err err = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (cel_evaluate(program, &evaluation, &value, &err) < 0) {
		if (!err.msg[0])
			abort();
		return;
	}
	if (evaluation.cost > evaluation.cost_max || value.kind == CEL_ERROR)
		abort();
	(void)!cel_to_json(out, value, &err); /* not every value is JSON */
}

static void match(struct str pattern, struct str text)
{
	AUTO_ARENA arena = { 0 };
	struct regex_search search = { .scratch = &arena, .steps_max = 100000 };
	const struct regex *regex;
	size_t start;
	size_t end;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	regex = regex_compile(&arena, pattern, NULL);
	if (regex && regex_find(regex, text, 0, &search, &start, &end) == REGEX_FOUND &&
	    (start > end || end > text.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str input = str_sub((const char *)bytes, size_bytes);
	size_t cut = str_find(input, STR("\n---\n"), 0);
	struct str text = str_slice(input, 0, cut == SIZE_MAX ? input.len : cut);
	struct str json = cut == SIZE_MAX ? STR("{\"a\":[1,2],\"s\":\"x\"}")
					  : str_slice(input, cut + 5, input.len);
	AUTO_JSON doc = json_parse(json, 1 << 16, NULL);
	AUTO_ARENA arena = { 0 };
	AUTO_BUF messages = { 0 };
	const struct cel_variable self = { STR("self"), &cel_type_dyn };
	const struct cel_env env = { .variables = &self,
				     .variable_count = 1,
				     .features = CEL_FEATURE_MUTATION };
	const struct cel_program *program;

	if (size_bytes > 4096)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(&arena, &env, text, &messages);
	if (!program && messages.len == 0)
		abort();
	if (program && doc) {
		AUTO_JSON_MUT thawed = json_thaw(yyjson_doc_get_root(doc));

		evaluate(program, cel_json(yyjson_doc_get_root(doc), &cel_type_dyn));
		evaluate(program, cel_json_mut(yyjson_mut_doc_get_root(thawed), &cel_type_dyn));
	}
	match(text, json);
	return 0;
}
