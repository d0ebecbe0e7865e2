/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic versions 2.0.0. */
#include "base/num.h"
#include "cel/opaque_internal.h"

#define ALPHANUMERIC(c) \
	(((c) >= '0' && (c) <= '9') || (((c) | 0x20) >= 'a' && ((c) | 0x20) <= 'z') || (c) == '-')

static bool is_numeric(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

/* Identifiers joined by dots; numbers of a pre-release have no leading zeros. */
static const char *identifiers_problem(struct str s, bool pre)
{
	struct str part;

	while (str_next_part(&s, '.', &part)) {
		if (part.len == 0)
			return pre ? "Prerelease is empty" : "Build meta data is empty";
		for (size_t i = 0; i < part.len; i++)
			if (!ALPHANUMERIC(part.ptr[i]))
				return "Invalid character(s) found";
		if (pre && part.len > 1 && part.ptr[0] == '0' && is_numeric(part))
			return "Numeric PreRelease version must not contain leading zeroes";
	}
	return NULL;
}

static const char *parse_number(struct str text, bool normalize, uint64_t *ret)
{
	if (!is_numeric(text))
		return text.len == 0 ? "Version string empty"
				     : "Invalid character(s) found in number";
	while (normalize && text.len > 1 && text.ptr[0] == '0')
		text = str_slice(text, 1, text.len);
	if (text.len > 1 && text.ptr[0] == '0')
		return "Number must not contain leading zeroes";
	return num_parse_u64(text, UINT64_MAX, "number", ret, NULL) < 0 ? "value out of range"
									: NULL;
}

static bool has_three_parts(struct str text)
{
	size_t first = str_find_char(text, '.', 0);

	return first != SIZE_MAX && str_find_char(text, '.', first + 1) != SIZE_MAX;
}

static const char *parse(struct str text, bool normalize, struct cel_semver *ret)
{
	const char *problem = NULL;
	bool has_build;
	bool has_pre;
	struct str core;
	struct str part;
	size_t count = 0;

	*ret = (struct cel_semver){ 0 };
	if (text.len == 0)
		return "Version string empty";
	if (normalize)
		(void)str_strip_prefix(&text, STR("v")); /* it may be there */
	else if (!has_three_parts(text))
		return "No Major.Minor.Patch elements found";
	has_build = str_cut(text, '+', &text, &ret->build);
	has_pre = str_cut(text, '-', &core, &ret->pre);
	while (!problem && str_next_part(&core, '.', &part)) {
		if (count == 3)
			return "Invalid character(s) found in patch number";
		problem = parse_number(part, normalize, &ret->numbers[count++]);
	}
	if (!problem && count < 3 && !normalize)
		problem = "No Major.Minor.Patch elements found"; /* the dots were further back */
	if (!problem && has_pre)
		problem = identifiers_problem(ret->pre, true);
	if (!problem && has_build)
		problem = identifiers_problem(ret->build, false);
	return problem;
}

static int compare_pre(struct str a, struct str b)
{
	struct str x;
	struct str y;

	if (a.len == 0 || b.len == 0)
		return a.len == b.len ? 0
		       : a.len == 0   ? 1
				      : -1; /* a release comes behind its pre-releases */
	for (;;) {
		bool has_x = str_next_part(&a, '.', &x);
		bool has_y = str_next_part(&b, '.', &y);
		int cmp;

		if (!has_x || !has_y)
			return has_x - has_y;
		if (is_numeric(x) != is_numeric(y))
			return is_numeric(x) ? -1 : 1;
		if (is_numeric(x) && x.len != y.len)
			return x.len < y.len ? -1 : 1;
		cmp = str_cmp(x, y);
		if (cmp)
			return cmp < 0 ? -1 : 1;
	}
}

int cel_semver_compare(const struct cel_semver *a, const struct cel_semver *b)
{
	for (size_t i = 0; i < 3; i++)
		if (a->numbers[i] != b->numbers[i])
			return a->numbers[i] < b->numbers[i] ? -1 : 1;
	return compare_pre(a->pre, b->pre);
}

static bool is_normalized(const struct cel_frame *f, const struct cel_value *args)
{
	return f->node->arg_count > 1 && args[1].boolean;
}

static struct cel_value is_semver(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_semver version;

	return cel_bool(!parse(cel_str(args[0]), is_normalized(f, args), &version));
}

static struct cel_value make_semver(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_semver *version = cel_take_small(f, sizeof(*version));
	const char *problem = parse(cel_str(args[0]), is_normalized(f, args), version);

	return problem ? cel_fail(f, "%s", problem) : cel_make_opaque(&cel_type_semver, version);
}

static struct cel_value number(struct cel_frame *f, const struct cel_value *args)
{
	const struct cel_semver *version = args[0].opaque;
	size_t i = str_eq_c(f->node->name, "major") ? 0 : str_eq_c(f->node->name, "minor") ? 1 : 2;

	return cel_int((int64_t)version->numbers[i]);
}

static struct cel_value is_less(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(cel_semver_compare(args[0].opaque, args[1].opaque) < 0);
}

static struct cel_value is_greater(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(cel_semver_compare(args[0].opaque, args[1].opaque) > 0);
}

static struct cel_value compare(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(cel_semver_compare(args[0].opaque, args[1].opaque));
}

#define PARSE(function, returns, fn)                                                     \
	{                                                                                \
		.name = (function),                                                      \
		.count = 1,                                                              \
		.parameters = { &cel_type_string },                                      \
		.result = (returns),                                                     \
		.call = (fn),                                                            \
		.cost = CEL_COST_PARSE,                                                  \
	},                                                                               \
	{                                                                                \
		.name = (function), .count = 2,                                          \
		.parameters = { &cel_type_string, &cel_type_bool }, .result = (returns), \
		.call = (fn), .cost = CEL_COST_PARSE,                                    \
	}
#define NUMBER(function)                                                                     \
	{                                                                                    \
		.name = (function), .member = true, .count = 1,                              \
		.parameters = { &cel_type_semver }, .result = &cel_type_int, .call = number, \
	}
#define COMPARE(function, returns, fn)                                                     \
	{                                                                                  \
		.name = (function), .member = true, .count = 2,                            \
		.parameters = { &cel_type_semver, &cel_type_semver }, .result = (returns), \
		.call = (fn),                                                              \
	}

const struct cel_function cel_library_semver[] = {
	PARSE("semver", &cel_type_semver, make_semver),
	PARSE("isSemver", &cel_type_bool, is_semver),
	NUMBER("major"),
	NUMBER("minor"),
	NUMBER("patch"),
	COMPARE("isLessThan", &cel_type_bool, is_less),
	COMPARE("isGreaterThan", &cel_type_bool, is_greater),
	COMPARE("compareTo", &cel_type_int, compare),
	{ 0 },
};
