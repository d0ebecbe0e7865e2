/* SPDX-License-Identifier: Apache-2.0 */
/* The extended lists library: slice, flatten, distinct, range, reverse, sort; and the map building
 * of transformMap(). */
#include "cel/value_internal.h"

static struct cel_value slice(struct cel_frame *f, const struct cel_value *args)
{
	int64_t start = args[1].integer;
	int64_t end = args[2].integer;
	struct cel_value list = cel_list_new(f, 4);

	if (start < 0 || end < 0)
		return cel_fail(f, "cannot slice(%lld, %lld), negative indexes not supported",
				(long long)start, (long long)end);
	if (start > end)
		return cel_fail(f,
				"cannot slice(%lld, %lld), start index must be less than or equal "
				"to end index",
				(long long)start, (long long)end);
	if ((uint64_t)end > cel_list_count(args[0]))
		return cel_fail(f, "cannot slice(%lld, %lld), list is length %zu", (long long)start,
				(long long)end, cel_list_count(args[0]));
	for (int64_t i = start; i < end && !cel_is_error(list) && cel_work(f, 1); i++)
		list = cel_list_append(f, list, cel_list_at(f, args[0], (size_t)i));
	return f->evaluation->stopped ? cel_stopped(f->evaluation) : list;
}

static struct cel_value flatten_into(struct cel_frame *f, struct cel_value to,
				     struct cel_value list, int64_t depth)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	for (bool more = cel_iterate(list, &it);
	     more && !cel_is_error(to) && cel_next(f, &it, &key, &v);) {
		if (v.kind == CEL_LIST && depth > 0)
			to = flatten_into(f, to, v, depth - 1);
		else
			to = cel_list_append(f, to, v);
	}
	return to;
}

static struct cel_value flatten(struct cel_frame *f, const struct cel_value *args)
{
	return flatten_into(f, cel_list_new(f, 4), args[0], 1);
}

static struct cel_value flatten_depth(struct cel_frame *f, const struct cel_value *args)
{
	int64_t depth = args[1].integer;

	if (depth < 0)
		return cel_fail(f, "level must be non-negative");
	return flatten_into(f, cel_list_new(f, 4), args[0],
			    depth < CEL_VALUE_DEPTH_MAX ? depth : CEL_VALUE_DEPTH_MAX);
}

static struct cel_value distinct(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value list = cel_list_new(f, 4);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	for (bool more = cel_iterate(args[0], &it);
	     more && !cel_is_error(list) && cel_next(f, &it, &key, &v);) {
		size_t i = 0;

		while (i < list.list->count && !cel_equal(f, list.list->items->values[i], v))
			i++;
		if (i == list.list->count)
			list = cel_list_append(f, list, v);
	}
	return list;
}

static struct cel_value range(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value list = cel_list_new(f, 4);

	for (int64_t i = 0; i < args[0].integer && !cel_is_error(list) && cel_work(f, 1); i++)
		list = cel_list_append(f, list, cel_int(i));
	return f->evaluation->stopped ? cel_stopped(f->evaluation) : list;
}

static struct cel_value reverse(struct cel_frame *f, const struct cel_value *args)
{
	size_t count = cel_list_count(args[0]);
	struct cel_value list = cel_list_new(f, count);

	for (size_t i = count; i > 0 && !cel_is_error(list) && cel_work(f, 1); i--)
		list = cel_list_append(f, list, cel_list_at(f, args[0], i - 1));
	return f->evaluation->stopped ? cel_stopped(f->evaluation) : list;
}

static struct cel_value first(struct cel_frame *f, const struct cel_value *args)
{
	return cel_list_count(args[0]) ? cel_make_optional(f, cel_list_at(f, args[0], 0))
				       : cel_optional(NULL);
}

static struct cel_value last(struct cel_frame *f, const struct cel_value *args)
{
	size_t count = cel_list_count(args[0]);

	return count ? cel_make_optional(f, cel_list_at(f, args[0], count - 1))
		     : cel_optional(NULL);
}

/* Merges the sorted halves of order[0..count), which are indices into keys. False: two keys have no
 * order. */
static bool merge_sort(struct cel_frame *f, const struct cel_value *keys, uint32_t *order,
		       uint32_t *spare, size_t count)
{
	size_t half = count / 2;
	size_t a = 0;
	size_t b = half;

	if (count < 2)
		return true;
	if (!merge_sort(f, keys, order, spare, half) ||
	    !merge_sort(f, keys, order + half, spare, count - half) || !cel_work(f, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		bool right = a == half;

		if (a < half && b < count) {
			int cmp = cel_compare(keys[order[a]], keys[order[b]]);

			if (cmp == 3 || keys[order[a]].kind != keys[order[b]].kind)
				return false;
			right = cmp == 1;
		}
		spare[i] = order[right ? b++ : a++];
	}
	memcpy(order, spare, count * sizeof(*order));
	return true;
}

/* list in the order of keys. */
static struct cel_value sort_by(struct cel_frame *f, struct cel_value list,
				struct cel_value key_list)
{
	size_t count = cel_list_count(list);
	struct cel_value *keys = cel_take(f, (count + 1) * sizeof(*keys));
	uint32_t *order = cel_take(f, 2 * (count + 1) * sizeof(*order));
	struct cel_value sorted = cel_list_new(f, count);

	if (!keys || !order || cel_is_error(sorted))
		return cel_stopped(f->evaluation);
	if (cel_list_count(key_list) != count)
		return cel_fail(f,
				"@sortByAssociatedKeys() expected a list of the same size as the "
				"associated keys list, but "
				"got %zu and %zu elements respectively",
				count, cel_list_count(key_list));
	for (size_t i = 0; i < count; i++) {
		keys[i] = cel_list_at(f, key_list, i);
		order[i] = (uint32_t)i;
	}
	if (!merge_sort(f, keys, order, order + count, count))
		return f->evaluation->stopped
			       ? cel_stopped(f->evaluation)
			       : cel_fail(f, "list elements must have the same type");
	for (size_t i = 0; i < count && !cel_is_error(sorted); i++)
		sorted = cel_list_append(f, sorted, cel_list_at(f, list, order[i]));
	return sorted;
}

static struct cel_value sort(struct cel_frame *f, const struct cel_value *args)
{
	return sort_by(f, args[0], args[0]);
}

static struct cel_value sort_keys(struct cel_frame *f, const struct cel_value *args)
{
	return sort_by(f, args[0], args[1]);
}

/* ---- maps of transformMap() and transformMapEntry() ---- */

static struct cel_value map_insert(struct cel_frame *f, const struct cel_value *args)
{
	return cel_map_add(f, args[0], args[1], args[2]);
}

static struct cel_value map_insert_all(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value map = args[0];
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	for (bool more = cel_iterate(args[1], &it);
	     more && !cel_is_error(map) && cel_next(f, &it, &key, &v);)
		map = cel_map_add(f, map, key, v);
	return map;
}

#define LIST_OF(of) (&(const struct cel_type){ .kind = CEL_LIST, .element = (of) })
#define SORT(of)                                                                   \
	{                                                                          \
		.name = "sort",                                                    \
		.member = true,                                                    \
		.count = 1,                                                        \
		.parameters = { LIST_OF(of) },                                     \
		.result = LIST_OF(of),                                             \
		.call = sort,                                                      \
		.cost = CEL_COST_SORT,                                             \
	},                                                                         \
	{                                                                          \
		.name = "@sortByAssociatedKeys", .member = true, .count = 2,       \
		.parameters = { &cel_list_a, LIST_OF(of) }, .result = &cel_list_a, \
		.call = sort_keys, .cost = CEL_COST_SORT,                          \
	}

const struct cel_function cel_library_lists[] = {
	{ .name = "slice",
	  .member = true,
	  .count = 3,
	  .parameters = { &cel_list_a, &cel_type_int, &cel_type_int },
	  .result = &cel_list_a,
	  .call = slice,
	  .cost = CEL_COST_LINEAR },
	{ .name = "flatten",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_list_list_a },
	  .result = &cel_list_a,
	  .call = flatten,
	  .cost = CEL_COST_LINEAR },
	{ .name = "flatten",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_type_list_dyn, &cel_type_int },
	  .result = &cel_type_list_dyn,
	  .call = flatten_depth,
	  .cost = CEL_COST_LINEAR },
	{ .name = "distinct",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_list_a },
	  .result = &cel_list_a,
	  .call = distinct,
	  .cost = CEL_COST_QUADRATIC },
	{ .name = "reverse",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_list_a },
	  .result = &cel_list_a,
	  .call = reverse,
	  .cost = CEL_COST_LINEAR },
	{ .name = "first",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_list_a },
	  .result = &cel_optional_a,
	  .call = first },
	{ .name = "last",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_list_a },
	  .result = &cel_optional_a,
	  .call = last },
	{ .name = "lists.range",
	  .count = 1,
	  .parameters = { &cel_type_int },
	  .result = &cel_list_int,
	  .call = range,
	  .cost = CEL_COST_LINEAR },
	SORT(&cel_type_int),
	SORT(&cel_type_uint),
	SORT(&cel_type_double),
	SORT(&cel_type_bool),
	SORT(&cel_type_duration),
	SORT(&cel_type_timestamp),
	SORT(&cel_type_string),
	SORT(&cel_type_bytes),
	{ .name = "cel.@mapInsert",
	  .count = 3,
	  .parameters = { &cel_map_ab, &cel_param_a, &cel_param_b },
	  .result = &cel_map_ab,
	  .call = map_insert },
	{ .name = "cel.@mapInsert",
	  .count = 2,
	  .parameters = { &cel_map_ab, &cel_map_ab },
	  .result = &cel_map_ab,
	  .call = map_insert_all },
	{ 0 },
};
