/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals of indexes in increasing order. */
#include "api/kinds/job_indexes.h"

#include "base/num.h"

struct interval {
	int64_t first, last;
};

static const char *read_index(struct arena *arena, struct str text, int64_t completions,
			      int64_t *ret)
{
	if (num_parse_i64(text, INT64_MIN, INT64_MAX, "index", ret, NULL) < 0)
		return str_printf_in(arena,
				     "cannot convert string to integer for index: \"" STR_FMT "\"",
				     STR_ARG(text))
			.ptr;
	if (*ret >= completions)
		return str_printf_in(arena, "too large index: \"" STR_FMT "\"", STR_ARG(text)).ptr;
	return NULL;
}

static const char *read_interval(struct arena *arena, struct str text, int64_t completions,
				 struct interval *ret)
{
	struct str first, last;
	bool is_pair = str_cut(text, '-', &first, &last);
	const char *problem;

	if (is_pair && str_find_char(last, '-', 0) != SIZE_MAX)
		return str_printf_in(
			       arena,
			       "the fragment \"" STR_FMT
			       "\" violates the requirement that an index interval can have at "
			       "most two parts separated by '-'",
			       STR_ARG(text))
			.ptr;
	problem = read_index(arena, first, completions, &ret->first);
	if (problem)
		return problem;
	ret->last = ret->first;
	if (is_pair)
		problem = read_index(arena, last, completions, &ret->last);
	if (!problem && is_pair && ret->first >= ret->last)
		problem = str_printf_in(arena,
					"non-increasing order, previous: %lld, current: %lld",
					(long long)ret->first, (long long)ret->last)
				  .ptr;
	return problem;
}

const char *job_indexes_problem(struct arena *arena, struct str text, int64_t completions,
				int64_t *ret_count)
{
	struct str rest = text, part;
	struct interval one, before = { .last = -1 };
	bool is_first = true;

	*ret_count = 0;
	while (text.len && str_next_part(&rest, ',', &part)) {
		const char *problem = read_interval(arena, part, completions, &one);

		if (problem)
			return problem;
		if (!is_first && before.last >= one.first)
			return str_printf_in(arena,
					     "non-increasing order, previous: %lld, current: %lld",
					     (long long)before.last, (long long)one.first)
				.ptr;
		*ret_count += one.last - one.first + 1;
		before = one;
		is_first = false;
	}
	return NULL;
}

static bool next_good(struct arena *arena, struct str *rest, int64_t completions,
		      struct interval *ret)
{
	struct str part;

	while (str_next_part(rest, ',', &part))
		if (!read_interval(arena, part, completions, ret))
			return true;
	return false;
}

int64_t job_indexes_shared(struct str a, struct str b, int64_t completions)
{
	AUTO_ARENA arena = { 0 };
	struct interval x, y;
	bool more;

	if (!a.len || !b.len)
		return -1;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	more = next_good(&arena, &a, completions, &x) && next_good(&arena, &b, completions, &y);
	while (more) {
		if (x.first <= y.last && y.first <= x.last)
			return x.first > y.first ? x.first : y.first;
		more = x.last < y.last ? next_good(&arena, &a, completions, &x)
				       : next_good(&arena, &b, completions, &y);
	}
	return -1;
}
