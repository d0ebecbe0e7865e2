/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following paths: each step makes of a list of values the next one. A step that fails leaves the
 * list as it was, which filters for existence rely on.
 */
#include "codec/json_path_internal.h"

struct values {
	struct arena *arena;
	yyjson_val **items;
	size_t count, room;
	size_t *left; /* how many more there may be, of all lists together */
};

static void put(struct values *to, yyjson_val *v)
{
	yyjson_val **items;

	if (!*to->left)
		return;
	--*to->left;
	if (to->count == to->room) {
		to->room = to->room ? 2 * to->room : 8;
		items = arena_array(to->arena, to->room, sizeof(items[0]));
		if (to->count)
			memcpy(items, to->items, to->count * sizeof(items[0]));
		to->items = items;
	}
	to->items[to->count++] = v;
}

static int follow(const struct json_step *steps, struct values *values);

/* ---- steps ---- */

static void put_all(struct values *to, yyjson_val *v)
{
	JSON_EACH (item, v)
		put(to, item);
	JSON_MEMBERS (key, value, yyjson_is_obj(v) ? v : NULL)
		put(to, value);
	for (size_t i = 0; yyjson_is_str(v) && i < json_str(v).len; i++) {
		yyjson_val *byte = ARENA_NEW(to->arena, yyjson_val);

		yyjson_set_uint(byte, (unsigned char)json_str(v).ptr[i]);
		put(to, byte);
	}
}

static void put_below(struct values *to, yyjson_val *v)
{
	if (!(yyjson_is_str(v) ? json_str(v).len : yyjson_is_ctn(v) && unsafe_yyjson_get_len(v)) ||
	    !*to->left)
		return;
	put(to, v);
	JSON_EACH (item, v)
		put_below(to, item);
	JSON_MEMBERS (key, value, yyjson_is_obj(v) ? v : NULL)
		put_below(to, value);
}

/* > 0: there is nothing to take, and no other list is looked at. */
static int put_slice(struct values *to, const struct json_step *step, yyjson_val *list)
{
	int64_t count = (int64_t)yyjson_arr_size(list), from, end, stride;

	if (!yyjson_is_arr(list))
		return -1;
	from = step->bounds[0].is_known ? step->bounds[0].value : 0;
	end = step->is_index ? from + 1 : step->bounds[1].is_known ? step->bounds[1].value : count;
	from += from < 0 ? count : 0;
	end += end < 0 || (!end && step->is_index) ? count : 0;
	if (from == end)
		return 1;
	if (from < 0 || from >= count || end < 0 || end > count || from > end)
		return -1;
	stride = step->bounds[2].is_known ? step->bounds[2].value : 1;
	if (stride <= 0)
		return -1;
	for (int64_t i = from; i < end; i += stride)
		put(to, yyjson_arr_get(list, (size_t)i));
	return 0;
}

static int put_union(struct values *to, const struct json_step *step, const struct values *from)
{
	for (const struct json_step *branch = step->branches; branch; branch = branch->next) {
		struct values found = *from;

		if (follow(branch->left, &found) < 0)
			return -1;
		for (size_t i = 0; i < found.count; i++)
			put(to, found.items[i]);
	}
	return 0;
}

/* ---- filters ---- */

static int compare(yyjson_val *a, yyjson_val *b, int *ret_order)
{
	if (yyjson_is_str(a) && yyjson_is_str(b))
		*ret_order = str_cmp(json_str(a), json_str(b));
	else if (yyjson_is_int(a) && yyjson_is_int(b))
		*ret_order = (json_int(a, 0) > json_int(b, 0)) - (json_int(a, 0) < json_int(b, 0));
	else if (yyjson_is_real(a) && yyjson_is_real(b))
		*ret_order = (yyjson_get_real(a) > yyjson_get_real(b)) -
			     (yyjson_get_real(a) < yyjson_get_real(b));
	else if (yyjson_is_bool(a) && yyjson_is_bool(b))
		*ret_order = (int)yyjson_get_bool(a) - (int)yyjson_get_bool(b);
	else
		return -1;
	return 0;
}

static const struct {
	const char *text;
	bool when_less, when_equal, when_more;
} operations[] = {
	{ "<", true, false, false }, { "<=", true, true, false }, { "==", false, true, false },
	{ "!=", true, false, true }, { ">=", false, true, true }, { ">", false, false, true },
};

static int passes(const struct json_step *step, yyjson_val *a, yyjson_val *b, bool *ret)
{
	int order;

	for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
		if (!str_eq_c(step->operation, operations[i].text))
			continue;
		if (compare(a, b, &order) < 0 ||
		    (yyjson_is_bool(a) && operations[i].when_less != operations[i].when_more))
			return -1; /* truth has no order */
		*ret = order < 0   ? operations[i].when_less
		       : order > 0 ? operations[i].when_more
				   : operations[i].when_equal;
		return 0;
	}
	return -1;
}

static int filter_item(struct values *to, const struct json_step *step, yyjson_val *item)
{
	struct values left = { .arena = to->arena, .left = to->left }, right = left;
	int followed;
	bool is_wanted;

	put(&left, item);
	put(&right, item);
	followed = follow(step->left, &left);
	if (!step->operation.len) {
		if (left.count)
			put(to, item);
		return 0;
	}
	if (followed < 0 || left.count > 1)
		return -1;
	if (!left.count)
		return 0;
	if (follow(step->right, &right) < 0 || right.count > 1)
		return -1;
	if (!right.count)
		return 0;
	if (passes(step, left.items[0], right.items[0], &is_wanted) < 0)
		return -1;
	if (is_wanted)
		put(to, item);
	return 0;
}

static int put_filtered(struct values *to, const struct json_step *step, yyjson_val *list)
{
	if (!yyjson_is_arr(list))
		return -1;
	JSON_EACH (item, list)
		if (filter_item(to, step, item) < 0)
			return -1;
	return 0;
}

/* ---- the whole ---- */

static int take_step(struct values *to, const struct json_step *step, yyjson_val *v)
{
	yyjson_val *member;

	if (step->type == STEP_FILTER)
		return put_filtered(to, step, v);
	if (step->type == STEP_CONSTANT)
		put(to, (yyjson_val *)&step->constant); /* only read */
	else if (yyjson_is_null(v))
		return 0;
	else if (step->type == STEP_WILDCARD)
		put_all(to, v);
	else if (step->type == STEP_RECURSIVE)
		put_below(to, v);
	else if (step->type == STEP_ARRAY)
		return put_slice(to, step, v);
	else if ((member = json_key(v, step->name)))
		put(to, member);
	return 0;
}

static int follow(const struct json_step *steps, struct values *values)
{
	for (const struct json_step *step = steps; step; step = step->next) {
		struct values next = { .arena = values->arena, .left = values->left };
		int taken = step->type == STEP_UNKNOWN ? -1 : 0;

		if (step->type == STEP_UNION)
			taken = put_union(&next, step, values);
		for (size_t i = 0; step->type != STEP_UNION && !taken && i < values->count; i++)
			taken = take_step(&next, step, values->items[i]);
		if (taken < 0 || !*next.left)
			return -1;
		*values = next;
	}
	return 0;
}

/* Nearly all: names of fields only. */
static bool first_field(const struct json_step *steps, yyjson_val *root, yyjson_val **ret)
{
	for (; steps && steps->type == STEP_FIELD; steps = steps->next)
		root = json_key(root, steps->name);
	if (!steps)
		*ret = root;
	return !steps;
}

yyjson_val *json_path_first(const struct json_path *path, yyjson_val *root, struct arena *arena)
{
	size_t left = JSON_PATH_VALUES_MAX;
	struct values values = { .arena = arena, .left = &left };
	yyjson_val *found;

	if (first_field(path->steps, root, &found))
		return found;
	put(&values, root);
	return follow(path->steps, &values) == 0 && values.count ? values.items[0] : NULL;
}
