/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' find() and findAll(). */
#include "cel/pattern_internal.h"
#include "cel/text_internal.h"
#include "cel/value_internal.h"

static struct cel_value find(struct cel_frame *f, const struct cel_value *args)
{
	struct str text = cel_str(args[0]);
	struct cel_pattern pattern;
	struct cel_value result;
	size_t start;
	size_t end;

	if (cel_pattern_open(f, cel_str(args[1]), &pattern, &result)) {
		enum regex_result found = regex_find(pattern.regex, text, 0, &pattern.search,
						     &start, &end);

		if (!cel_pattern_charge(f, &pattern, found))
			result = cel_stopped(f->evaluation);
		else
			result = cel_string(found == REGEX_FOUND ? str_slice(text, start, end)
								 : STR(""));
	}
	cel_pattern_close(&pattern);
	return result;
}

/* All matches that do not overlap, at most max. An empty match next to the one before is none, as
 * in Go. */
static struct cel_value collect(struct cel_frame *f, struct cel_pattern *pattern, struct str text,
				int64_t max)
{
	struct cel_value list = cel_list_new(f, 4);
	size_t previous_end = SIZE_MAX;

	for (size_t at = 0; at <= text.len && max != 0 && !cel_is_error(list);) {
		size_t start;
		size_t end;
		enum regex_result found = regex_find(pattern->regex, text, at, &pattern->search,
						     &start, &end);

		if (!cel_pattern_charge(f, pattern, found))
			return cel_stopped(f->evaluation);
		if (found == REGEX_NONE)
			break;
		if (end > start || start != previous_end) {
			list = cel_list_append(f, list, cel_string(str_slice(text, start, end)));
			max -= max > 0;
		}
		previous_end = end;
		if (end > start)
			at = end;
		else
			at = end < text.len ? end + text_width(text, end) : text.len + 1;
	}
	return list;
}

static struct cel_value find_some(struct cel_frame *f, const struct cel_value *args, int64_t max)
{
	struct cel_pattern pattern;
	struct cel_value result;

	if (cel_pattern_open(f, cel_str(args[1]), &pattern, &result))
		result = collect(f, &pattern, cel_str(args[0]), max);
	cel_pattern_close(&pattern);
	return result;
}

static struct cel_value find_all(struct cel_frame *f, const struct cel_value *args)
{
	return find_some(f, args, -1);
}

static struct cel_value find_all_max(struct cel_frame *f, const struct cel_value *args)
{
	return find_some(f, args, args[2].integer < 0 ? -1 : args[2].integer);
}

const struct cel_function cel_library_regex[] = {
	{ .name = "find",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_type_string, &cel_type_string },
	  .result = &cel_type_string,
	  .call = find,
	  .cost = CEL_COST_FIND },
	{ .name = "findAll",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_type_string, &cel_type_string },
	  .result = &cel_list_string,
	  .call = find_all,
	  .cost = CEL_COST_FIND },
	{ .name = "findAll",
	  .member = true,
	  .count = 3,
	  .parameters = { &cel_type_string, &cel_type_string, &cel_type_int },
	  .result = &cel_list_string,
	  .call = find_all_max,
	  .cost = CEL_COST_FIND },
	{ 0 },
};
