/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities of Kubernetes. */
#include "codec/quantity.h"
#include "cel/opaque_internal.h"

#define NANO INT64_C(1000000000)

static struct cel_value is_quantity(struct cel_frame *f, const struct cel_value *args)
{
	struct quantity q;

	return cel_bool(quantity_parse(cel_str(args[0]), &q, NULL) == 0);
}

static struct cel_value wrap(struct cel_frame *f, struct quantity q)
{
	struct quantity *copy = cel_take_small(f, sizeof(*copy));

	*copy = q;
	return cel_make_opaque(&cel_type_quantity, copy);
}

static struct cel_value make_quantity(struct cel_frame *f, const struct cel_value *args)
{
	struct quantity q;
	struct err err = { 0 };

	if (quantity_parse(cel_str(args[0]), &q, &err) < 0)
		return cel_fail(f, "%s", err.msg);
	return wrap(f, q);
}

static const struct quantity *self(const struct cel_value *args)
{
	return args[0].opaque;
}

/* What is too large was capped, and is no integer. */
static bool is_whole(const struct quantity *q)
{
	return q->nano % NANO == 0 && q->nano / NANO > -INT64_MAX && q->nano / NANO < INT64_MAX;
}

static struct cel_value is_integer(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(is_whole(self(args)));
}

static struct cel_value as_integer(struct cel_frame *f, const struct cel_value *args)
{
	if (!is_whole(self(args)))
		return cel_fail(f, "cannot convert value to integer");
	return cel_int((int64_t)(self(args)->nano / NANO));
}

static struct cel_value as_float(struct cel_frame *f, const struct cel_value *args)
{
	__int128 whole = self(args)->nano / NANO;
	int64_t rest = (int64_t)(self(args)->nano % NANO);

	return cel_make_double((double)whole + (double)rest / (double)NANO);
}

static struct cel_value sign(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(self(args)->nano < 0 ? -1 : self(args)->nano > 0);
}

static struct quantity other(const struct cel_value *args)
{
	return args[1].kind == CEL_INT ? quantity_of(args[1].integer, QUANTITY_DECIMAL_SI)
				       : *(const struct quantity *)args[1].opaque;
}

static struct cel_value add(struct cel_frame *f, const struct cel_value *args)
{
	struct quantity sum = *self(args);
	struct quantity q = other(args);

	quantity_add(&sum, &q);
	return wrap(f, sum);
}

static struct cel_value sub(struct cel_frame *f, const struct cel_value *args)
{
	struct quantity difference = *self(args);
	struct quantity q = other(args);

	q.nano = -q.nano;
	quantity_add(&difference, &q);
	return wrap(f, difference);
}

static struct cel_value is_less(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(quantity_cmp(self(args), args[1].opaque) < 0);
}

static struct cel_value is_greater(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(quantity_cmp(self(args), args[1].opaque) > 0);
}

static struct cel_value compare(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(quantity_cmp(self(args), args[1].opaque));
}

#define QUANTITY1(function, returns, fn)                                                 \
	{                                                                                \
		.name = (function), .member = true, .count = 1,                          \
		.parameters = { &cel_type_quantity }, .result = (returns), .call = (fn), \
	}
#define QUANTITY2(function, second, returns, fn)                                                   \
	{                                                                                          \
		.name = (function), .member = true, .count = 2,                                    \
		.parameters = { &cel_type_quantity, (second) }, .result = (returns), .call = (fn), \
	}

const struct cel_function cel_library_quantity[] = {
	{ .name = "quantity",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_type_quantity,
	  .call = make_quantity,
	  .cost = CEL_COST_PARSE },
	{ .name = "isQuantity",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_type_bool,
	  .call = is_quantity,
	  .cost = CEL_COST_PARSE },
	QUANTITY1("isInteger", &cel_type_bool, is_integer),
	QUANTITY1("asInteger", &cel_type_int, as_integer),
	QUANTITY1("asApproximateFloat", &cel_type_double, as_float),
	{ .name = "sign",
	  .count = 1,
	  .parameters = { &cel_type_quantity },
	  .result = &cel_type_int,
	  .call = sign },
	QUANTITY2("add", &cel_type_quantity, &cel_type_quantity, add),
	QUANTITY2("add", &cel_type_int, &cel_type_quantity, add),
	QUANTITY2("sub", &cel_type_quantity, &cel_type_quantity, sub),
	QUANTITY2("sub", &cel_type_int, &cel_type_quantity, sub),
	QUANTITY2("isLessThan", &cel_type_quantity, &cel_type_bool, is_less),
	QUANTITY2("isGreaterThan", &cel_type_quantity, &cel_type_bool, is_greater),
	QUANTITY2("compareTo", &cel_type_quantity, &cel_type_int, compare),
	{ 0 },
};
