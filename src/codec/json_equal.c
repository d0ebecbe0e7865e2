/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equality of trees that can be changed and trees that cannot, in every combination: one walk over
 * nodes that know which they are. Both kinds of yyjson value start with the same tag and payload.
 */
#include "codec/json.h"

#include "codec/json_index.h"

struct node {
	void *val;
	bool mut;
};

static bool node_equal(struct node a, struct node b);

static size_t node_len(struct node n)
{
	return unsafe_yyjson_get_len(n.val);
}

/* First child (for objects: the first key). */
static struct node node_first(struct node n)
{
	yyjson_mut_val *last;

	if (!n.mut)
		return (struct node){ (yyjson_val *)n.val + 1, false };
	last = ((yyjson_mut_val *)n.val)
		       ->uni.ptr; /* the last child or key; the ring goes on with the first */
	return (struct node){ unsafe_yyjson_is_obj(n.val) ? last->next->next : last->next, true };
}

static struct node node_next(struct node n)
{
	if (!n.mut)
		return (struct node){ unsafe_yyjson_get_next(n.val), false };
	return (struct node){ ((yyjson_mut_val *)n.val)->next, true };
}

static struct str node_str(struct node n)
{
	return str_sub(unsafe_yyjson_get_str(n.val), unsafe_yyjson_get_len(n.val));
}

static bool number_equal(yyjson_val *a, yyjson_val *b)
{
	bool a_real = unsafe_yyjson_is_real(a), b_real = unsafe_yyjson_is_real(b);

	if (!a_real && !b_real) {
		bool a_negative = unsafe_yyjson_get_subtype(a) == YYJSON_SUBTYPE_SINT &&
				  a->uni.i64 < 0;
		bool b_negative = unsafe_yyjson_get_subtype(b) == YYJSON_SUBTYPE_SINT &&
				  b->uni.i64 < 0;

		return a_negative == b_negative && a->uni.u64 == b->uni.u64;
	}
	return yyjson_get_num(a) == yyjson_get_num(b);
}

static bool array_equal(struct node a, struct node b)
{
	size_t len = node_len(a);
	struct node x, y;

	if (len != node_len(b))
		return false;
	if (!len)
		return true;
	x = node_first(a);
	y = node_first(b);
	for (size_t i = 0; i < len; i++) {
		if (!node_equal(x, y))
			return false;
		if (i + 1 < len) {
			x = node_next(x);
			y = node_next(y);
		}
	}
	return true;
}

/* Members in different order. */
static bool object_equal_unordered(struct node a, struct node b)
{
	size_t len = node_len(a);
	struct node key = node_first(b);
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, len);
	for (size_t i = 0; i < len; i++) {
		struct node value = node_next(key);

		(void)json_index_add(&index, node_str(key),
				     value.val); /* of keys given twice the first counts */
		if (i + 1 < len)
			key = node_next(value);
	}
	key = node_first(a);
	for (size_t i = 0; i < len; i++) {
		struct node value = node_next(key),
			    other = { json_index_get(&index, node_str(key)), b.mut };

		if (!other.val || !node_equal(value, other))
			return false;
		if (i + 1 < len)
			key = node_next(value);
	}
	return true;
}

static bool object_equal(struct node a, struct node b)
{
	size_t len = node_len(a);
	struct node x, y;

	if (len != node_len(b))
		return false;
	if (!len)
		return true;
	x = node_first(a);
	y = node_first(b);
	for (size_t i = 0; i < len; i++) {
		struct node x_value = node_next(x), y_value = node_next(y);

		if (!str_eq(node_str(x), node_str(y)))
			return object_equal_unordered(a, b);
		if (!node_equal(x_value, y_value))
			return false;
		if (i + 1 < len) {
			x = node_next(x_value);
			y = node_next(y_value);
		}
	}
	return true;
}

static bool node_equal(struct node a, struct node b)
{
	yyjson_type type = unsafe_yyjson_get_type(a.val);

	if (type != unsafe_yyjson_get_type(b.val))
		return false;
	switch (type) {
	case YYJSON_TYPE_OBJ:
		return object_equal(a, b);
	case YYJSON_TYPE_ARR:
		return array_equal(a, b);
	case YYJSON_TYPE_STR:
	case YYJSON_TYPE_RAW:
		return str_eq(node_str(a), node_str(b));
	case YYJSON_TYPE_NUM:
		return number_equal(a.val, b.val);
	case YYJSON_TYPE_BOOL:
		return unsafe_yyjson_get_bool(a.val) == unsafe_yyjson_get_bool(b.val);
	default:
		return true;
	}
}

bool json_equal(yyjson_val *a, yyjson_val *b)
{
	return a && b ? node_equal((struct node){ a, false }, (struct node){ b, false }) : !a && !b;
}

bool json_mut_equal(yyjson_mut_val *a, yyjson_mut_val *b)
{
	return a && b ? node_equal((struct node){ a, true }, (struct node){ b, true }) : !a && !b;
}

bool json_mixed_equal(yyjson_mut_val *a, yyjson_val *b)
{
	return a && b ? node_equal((struct node){ a, true }, (struct node){ b, false }) : !a && !b;
}
