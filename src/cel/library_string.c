/* SPDX-License-Identifier: Apache-2.0 */
/* The string functions of the language itself; matches() by codec/regex. */
#include "cel/pattern_internal.h"
#include "cel/value_internal.h"

static struct cel_value contains(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(cel_work(f, args[0].len / 16) &&
			str_contains(cel_str(args[0]), cel_str(args[1])));
}

static struct cel_value starts_with(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(str_has_prefix(cel_str(args[0]), cel_str(args[1])));
}

static struct cel_value ends_with(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(str_has_suffix(cel_str(args[0]), cel_str(args[1])));
}

bool cel_pattern_open(struct cel_frame *f, struct str text, struct cel_pattern *pattern,
		      struct cel_value *ret_error)
{
	struct err err = { 0 };

	*pattern = (struct cel_pattern){ .regex = f->node->regex };
	arena_init(&pattern->scratch, ARENA_DEFAULT_MAX);
	if (!pattern->regex) {
		pattern->regex = regex_compile(&pattern->scratch, text, &err);
		/* making the program costs more than a step of it */
		if (pattern->regex && !cel_work(f, 10 * regex_size(pattern->regex) + 100)) {
			*ret_error = cel_stopped(f->evaluation);
			return false;
		}
	}
	if (!pattern->regex)
		*ret_error = cel_fail(f, "%s", err.msg);
	pattern->search = (struct regex_search){
		.scratch = &pattern->scratch,
		.steps_max = CEL_EVALUATION_WORK_MAX - f->evaluation->work,
	};
	return pattern->regex != NULL;
}

/* Takes what a search did from the evaluation's work; false when that is used up. */
bool cel_pattern_charge(struct cel_frame *f, struct cel_pattern *pattern, enum regex_result result)
{
	bool more = cel_work(f, pattern->search.steps);

	if (result == REGEX_TOO_LONG)
		f->evaluation->stopped = true;
	pattern->search.steps = 0;
	pattern->search.steps_max = CEL_EVALUATION_WORK_MAX - f->evaluation->work;
	return more && result != REGEX_TOO_LONG;
}

void cel_pattern_close(struct cel_pattern *pattern)
{
	arena_deinit(&pattern->scratch);
}

static struct cel_value matches(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_pattern pattern;
	struct cel_value result;

	if (cel_pattern_open(f, cel_str(args[1]), &pattern, &result)) {
		enum regex_result found = regex_matches(pattern.regex, cel_str(args[0]),
							&pattern.search);

		result = cel_pattern_charge(f, &pattern, found) ? cel_bool(found == REGEX_FOUND)
								: cel_stopped(f->evaluation);
	}
	cel_pattern_close(&pattern);
	return result;
}

#define STRING_TEST(function, is_member, fn, rule)                                              \
	{                                                                                       \
		.name = (function), .member = (is_member), .count = 2,                          \
		.parameters = { &cel_type_string, &cel_type_string }, .result = &cel_type_bool, \
		.call = (fn), .cost = (rule),                                                   \
	}

const struct cel_function cel_library_string[] = {
	STRING_TEST("contains", true, contains, CEL_COST_CONTAINS),
	STRING_TEST("startsWith", true, starts_with, CEL_COST_AFFIX),
	STRING_TEST("endsWith", true, ends_with, CEL_COST_AFFIX),
	STRING_TEST("matches", true, matches, CEL_COST_MATCHES),
	STRING_TEST("matches", false, matches, CEL_COST_MATCHES),
	{ 0 },
};
