/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equality and order. Values of different types are unequal, numbers are compared by what they are.
 * Lists of a schema with x-kubernetes-list-type set or map are equal whatever their order.
 */
#include "base/num.h"
#include "cel/opaque_internal.h"
#include "cel/text_internal.h"
#include "cel/value_internal.h"

static bool cel_types_equal(const struct cel_type *a, const struct cel_type *b);

static bool is_number(struct cel_value v)
{
	return v.kind == CEL_INT || v.kind == CEL_UINT || v.kind == CEL_DOUBLE;
}

static int order(bool less, bool greater)
{
	return less ? -1 : greater;
}

static int compare_double_int(double a, int64_t b)
{
	if (a != a)
		return 2;
	if (a < -0x1p63)
		return -1;
	if (a >= 0x1p63)
		return 1;
	if ((int64_t)a != b)
		return order((int64_t)a < b, true);
	return order(a<(double)(int64_t)a, a>(double)(int64_t) a);
}

static int compare_double_uint(double a, uint64_t b)
{
	if (a != a)
		return 2;
	if (a < 0)
		return -1;
	if (a >= 0x1p64)
		return 1;
	if ((uint64_t)a != b)
		return order((uint64_t)a < b, true);
	return order(false, a > (double)(uint64_t)a);
}

static int reverse(int cmp)
{
	return cmp == 2 ? 2 : -cmp;
}

static int compare_numbers(struct cel_value a, struct cel_value b)
{
	if (a.kind == CEL_DOUBLE && b.kind == CEL_DOUBLE)
		return a.real != a.real || b.real != b.real ? 2
							    : order(a.real<b.real, a.real> b.real);
	if (a.kind == CEL_DOUBLE)
		return b.kind == CEL_INT ? compare_double_int(a.real, b.integer)
					 : compare_double_uint(a.real, b.natural);
	if (b.kind == CEL_DOUBLE)
		return reverse(compare_numbers(b, a));
	if (a.kind == CEL_INT && b.kind == CEL_INT)
		return order(a.integer<b.integer, a.integer> b.integer);
	if (a.kind == CEL_INT && a.integer < 0)
		return -1;
	if (b.kind == CEL_INT && b.integer < 0)
		return 1;
	return order(a.natural<b.natural, a.natural> b.natural);
}

int cel_compare(struct cel_value a, struct cel_value b)
{
	if (is_number(a) && is_number(b))
		return compare_numbers(a, b);
	if (a.kind != b.kind)
		return 3;
	switch ((enum cel_kind)a.kind) {
	case CEL_BOOL:
		return order(a.boolean<b.boolean, a.boolean> b.boolean);
	case CEL_STRING:
	case CEL_BYTES:
		return str_cmp(cel_str(a), cel_str(b)) < 0 ? -1
							   : str_cmp(cel_str(a), cel_str(b)) > 0;
	case CEL_TIMESTAMP:
		if (a.integer != b.integer)
			return order(a.integer < b.integer, true);
		return order(a.nanos<b.nanos, a.nanos> b.nanos);
	case CEL_DURATION:
		return order(a.integer<b.integer, a.integer> b.integer);
	default:
		return a.kind == CEL_OPAQUE ? cel_opaque_compare(a, b) : 3;
	}
}

static bool equal(struct cel_frame *f, struct cel_value a, struct cel_value b, unsigned depth);

static bool equal_in_order(struct cel_frame *f, struct cel_value a, struct cel_value b,
			   unsigned depth)
{
	struct cel_iterator left;
	struct cel_iterator right;
	struct cel_value key;
	struct cel_value x;
	struct cel_value y;

	if (!cel_iterate(a, &left) || !cel_iterate(b, &right) || left.count != right.count)
		return false;
	while (cel_next(f, &left, &key, &x) && cel_next(f, &right, &key, &y))
		if (!equal(f, x, y, depth + 1))
			return false;
	return !f->evaluation->stopped;
}

/* True when the elements of a list of type map have the same keys. */
static bool same_list_keys(struct cel_frame *f, const struct cel_type *type, struct cel_value a,
			   struct cel_value b, unsigned depth)
{
	for (size_t i = 0; i < type->list_key_count; i++) {
		struct cel_value x = cel_null();
		struct cel_value y = cel_null();
		bool has_x = (a.kind == CEL_OBJECT || a.kind == CEL_MAP) &&
			     cel_field_find(f, a, type->list_keys[i], &cel_type_dyn, &x);
		bool has_y = (b.kind == CEL_OBJECT || b.kind == CEL_MAP) &&
			     cel_field_find(f, b, type->list_keys[i], &cel_type_dyn, &y);

		if (has_x != has_y || (has_x && !equal(f, x, y, depth + 1)))
			return false;
	}
	return true;
}

bool cel_list_matches(struct cel_frame *f, const struct cel_type *type, struct cel_value a,
		      struct cel_value b)
{
	return type->list_type == CEL_LIST_MAP ? same_list_keys(f, type, a, b, 0)
					       : cel_equal(f, a, b);
}

/* The sum over elements of what they are counted by is taken from the work, so this stays bounded.
 */
static bool equal_in_any_order(struct cel_frame *f, struct cel_value a, struct cel_value b,
			       unsigned depth)
{
	struct cel_iterator left;
	struct cel_value key;
	struct cel_value x;

	if (!cel_iterate(a, &left) || left.count != cel_list_count(b))
		return false;
	while (cel_next(f, &left, &key, &x)) {
		bool found = false;
		struct cel_iterator right;
		struct cel_value y;

		if (!cel_iterate(b, &right))
			return false;
		while (!found && cel_next(f, &right, &key, &y))
			found = equal(f, x, y, depth + 1);
		if (!found)
			return false;
	}
	return !f->evaluation->stopped;
}

static bool equal_maps(struct cel_frame *f, struct cel_value a, struct cel_value b, unsigned depth)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value x;
	struct cel_value y;

	if (a.form == CEL_FORM_LOOKUP || b.form == CEL_FORM_LOOKUP)
		return a.form == b.form && a.lookup == b.lookup;
	if (!cel_iterate(a, &it) || it.count != cel_map_count(b))
		return false;
	while (cel_next(f, &it, &key, &x)) {
		bool found;

		if (a.kind == CEL_OBJECT && a.form != CEL_FORM_OWN) {
			struct str json_name = cel_str(key);

			(void)cel_unescape(f->evaluation->arena, cel_str(key),
					   &json_name); /* as it is, else */
			found = cel_field_find(f, b, json_name, &cel_type_dyn, &y);
		} else {
			found = cel_map_find(f, b, key, &y);
		}
		if (!found || !equal(f, x, y, depth + 1))
			return false;
	}
	return !f->evaluation->stopped;
}

static bool equal_same_kind(struct cel_frame *f, struct cel_value a, struct cel_value b,
			    unsigned depth)
{
	switch ((enum cel_kind)a.kind) {
	case CEL_NULL:
		return true;
	case CEL_STRING:
	case CEL_BYTES:
		return a.len == b.len && cel_work(f, a.len / 64) && str_eq(cel_str(a), cel_str(b));
	case CEL_LIST:
		if (a.type->list_type != CEL_LIST_ATOMIC)
			return equal_in_any_order(f, a, b, depth);
		return equal_in_order(f, a, b, depth);
	case CEL_OPTIONAL:
		if (!a.value || !b.value)
			return a.value == b.value;
		return equal(f, *a.value, *b.value, depth + 1);
	case CEL_TYPE:
		return cel_types_equal(a.named, b.named);
	case CEL_OPAQUE:
		return cel_opaque_equal(a, b);
	default:
		return cel_compare(a, b) == 0;
	}
}

static bool equal(struct cel_frame *f, struct cel_value a, struct cel_value b, unsigned depth)
{
	bool a_is_map = a.kind == CEL_MAP || a.kind == CEL_OBJECT;

	if (depth > 2 * CEL_VALUE_DEPTH_MAX || !cel_work(f, 1))
		return false;
	if (is_number(a) && is_number(b))
		return compare_numbers(a, b) == 0;
	if (a_is_map && (b.kind == CEL_MAP || b.kind == CEL_OBJECT))
		return equal_maps(f, a, b, depth);
	return a.kind == b.kind && equal_same_kind(f, a, b, depth);
}

bool cel_equal(struct cel_frame *f, struct cel_value a, struct cel_value b)
{
	return equal(f, a, b, 0);
}

/* ---- what a value is ---- */

/* of type(v) */
static bool cel_types_equal(const struct cel_type *a, const struct cel_type *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == CEL_OPAQUE)
		return a == b;
	return a->kind != CEL_OBJECT || a == b ||
	       (a->source == b->source && str_eq(a->name, b->name));
}

const struct cel_type *cel_kind_type(struct cel_value v)
{
	static const struct cel_type *const types[CEL_KIND_COUNT] = {
		[CEL_NULL] = &cel_type_null,	     [CEL_BOOL] = &cel_type_bool,
		[CEL_INT] = &cel_type_int,	     [CEL_UINT] = &cel_type_uint,
		[CEL_DOUBLE] = &cel_type_double,     [CEL_STRING] = &cel_type_string,
		[CEL_BYTES] = &cel_type_bytes,	     [CEL_TIMESTAMP] = &cel_type_timestamp,
		[CEL_DURATION] = &cel_type_duration, [CEL_LIST] = &cel_type_list_dyn,
		[CEL_MAP] = &cel_type_map_dyn,	     [CEL_OPTIONAL] = &cel_optional_dyn,
		[CEL_TYPE] = &cel_type_type,
	};

	return types[v.kind] ? types[v.kind] : v.type;
}

struct str cel_kind_name(struct cel_value v)
{
	static const char *const names[CEL_KIND_COUNT] = {
		[CEL_NULL] = "null_type",
		[CEL_BOOL] = "bool",
		[CEL_INT] = "int",
		[CEL_UINT] = "uint",
		[CEL_DOUBLE] = "double",
		[CEL_STRING] = "string",
		[CEL_BYTES] = "bytes",
		[CEL_TIMESTAMP] = "google.protobuf.Timestamp",
		[CEL_DURATION] = "google.protobuf.Duration",
		[CEL_LIST] = "list",
		[CEL_MAP] = "map",
		[CEL_OPTIONAL] = "optional_type",
		[CEL_TYPE] = "type",
		[CEL_ERROR] = "error",
	};

	return names[v.kind] ? str_from(names[v.kind]) : v.type->name;
}

uint64_t cel_size(struct cel_value v)
{
	switch ((enum cel_kind)v.kind) {
	case CEL_STRING:
		return text_count(cel_str(v));
	case CEL_BYTES:
		return v.len;
	case CEL_LIST:
		return cel_list_count(v);
	case CEL_MAP:
	case CEL_OBJECT:
		return cel_map_count(v);
	case CEL_OPAQUE:
		return cel_opaque_size(v);
	default:
		return 1;
	}
}

bool cel_fits(struct cel_value v, const struct cel_type *parameter)
{
	switch (parameter->kind) {
	case CEL_DYN:
	case CEL_PARAM:
		return true;
	case CEL_OPAQUE:
		return v.kind == CEL_OPAQUE && v.type == parameter;
	case CEL_MAP:
		return v.kind == CEL_MAP || v.kind == CEL_OBJECT;
	case CEL_LIST: {
		struct cel_value first;

		/* what an overload asks of elements is told by the first one */
		if (v.kind != CEL_LIST || parameter->element->kind == CEL_PARAM ||
		    parameter->element->kind == CEL_DYN || parameter->element->kind == CEL_LIST)
			return v.kind == CEL_LIST;
		if (cel_list_count(v) == 0 || v.form != CEL_FORM_OWN)
			return true;
		first = v.list->items->values[0];
		return cel_fits(first, parameter->element);
	}
	default:
		return v.kind == parameter->kind;
	}
}
