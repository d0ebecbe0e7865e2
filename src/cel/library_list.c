/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' functions over lists, and sets.*. */
#include "cel/value_internal.h"

static struct cel_value is_sorted(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;
	struct cel_value previous = cel_null();

	if (!cel_iterate(args[0], &it))
		return cel_no_overload();
	while (cel_next(f, &it, &key, &v)) {
		int cmp = key.integer > 0 ? cel_compare(previous, v) : 0;

		if (cmp == 3)
			return cel_no_overload();
		if (cmp == 1)
			return cel_bool(false);
		previous = v;
	}
	return cel_bool(true);
}

/* The sum of nothing is the zero of the type that the list has. */
static struct cel_value zero_of(const struct cel_node *node)
{
	switch (node->type->kind) {
	case CEL_UINT:
		return cel_make_uint(0);
	case CEL_DOUBLE:
		return cel_make_double(0);
	case CEL_DURATION:
		return cel_make_duration(0);
	default:
		return cel_int(0);
	}
}

static struct cel_value sum(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value total = zero_of(f->node);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (!cel_iterate(args[0], &it))
		return cel_no_overload();
	while (!cel_is_error(total) && cel_next(f, &it, &key, &v)) {
		if (v.kind == CEL_STRING || v.kind == CEL_LIST || v.kind == CEL_BYTES)
			return cel_no_overload();
		total = key.integer == 0 ? v : cel_operator2(f, CEL_OP_ADD, total, v);
	}
	return total;
}

static struct cel_value extreme(struct cel_frame *f, struct cel_value list, int sign)
{
	struct cel_value best = cel_null();
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (!cel_iterate(list, &it))
		return cel_no_overload();
	if (it.count == 0)
		return cel_fail(f, "%s called on empty list", sign < 0 ? "min" : "max");
	while (cel_next(f, &it, &key, &v)) {
		int cmp = key.integer == 0 ? sign : cel_compare(v, best);

		if (cmp == 3)
			return cel_no_overload();
		if (cmp == sign)
			best = v;
	}
	return best;
}

static struct cel_value min(struct cel_frame *f, const struct cel_value *args)
{
	return extreme(f, args[0], -1);
}

static struct cel_value max(struct cel_frame *f, const struct cel_value *args)
{
	return extreme(f, args[0], 1);
}

static struct cel_value index_of(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (!cel_iterate(args[0], &it))
		return cel_no_overload();
	while (cel_next(f, &it, &key, &v))
		if (cel_equal(f, v, args[1]))
			return key;
	return cel_int(-1);
}

static struct cel_value last_index_of(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value found = cel_int(-1);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (!cel_iterate(args[0], &it))
		return cel_no_overload();
	while (cel_next(f, &it, &key, &v))
		if (cel_equal(f, v, args[1]))
			found = key;
	return found;
}

/* ---- sets ---- */

static bool has(struct cel_frame *f, struct cel_value list, struct cel_value wanted)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;
	bool found = false;

	for (bool more = cel_iterate(list, &it); more && !found && cel_next(f, &it, &key, &v);)
		found = cel_equal(f, v, wanted);
	return found;
}

/* Whether list has all of wanted, or (any) one of them. */
static bool has_each(struct cel_frame *f, struct cel_value list, struct cel_value wanted, bool any)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	for (bool more = cel_iterate(wanted, &it); more && cel_next(f, &it, &key, &v);)
		if (has(f, list, v) == any)
			return any;
	return !any;
}

static struct cel_value sets_contains(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(has_each(f, args[0], args[1], false));
}

static struct cel_value sets_equivalent(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(has_each(f, args[0], args[1], false) &&
			has_each(f, args[1], args[0], false));
}

static struct cel_value sets_intersects(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(has_each(f, args[0], args[1], true));
}

#define LIST_OF(of) (&(const struct cel_type){ .kind = CEL_LIST, .element = (of) })
#define LIST1(function, of, returns, fn)                                                       \
	{                                                                                      \
		.name = (function), .member = true, .count = 1, .parameters = { LIST_OF(of) }, \
		.result = (returns), .call = (fn), .cost = CEL_COST_LIST_TRAVERSAL,            \
	}
#define COMPARABLE(of)                                                               \
	LIST1("isSorted", of, &cel_type_bool, is_sorted), LIST1("min", of, of, min), \
		LIST1("max", of, of, max)
#define SUMMABLE(of) LIST1("sum", of, of, sum)
#define SET(function, fn, rule)                                                             \
	{                                                                                   \
		.name = (function), .count = 2, .parameters = { &cel_list_a, &cel_list_a }, \
		.result = &cel_type_bool, .call = (fn), .cost = (rule),                     \
	}

const struct cel_function cel_library_list[] = {
	COMPARABLE(&cel_type_int),
	COMPARABLE(&cel_type_uint),
	COMPARABLE(&cel_type_double),
	COMPARABLE(&cel_type_bool),
	COMPARABLE(&cel_type_duration),
	COMPARABLE(&cel_type_timestamp),
	COMPARABLE(&cel_type_string),
	COMPARABLE(&cel_type_bytes),
	SUMMABLE(&cel_type_int),
	SUMMABLE(&cel_type_uint),
	SUMMABLE(&cel_type_double),
	SUMMABLE(&cel_type_duration),
	{ .name = "indexOf",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_list_a, &cel_param_a },
	  .result = &cel_type_int,
	  .call = index_of,
	  .cost = CEL_COST_LIST_TRAVERSAL },
	{ .name = "lastIndexOf",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_list_a, &cel_param_a },
	  .result = &cel_type_int,
	  .call = last_index_of,
	  .cost = CEL_COST_LIST_TRAVERSAL },
	SET("sets.contains", sets_contains, CEL_COST_SETS),
	SET("sets.equivalent", sets_equivalent, CEL_COST_SETS_TWICE),
	SET("sets.intersects", sets_intersects, CEL_COST_SETS),
	{ 0 },
};
