/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on computed values: arithmetic with overflow as an error, order, concatenation,
 * membership, negation. */
#include <math.h>

#include "base/time.h"
#include "cel/value_internal.h"

static struct cel_value overflow(struct cel_frame *f, enum cel_kind kind)
{
	return cel_fail(f, "%s overflow", kind == CEL_UINT ? "unsigned integer" : "integer");
}

static struct cel_value int_arithmetic(struct cel_frame *f, enum cel_op op, int64_t a, int64_t b)
{
	int64_t r = 0;
	bool bad = false;

	switch (op) {
	case CEL_OP_ADD:
		bad = __builtin_add_overflow(a, b, &r);
		break;
	case CEL_OP_SUBTRACT:
		bad = __builtin_sub_overflow(a, b, &r);
		break;
	case CEL_OP_MULTIPLY:
		bad = __builtin_mul_overflow(a, b, &r);
		break;
	case CEL_OP_DIVIDE:
	case CEL_OP_MODULO:
		if (b == 0)
			return cel_fail(f, op == CEL_OP_DIVIDE ? "division by zero"
							       : "modulus by zero");
		if (a == INT64_MIN && b == -1)
			return overflow(f, CEL_INT);
		r = op == CEL_OP_DIVIDE ? a / b : a % b;
		break;
	default:
		return cel_no_overload();
	}
	return bad ? overflow(f, CEL_INT) : cel_int(r);
}

static struct cel_value uint_arithmetic(struct cel_frame *f, enum cel_op op, uint64_t a, uint64_t b)
{
	uint64_t r = 0;
	bool bad = false;

	switch (op) {
	case CEL_OP_ADD:
		bad = __builtin_add_overflow(a, b, &r);
		break;
	case CEL_OP_SUBTRACT:
		bad = __builtin_sub_overflow(a, b, &r);
		break;
	case CEL_OP_MULTIPLY:
		bad = __builtin_mul_overflow(a, b, &r);
		break;
	case CEL_OP_DIVIDE:
	case CEL_OP_MODULO:
		if (b == 0)
			return cel_fail(f, op == CEL_OP_DIVIDE ? "division by zero"
							       : "modulus by zero");
		r = op == CEL_OP_DIVIDE ? a / b : a % b;
		break;
	default:
		return cel_no_overload();
	}
	return bad ? overflow(f, CEL_UINT) : cel_make_uint(r);
}

static struct cel_value double_arithmetic(enum cel_op op, double a, double b)
{
	switch (op) {
	case CEL_OP_ADD:
		return cel_make_double(a + b);
	case CEL_OP_SUBTRACT:
		return cel_make_double(a - b);
	case CEL_OP_MULTIPLY:
		return cel_make_double(a * b);
	case CEL_OP_DIVIDE:
		if (b == 0) /* IEEE 754 says what it is; C leaves it open */
			return cel_make_double(a == 0 || isnan(a)	      ? NAN
					       : (a < 0) != (signbit(b) != 0) ? -INFINITY
									      : INFINITY);
		return cel_make_double(a / b);
	default:
		return cel_no_overload();
	}
}

/* seconds and nanoseconds moved by a duration. */
static struct cel_value shift(struct cel_frame *f, struct cel_value t, int64_t ns, bool back)
{
	int64_t zone_seconds = t.zone_seconds;
	__int128 sum = (__int128)t.integer * TIME_NS_PER_SECOND + t.nanos +
		       (back ? -(__int128)ns : ns);
	__int128 seconds = sum / TIME_NS_PER_SECOND;
	int64_t nanos = (int64_t)(sum % TIME_NS_PER_SECOND);

	if (nanos < 0) {
		nanos += TIME_NS_PER_SECOND;
		seconds--;
	}
	t = cel_timestamp(f, (int64_t)seconds, (int32_t)nanos);
	if (!cel_is_error(t))
		t.zone_seconds = zone_seconds;
	return t;
}

static struct cel_value subtract_times(struct cel_frame *f, struct cel_value a, struct cel_value b)
{
	__int128 ns = (__int128)(a.integer - b.integer) * TIME_NS_PER_SECOND + (a.nanos - b.nanos);

	if (ns > INT64_MAX || ns < INT64_MIN)
		return cel_fail(f, "duration overflow");
	return cel_make_duration((int64_t)ns);
}

static struct cel_value time_arithmetic(struct cel_frame *f, enum cel_op op, struct cel_value a,
					struct cel_value b)
{
	int64_t ns;
	bool add = op == CEL_OP_ADD;

	if (!add && op != CEL_OP_SUBTRACT)
		return cel_no_overload();
	if (a.kind == CEL_DURATION && b.kind == CEL_DURATION) {
		if (add ? __builtin_add_overflow(a.integer, b.integer, &ns)
			: __builtin_sub_overflow(a.integer, b.integer, &ns))
			return cel_fail(f, "duration overflow");
		return cel_make_duration(ns);
	}
	if (a.kind == CEL_TIMESTAMP && b.kind == CEL_DURATION)
		return shift(f, a, b.integer, !add);
	if (a.kind == CEL_DURATION && b.kind == CEL_TIMESTAMP && add)
		return shift(f, b, a.integer, false);
	if (a.kind == CEL_TIMESTAMP && b.kind == CEL_TIMESTAMP && !add)
		return subtract_times(f, a, b);
	return cel_no_overload();
}

static struct cel_value add_text(struct cel_frame *f, struct cel_value a, struct cel_value b)
{
	char *text = cel_take(f, a.len + b.len + 1);

	if (!text)
		return cel_stopped(f->evaluation);
	memcpy(text, a.len ? a.ptr : "", a.len);
	memcpy(text + a.len, b.len ? b.ptr : "", b.len);
	return (struct cel_value){ .kind = a.kind, .ptr = text, .len = a.len + b.len };
}

/* b's elements behind a's; in a set or a map of a schema those that are there are kept, or
 * replaced. */
static struct cel_value merge_lists(struct cel_frame *f, struct cel_value a, struct cel_value b)
{
	const struct cel_type *type = a.type;
	struct cel_value merged = cel_list_new(f, cel_list_count(a) + cel_list_count(b));
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (cel_is_error(merged) || !cel_iterate(a, &it))
		return merged;
	while (!cel_is_error(merged) && cel_next(f, &it, &key, &v))
		merged = cel_list_append(f, merged, v);
	if (cel_is_error(merged) || !cel_iterate(b, &it))
		return merged;
	while (!cel_is_error(merged) && cel_next(f, &it, &key, &v)) {
		size_t count = merged.list->count;
		size_t i = 0;

		while (i < count && !cel_list_matches(f, type, merged.list->items->values[i], v))
			i++;
		if (i == count)
			merged = cel_list_append(f, merged, v);
		else if (type->list_type == CEL_LIST_MAP)
			merged.list->items->values[i] = v;
	}
	if (f->evaluation->stopped)
		return cel_stopped(f->evaluation);
	if (!cel_is_error(merged))
		merged.type = type; /* a sum is compared, and added to, as what it is a sum of */
	return merged;
}

static struct cel_value arithmetic(struct cel_frame *f, enum cel_op op, struct cel_value a,
				   struct cel_value b)
{
	if (a.kind == CEL_TIMESTAMP || a.kind == CEL_DURATION)
		return time_arithmetic(f, op, a, b);
	if (a.kind != b.kind)
		return cel_no_overload();
	switch ((enum cel_kind)a.kind) {
	case CEL_INT:
		return int_arithmetic(f, op, a.integer, b.integer);
	case CEL_UINT:
		return uint_arithmetic(f, op, a.natural, b.natural);
	case CEL_DOUBLE:
		return double_arithmetic(op, a.real, b.real);
	case CEL_STRING:
	case CEL_BYTES:
		return op == CEL_OP_ADD ? add_text(f, a, b) : cel_no_overload();
	case CEL_LIST:
		if (op != CEL_OP_ADD)
			return cel_no_overload();
		return a.type->list_type != CEL_LIST_ATOMIC ? merge_lists(f, a, b)
							    : cel_list_concat(f, a, b);
	default:
		return cel_no_overload();
	}
}

static struct cel_value compare(enum cel_op op, struct cel_value a, struct cel_value b)
{
	int cmp = a.kind == CEL_OPAQUE ? 3 : cel_compare(a, b);

	if (cmp == 3)
		return cel_no_overload();
	if (cmp == 2)
		return cel_bool(false);
	switch (op) {
	case CEL_OP_LESS:
		return cel_bool(cmp < 0);
	case CEL_OP_LESS_EQUAL:
		return cel_bool(cmp <= 0);
	case CEL_OP_GREATER:
		return cel_bool(cmp > 0);
	default:
		return cel_bool(cmp >= 0);
	}
}

static struct cel_value contains(struct cel_frame *f, struct cel_value v, struct cel_value in)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value x;
	bool found = false;

	if (in.kind == CEL_OBJECT && in.form != CEL_FORM_OWN && v.kind == CEL_STRING) {
		struct str json_name = cel_str(v);

		(void)cel_unescape(f->evaluation->arena, cel_str(v),
				   &json_name); /* as it is, else */
		return cel_bool(cel_field_find(f, in, json_name, &cel_type_dyn, &x));
	}
	if (in.kind == CEL_MAP || in.kind == CEL_OBJECT)
		return cel_bool(cel_map_find(f, in, v, &x));
	if (in.kind != CEL_LIST || !cel_iterate(in, &it))
		return cel_no_overload();
	while (!found && cel_next(f, &it, &key, &x))
		found = cel_equal(f, v, x);
	return cel_bool(found);
}

struct cel_value cel_operator1(struct cel_frame *f, enum cel_op op, struct cel_value a)
{
	if (op == CEL_OP_NOT)
		return a.kind == CEL_BOOL ? cel_bool(!a.boolean) : cel_no_overload();
	if (a.kind == CEL_DOUBLE)
		return cel_make_double(-a.real);
	if (a.kind != CEL_INT)
		return cel_no_overload();
	return a.integer == INT64_MIN ? overflow(f, CEL_INT) : cel_int(-a.integer);
}

struct cel_value cel_operator2(struct cel_frame *f, enum cel_op op, struct cel_value a,
			       struct cel_value b)
{
	switch (op) {
	case CEL_OP_EQUAL:
		return cel_bool(cel_equal(f, a, b));
	case CEL_OP_UNEQUAL:
		return cel_bool(!cel_equal(f, a, b));
	case CEL_OP_LESS:
	case CEL_OP_LESS_EQUAL:
	case CEL_OP_GREATER:
	case CEL_OP_GREATER_EQUAL:
		return compare(op, a, b);
	case CEL_OP_IN:
		return contains(f, a, b);
	default:
		return arithmetic(f, op, a, b);
	}
}
